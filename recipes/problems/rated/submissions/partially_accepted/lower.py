# The length of the first word: right where there is no other.
print(len(input().split()[0]))
