"""One number for each column, the row of its queen. Each queen that no other one attacks gives its part of the points."""
import sys

size = int(open(sys.argv[1]).read())
try:
    rows = [int(word) for word in open(sys.argv[3]).read().split()]
except ValueError:
    rows = []
if len(rows) != size or not all(1 <= row <= size for row in rows):
    print(0.0)
    print("not a row for each column", file=sys.stderr)
    sys.exit()


def attacks(one, other):
    return rows[one] == rows[other] or abs(rows[one] - rows[other]) == abs(one - other)


safe = sum(not any(attacks(one, other) for other in range(size) if other != one) for one in range(size))
print(safe / size)
print(f"{safe} of {size} queens are safe", file=sys.stderr)
