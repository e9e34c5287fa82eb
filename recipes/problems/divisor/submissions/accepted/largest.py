number = int(input())
print(next(d for d in range(number - 1, 1, -1) if number % d == 0))
