foreach word {banana apple cherry apple banana apple} { dict incr counts $word }
puts -nonewline maps
foreach word [lsort [dict keys $counts]] { puts -nonewline " $word=[dict get $counts $word]" }
puts ""
puts "sort [lsort -integer {3 -5 9 0 8 -1}]"
set product 1
for {set i 2} {$i <= 50} {incr i} { set product [expr {$product * $i}] }
puts "bigint $product"
puts "regex [regexp -all -inline {\m\d{4}-\d{2}-\d{2}\M} {from 2024-02-29 to 1999-12-31, not 99-1-1}]"
puts [format "sqrt %.6f" [expr {sqrt(2)}]]
puts "time [clock format 1000000000 -gmt 1 -format %Y-%m-%dT%H:%M:%SZ]"
