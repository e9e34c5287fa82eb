import std.range, std.stdio;

void main() {
    writeln("Grüße, Мир, 世界, 😀");
    foreach (line; stdin.byLine) writeln(line.walkLength, " ", line.retro);
}
