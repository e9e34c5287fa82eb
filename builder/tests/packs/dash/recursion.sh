# dash allows 1000 nested calls.
total=0
sum() {
    test $1 = 0 && return
    total=$((total + $1))
    sum $(($1 - 1))
}

sum 900
echo $total
