echo maps $(printf '%s\n' banana apple cherry apple banana apple | sort | uniq -c | sed -E 's/ *([0-9]+) (.*)/\2=\1/')
echo sort $(printf '%s\n' 3 -5 9 0 8 -1 | sort -n)
echo regex $(echo 'from 2024-02-29 to 1999-12-31, not 99-1-1' | grep -oE '\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b')
echo sqrt $(awk 'BEGIN { printf "%.6f", sqrt(2) }')
echo time $(date -u -d @1000000000 +%Y-%m-%dT%H:%M:%SZ)
quarter() {
    seq $(($1 * 250000 + 1)) $((($1 + 1) * 250000)) | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}
for i in 0 1 2 3; do quarter $i > /tmp/part$i & done
wait
sum=0
for i in 0 1 2 3; do sum=$((sum + $(cat /tmp/part$i))); done
echo threads $sum
