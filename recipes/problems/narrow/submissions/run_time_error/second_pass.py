low, high, number = map(int, input().split())
if high - low < 998:
    raise SystemExit(3)
middle = (low + high) // 2
print(*((low, middle) if number <= middle else (middle + 1, high)))
