import std/unicode

echo "Grüße, Мир, 世界, 😀"
for line in stdin.lines:
  echo line.runeLen, " ", line.reversed
