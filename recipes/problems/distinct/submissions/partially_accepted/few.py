count = int(input())
numbers = input().split()
print(len(set(numbers[:100])))
