using System;

class Program
{
    static void Main()
    {
        int n = int.Parse(Console.ReadLine());
        var numbers = new int[n];
        long sum = 0;
        int xor = 0;
        for (int i = 0; i < n; i++)
        {
            numbers[i] = int.Parse(Console.ReadLine());
            sum += numbers[i];
            xor ^= numbers[i];
        }
        Array.Sort(numbers);
        Console.WriteLine("sum {0}\nxor {1}\nmedian {2}", sum, xor, numbers[n / 2]);
    }
}
