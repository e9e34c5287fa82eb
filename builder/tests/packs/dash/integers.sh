read -r n
cat > /tmp/numbers
# A million words at once would be a command line of 10 MB; awk has doubles, which hold the sum.
awk '{ sum += $1 } END { printf "sum %.0f\n", sum }' /tmp/numbers
xor=0
while read -r number; do
    xor=$((xor ^ number))
done < /tmp/numbers
echo "xor $xor"
echo "median $(sort -n /tmp/numbers | sed -n "$((n / 2 + 1))p")"
