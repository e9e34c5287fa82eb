"""Each pass gives an interval and a number in it, and gets a part of the interval, at most half of it and one more.

The number is there for the validator: the next pass has the same one.
"""
import sys

ACCEPT, REJECT = 42, 43
feedback = sys.argv[3]


def end(code, message):
    with open(feedback + "judgemessage.txt", "w") as file:
        file.write(message)
    sys.exit(code)


low, high, number = map(int, open(sys.argv[1]).read().split())
try:
    first, last = map(int, sys.stdin.read().split())
except ValueError:
    end(REJECT, "expected two numbers")
if not low <= first <= number <= last <= high:
    end(REJECT, f"{first} to {last} is not a part of {low} to {high} that has {number}")
if last - first > (high - low) // 2:
    end(REJECT, f"{first} to {last} is more than half of {low} to {high}")
if first < last:
    with open(feedback + "nextpass.in", "w") as file:
        print(first, last, number, file=file)
end(ACCEPT, f"{first} to {last}")
