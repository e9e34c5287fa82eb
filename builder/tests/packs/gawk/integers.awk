function xored(a, b) {
    # The functions of bits take no negative numbers: two's complement of 32 bits.
    a = xor(a < 0 ? a + 4294967296 : a, b < 0 ? b + 4294967296 : b)
    return a >= 2147483648 ? a - 4294967296 : a
}

NR == 1 { next }
{ numbers[++count] = $1 + 0; sum += $1; bits = xored(bits, $1 + 0) }

END {
    asort(numbers)
    printf "sum %d\nxor %d\nmedian %d\n", sum, bits, numbers[int(count / 2) + 1]
}
