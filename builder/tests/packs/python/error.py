def inner(numbers):
    return numbers[3]


def outer():
    return inner([1, 2, 3])


print("before", flush=True)
outer()
