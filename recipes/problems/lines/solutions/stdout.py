with open("lines.in") as numbers:
    for _ in range(int(numbers.readline())):
        print(sum(map(int, numbers.readline().split())))
