n = int(input())
print(int(n / 2), n - int(n / 2) + n % 2 - 1)
