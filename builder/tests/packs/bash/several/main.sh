source ./lib/util.sh
greet "$(cat data.txt)"
