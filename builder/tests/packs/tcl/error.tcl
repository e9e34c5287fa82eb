proc inner {numbers} {
    return [expr {[lindex $numbers 3] + 1}]
}

proc outer {} {
    return [inner {1 2 3}]
}

puts before
outer
