using System;

class Program
{
    static long Sum(long n)
    {
        return n == 0 ? 0 : n + Sum(n - 1);
    }

    static void Main()
    {
        Console.WriteLine(Sum(100000));
    }
}
