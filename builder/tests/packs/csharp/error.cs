using System;
using System.Runtime.CompilerServices;

class Program
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    static int Inner(int[] numbers)
    {
        return numbers[3];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static int Outer()
    {
        return Inner(new[] {1, 2, 3}) + 1;
    }

    static void Main()
    {
        Console.WriteLine("before");
        Outer();
    }
}
