print("perhaps 7", flush=True)
input()
