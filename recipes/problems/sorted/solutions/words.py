print("up:", *sorted(map(int, input().split())))
