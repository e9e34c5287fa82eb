echo 'Grüße, Мир, 世界, 😀'
while IFS= read -r line; do
    reversed=
    for ((i = 0; i < ${#line}; i++)); do
        reversed=${line:i:1}$reversed
    done
    echo "${#line} $reversed"
done
