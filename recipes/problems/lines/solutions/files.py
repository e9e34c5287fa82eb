with open("lines.in") as numbers, open("lines.out", "w") as sums:
    for _ in range(int(numbers.readline())):
        print(sum(map(int, numbers.readline().split())), file=sums)
