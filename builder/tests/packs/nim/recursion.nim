proc sum(n: int): int =
  if n == 0: 0 else: n + sum(n - 1)

echo sum(100_000)
