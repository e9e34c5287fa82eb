"""Thinks of a number from 1 to 1000, and says whether each guess is too low or too high. Ten guesses are enough."""
import sys

ACCEPT, REJECT, GUESSES = 42, 43, 10


def end(code, message):
    with open(sys.argv[3] + "judgemessage.txt", "w") as file:
        file.write(message)
    sys.exit(code)


number = int(open(sys.argv[1]).read())
for count in range(1, GUESSES + 1):
    line = sys.stdin.readline()
    try:
        guess = int(line)
    except ValueError:
        end(REJECT, f"guess {count} is {line!r}")
    if guess == number:
        print("correct", flush=True)
        end(ACCEPT, f"{count} guesses")
    print("lower" if guess > number else "higher", flush=True)
end(REJECT, "too many guesses")
