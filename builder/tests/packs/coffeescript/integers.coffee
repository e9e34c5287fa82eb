numbers = Int32Array.from require("fs").readFileSync(0, "utf8").trim().split("\n")[1..], Number
sum = 0
bits = 0
for number in numbers
  sum += number
  bits ^= number
numbers.sort()
console.log "sum #{sum}\nxor #{bits}\nmedian #{numbers[numbers.length >> 1]}"
