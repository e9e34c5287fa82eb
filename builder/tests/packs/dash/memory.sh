block=x
while true; do
    block=$block$block
done
