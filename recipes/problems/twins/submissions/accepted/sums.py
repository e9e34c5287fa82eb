import sys

total = sum(map(int, input().split()))
if sys.argv[1] == "0":
    print(total, flush=True)
else:
    print(total + int(input()), flush=True)
