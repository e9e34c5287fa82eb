import std/strutils
import lib/util

greet readFile("data.txt").strip
