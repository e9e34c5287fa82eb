declare -A counts
for word in banana apple cherry apple banana apple; do
    ((counts[$word]++))
done
echo maps $(for word in "${!counts[@]}"; do echo "$word=${counts[$word]}"; done | sort)
echo sort $(printf '%s\n' 3 -5 9 0 8 -1 | sort -n)
text='from 2024-02-29 to 1999-12-31, not 99-1-1'
echo regex $(grep -oE '\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b' <<< "$text")
echo sqrt $(awk 'BEGIN { printf "%.6f", sqrt(2) }')
echo time $(TZ=UTC printf '%(%Y-%m-%dT%H:%M:%SZ)T' 1000000000)
quarter() {
    seq $(($1 * 250000 + 1)) $((($1 + 1) * 250000)) | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}
sum=0
while read -r part; do
    ((sum += part))
done < <(for i in 0 1 2 3; do quarter $i & done; wait)
echo threads $sum
