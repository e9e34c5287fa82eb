import std.algorithm, std.conv, std.stdio, std.string;

void main() {
    auto numbers = new int[readln.strip.to!int];
    long sum;
    int bits;
    foreach (ref number; numbers) {
        number = readln.strip.to!int;
        sum += number;
        bits ^= number;
    }
    numbers.sort;
    writefln("sum %d\nxor %d\nmedian %d", sum, bits, numbers[$ / 2]);
}
