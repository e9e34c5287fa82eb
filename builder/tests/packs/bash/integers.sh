# Piece by piece: a million words at once take 200 MB.
read -r n
cat > /tmp/numbers
sum=0 xor=0
while mapfile -t -n 10000 numbers && ((${#numbers[@]})); do
    IFS=+
    ((sum += ${numbers[*]}))
    IFS=^
    ((xor ^= ${numbers[*]}))
done < /tmp/numbers
echo "sum $sum"
echo "xor $xor"
echo "median $(sort -n /tmp/numbers | sed -n "$((n / 2 + 1))p")"
