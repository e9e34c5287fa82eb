import std.stdio;

int inner(int[] numbers) {
    return numbers[numbers.length];
}

int outer() {
    return inner([1, 2, 3]) + 1;
}

void main() {
    writeln("before");
    writeln(outer());
}
