low, high, number = map(int, input().split())
print(low, high)
