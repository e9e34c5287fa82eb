import std.stdio;

void main() {
    writeln(import("@CANARY@"));
}
