import std.stdio;

void main() {
    writeln("spinning");
    stdout.flush;
    for (ulong n;; n++) {}
}
