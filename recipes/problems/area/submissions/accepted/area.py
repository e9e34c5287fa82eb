from numbers_in import numbers

width, height = numbers()
print(width * height)
