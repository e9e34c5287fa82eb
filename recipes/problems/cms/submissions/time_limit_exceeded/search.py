n = int(input())
half = 0
while half + half < n - 1:
    half += 1
print(half, n - half)
