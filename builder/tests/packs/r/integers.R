numbers <- scan(file("stdin"), quiet = TRUE)
count <- numbers[1]
numbers <- numbers[-1]
cat(sprintf("sum %.0f\n", sum(numbers)))
cat(sprintf("xor %d\n", Reduce(bitwXor, as.integer(numbers))))
cat(sprintf("median %.0f\n", sort(numbers)[count %/% 2 + 1]))
