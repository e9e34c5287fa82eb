proc spin(): int =
  while true: result += 1

# Runs in the compiler, which counts the steps of its loops.
const spun = spin()
echo spun
