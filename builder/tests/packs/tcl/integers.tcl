proc main {} {
    gets stdin n
    set numbers [split [string trim [read stdin]] \n]
    set sum 0
    set xor 0
    foreach number $numbers {
        incr sum $number
        set xor [expr {$xor ^ $number}]
    }
    puts "sum $sum"
    puts "xor $xor"
    puts "median [lindex [lsort -integer $numbers] [expr {$n / 2}]]"
}

main
