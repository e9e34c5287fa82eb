import sys

print("Grüße, Мир, 世界, 😀")
for line in sys.stdin:
    line = line.rstrip("\n")
    print(len(line), line[::-1])
