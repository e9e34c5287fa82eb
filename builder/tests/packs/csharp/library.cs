using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

class Program
{
    static void Main()
    {
        var counts = new SortedDictionary<string, int>();
        foreach (var word in "banana apple cherry apple banana apple".Split(' '))
        {
            counts.TryGetValue(word, out int count);
            counts[word] = count + 1;
        }
        Console.WriteLine("maps " + string.Join(" ", counts.Select(pair => $"{pair.Key}={pair.Value}")));
        Console.WriteLine("sort " + string.Join(" ", new[] {3, -5, 9, 0, 8, -1}.OrderBy(number => number)));
        Console.WriteLine("bigint " + Enumerable.Range(1, 50).Aggregate(BigInteger.One, (product, i) => product * i));
        var dates = Regex.Matches("from 2024-02-29 to 1999-12-31, not 99-1-1", @"\b\d{4}-\d{2}-\d{2}\b");
        Console.WriteLine("regex " + string.Join(" ", dates.Cast<Match>().Select(date => date.Value)));
        Console.WriteLine("decimal " + (0.1m + 0.2m).ToString(CultureInfo.InvariantCulture));
        Console.WriteLine("sqrt " + Math.Sqrt(2).ToString("F6", CultureInfo.InvariantCulture));
        Console.WriteLine("time " + DateTimeOffset.FromUnixTimeSeconds(1000000000).ToString("yyyy-MM-ddTHH:mm:ssZ"));
        var parts = Enumerable.Range(0, 4).Select(i => Task.Run(() =>
            Enumerable.Range(i * 250000 + 1, 250000).Sum(number => (long)number))).ToArray();
        Task.WaitAll(parts);
        Console.WriteLine("threads " + parts.Sum(part => part.Result));
    }
}
