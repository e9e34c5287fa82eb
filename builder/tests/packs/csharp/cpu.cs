using System;

class Program
{
    static void Main()
    {
        Console.WriteLine("spinning");
        while (true) { }
    }
}
