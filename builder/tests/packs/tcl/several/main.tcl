source lib/util.tcl
greet [string trim [read [open data.txt]]]
