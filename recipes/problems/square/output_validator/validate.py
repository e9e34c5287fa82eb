import sys

# All points for a number whose square is near to the given one, half of them for one that is not too far away.
number, feedback = int(open(sys.argv[1]).read()), sys.argv[3]
try:
    root = float(sys.stdin.read())
except ValueError:
    open(feedback + "judgemessage.txt", "w").write("not a number")
    sys.exit(43)
error = abs(root * root - number) / number
open(feedback + "judgemessage.txt", "w").write(f"the square is {root * root:g}")
if error > 0.1:
    sys.exit(43)
open(feedback + "score_multiplier.txt", "w").write("1" if error < {{near}} else "0.5")
sys.exit(42)
