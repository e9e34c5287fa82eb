from lib.util import greet

with open("data.txt") as data:
    greet(data.read().strip())
