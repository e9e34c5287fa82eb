{ readFileSync } = require "fs"
{ greet } = require "./lib/util.js"

greet readFileSync("data.txt", "utf8").trim()
