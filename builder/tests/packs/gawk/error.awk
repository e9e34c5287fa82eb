function inner(numbers) {
    return numbers[1] + 1
}

function outer(number) {
    return inner(number)
}

BEGIN {
    print "before"
    outer(42)
}
