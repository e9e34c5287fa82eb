"""The nearer to the square root, the more of the points: all within 1e-4, half within 0.1."""
import sys

answer = float(open(sys.argv[2]).read())
try:
    found = float(open(sys.argv[3]).read())
    distance = abs(found - answer)
except ValueError:
    distance = float("inf")
if distance <= 1e-4:
    outcome, message = 1.0, "translate:success"
elif distance <= 0.1:
    outcome, message = 0.5, "translate:partial"
else:
    outcome, message = 0.0, "translate:wrong"
print(outcome)
print(message, file=sys.stderr)
