# A character of Tcl 8.6 has 16 bits: one outside of the first plane is two of them, a surrogate pair.
puts "Grüße, Мир, 世界, 😀"
while {[gets stdin line] >= 0} {
    set points [regexp -all -inline {[\ud800-\udbff][\udc00-\udfff]|.} $line]
    puts "[llength $points] [join [lreverse $points] {}]"
}
