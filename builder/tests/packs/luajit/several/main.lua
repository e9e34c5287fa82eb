local util = require("lib.util")

util.greet(io.open("data.txt"):read("*l"))
