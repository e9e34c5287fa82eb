items = None
while True:
    items = [items]
