import sys

numbers = list(map(int, sys.stdin.buffer.read().split()))[1:]
xor = 0
for number in numbers:
    xor ^= number
print("sum", sum(numbers))
print("xor", xor)
numbers.sort()
print("median", numbers[len(numbers) // 2])
