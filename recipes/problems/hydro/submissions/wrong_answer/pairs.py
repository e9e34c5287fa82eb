words = input().split()
for at in range(len(words) - 1):
    if words[at] > words[at + 1]:
        words[at], words[at + 1] = words[at + 1], words[at]
print(*words)
