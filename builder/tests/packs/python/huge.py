print("before")
numbers = [0] * 10**12
