import std/[algorithm, strutils]

let count = stdin.readLine.parseInt
var
  numbers = newSeq[int32](count)
  sum = 0
  bits = 0'i32
for number in numbers.mitems:
  number = stdin.readLine.parseInt.int32
  sum += number
  bits = bits xor number
numbers.sort
echo "sum ", sum
echo "xor ", bits
echo "median ", numbers[count div 2]
