from twice import twice

with open("input.txt") as numbers, open("output.txt", "w") as results:
    print(twice(int(numbers.read())), file=results)
