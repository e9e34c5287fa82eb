# A constant of the problem.
root = number = int(input())
while abs(root * root - number) > number * {{near}} / 2:
    root = (root + number / root) / 2
print(root)
