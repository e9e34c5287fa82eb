word = input()
first = word[0]
print(word[:0:-1] + first)
