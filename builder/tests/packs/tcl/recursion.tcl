proc sum {n} {
    if {$n == 0} { return 0 }
    return [expr {$n + [sum [expr {$n - 1}]]}]
}

interp recursionlimit {} 200000
puts [sum 100000]
