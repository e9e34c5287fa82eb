source("lib/util.R")
greet(readLines("data.txt"))
