echo spinning
while :; do :; done
