proc inner(numbers: seq[int]): int =
  numbers[numbers.len] + 1

proc outer(): int =
  inner(@[1, 2, 3]) + 1

echo "before"
echo outer()
