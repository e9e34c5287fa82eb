"""Each twin gets one list. The first one says a number of at most seven characters, which the second one is told; the
second one must say the sum of both lists.
"""
import sys


def end(outcome, message):
    print(outcome)
    print(message, file=sys.stderr)
    sys.exit()


with open("input.txt") as file:
    count, *lists = file.read().splitlines()
wanted = sum(map(int, " ".join(lists).split()))
twins = [(open(hears), open(says, "w")) for hears, says in zip(sys.argv[1::2], sys.argv[2::2])]
for (_, says), numbers in zip(twins, lists):
    print(numbers, file=says, flush=True)
word = twins[0][0].readline().strip()
if len(word) > 7:
    end(0.0, "the first twin says too much")
print(word, file=twins[1][1], flush=True)
answer = twins[1][0].readline().strip()
if answer == str(wanted):
    end(1.0, "translate:success")
end(0.0, "translate:wrong")
