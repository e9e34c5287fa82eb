# The shell counts bytes; GNU's sed and grep know code points.
echo 'Grüße, Мир, 世界, 😀'
while IFS= read -r line; do
    length=$(printf %s "$line" | grep -o . | wc -l)
    echo "$length $(printf %s "$line" | sed -E '/\n/!G; s/(.)(.*\n)/&\2\1/; //D; s/.//')"
done
