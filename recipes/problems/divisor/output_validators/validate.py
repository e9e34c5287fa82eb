"""Accepts any divisor of the number; with the flag `proper` neither 1 nor the number itself."""
import sys

number = int(open(sys.argv[1]).read())
feedback = sys.argv[3]


def reject(message):
    with open(feedback + "judgemessage.txt", "w") as file:
        file.write(message)
    sys.exit(43)


words = sys.stdin.read().split()
if len(words) != 1 or not words[0].isdecimal():
    reject("the output is not one number")
divisor = int(words[0])
if divisor == 0 or number % divisor:
    reject(f"{divisor} does not divide {number}")
if "proper" in sys.argv[4:] and divisor in (1, number):
    reject(f"{divisor} is not a proper divisor of {number}")
sys.exit(42)
