import lib.util;
import std.file, std.string;

void main() {
    greet(readText("data.txt").strip);
}
