using System;
using System.Linq;
using System.Text;

class Program
{
    static void Main()
    {
        Console.WriteLine("Grüße, Мир, 世界, 😀");
        for (string line; (line = Console.ReadLine()) != null;)
        {
            var points = new StringBuilder();
            int count = 0;
            for (int at = 0; at < line.Length; count++)
            {
                string point = char.ConvertFromUtf32(char.ConvertToUtf32(line, at));
                points.Insert(0, point);
                at += point.Length;
            }
            Console.WriteLine(count + " " + points);
        }
    }
}
