require "lib/util"

greet(File.read("data.txt").strip)
