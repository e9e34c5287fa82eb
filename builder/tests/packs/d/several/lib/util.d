module lib.util;

import std.stdio;

void greet(string name) {
    writeln("Hello, ", name, "!");
}
