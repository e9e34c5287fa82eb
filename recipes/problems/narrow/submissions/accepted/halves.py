low, high, number = map(int, input().split())
middle = (low + high) // 2
print(*((low, middle) if number <= middle else (middle + 1, high)))
