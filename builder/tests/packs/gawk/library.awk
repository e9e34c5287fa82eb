BEGIN {
    split("banana apple cherry apple banana apple", words, " ")
    for (i in words) counts[words[i]]++
    PROCINFO["sorted_in"] = "@ind_str_asc"
    printf "maps"
    for (word in counts) printf " %s=%d", word, counts[word]
    print ""

    count = split("3 -5 9 0 8 -1", numbers, " ")
    asort(numbers)
    printf "sort"
    for (i = 1; i <= count; i++) printf " %d", numbers[i]
    print ""

    printf "regex"
    count = patsplit("from 2024-02-29 to 1999-12-31, not 99-1-1", dates, /[0-9]{4}-[0-9]{2}-[0-9]{2}/)
    for (i = 1; i <= count; i++) printf " %s", dates[i]
    print ""
    printf "sqrt %.6f\n", sqrt(2)
    print "time " strftime("%Y-%m-%dT%H:%M:%SZ", 1000000000, 1)
}
