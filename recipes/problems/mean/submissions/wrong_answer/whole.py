numbers = input(), input().split()
print(sum(map(int, numbers[1])) // int(numbers[0]))
