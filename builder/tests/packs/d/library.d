import core.thread;
import std.algorithm, std.array, std.bigint, std.conv, std.datetime, std.format, std.json, std.math, std.range, std.regex, std.stdio;

void main() {
    int[string] counts;
    foreach (word; "banana apple cherry apple banana apple".split) counts[word]++;
    writeln("maps ", counts.keys.sort.map!(word => format("%s=%d", word, counts[word])).join(" "));
    writefln("sort %(%s %)", [3, -5, 9, 0, 8, -1].sort);
    writeln("bigint ", iota(1, 51).fold!((a, b) => a * b)(BigInt(1)));
    writefln("regex %-(%s %)", "from 2024-02-29 to 1999-12-31, not 99-1-1".matchAll(regex(`\b\d{4}-\d{2}-\d{2}\b`)).map!(m => m.hit));
    auto document = parseJSON(`{"name": "caf\u00e9", "values": [1, 2, 3]}`);
    writeln("json ", document["name"].str, " ", document["values"].array.map!(v => v.integer).sum, " ",
            JSONValue([JSONValue(1), JSONValue(null), JSONValue("x")]));
    writefln("sqrt %.6f", sqrt(2.0));
    writeln("time ", SysTime.fromUnixTime(1_000_000_000, UTC()).toISOExtString);
    long[4] sums;
    auto threads = iota(4).map!(i => new Thread({
        foreach (n; i * 250_000L + 1 .. (i + 1) * 250_000L + 1) sums[i] += n;
    })).array;
    foreach (thread; threads) thread.start;
    foreach (thread; threads) thread.join;
    writeln("threads ", sums[].sum);
}
