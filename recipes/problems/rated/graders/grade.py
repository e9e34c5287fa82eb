import sys

# `best N`: the N largest scores count, and a group with at least one right answer is accepted.
_, word, count = sys.argv
assert word == "best"
members = [line.split() for line in sys.stdin]
scores = sorted((float(score) for _, score in members), reverse=True)
verdict = "AC" if any(verdict == "AC" for verdict, _ in members) else "WA"
print(verdict, sum(scores[: int(count)]))
