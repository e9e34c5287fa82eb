print(open("numbers.txt").read())
