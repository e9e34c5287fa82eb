#!/usr/bin/env bash
# What judging costs: 100 tests of a C program that needs 10 ms each, two at a time, in turns with two loops of the shell
# that run the same program without a sandbox. Compiling is not measured: the first round fills the cache.
set -euo pipefail
benches=$(realpath "$(dirname "$0")")
capsule=$1
rounds=${2:-7}
tests=100
place=$(mktemp -d /var/tmp/capsule-bench-judge.XXXXXX)
trap 'rm -rf "$place"' EXIT
cd "$place"

cp "$benches/spin.c" .
gcc -O2 -o spin spin.c
mkdir problem
for n in $(seq $tests); do echo "$n" | tee "problem/$n.in" > "problem/$n.ans"; done
"$capsule" build --pack c -o bundle --format dir 2> /dev/null

bare() {
    for first in 1 2; do
        for n in $(seq $first 2 $tests); do ./spin < "problem/$n.in" > "out$first"; done &
    done
    wait
}
judged() { "$capsule" judge bundle problem spin.c --jobs 2 --cache cache --format json > report.json; }
millis() {
    local start=$EPOCHREALTIME
    "$1"
    local end=$EPOCHREALTIME
    echo $(((${end/./} - ${start/./}) / 1000))
}
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

judged
bare
for _ in $(seq "$rounds"); do
    millis bare >> bare.ms
    millis judged >> judged.ms
done
one=$(median < bare.ms)
other=$(median < judged.ms)
echo "$rounds rounds each, in turn; $tests tests of 10 ms, 2 at a time; medians; load $(cut -d' ' -f1 /proc/loadavg)"
echo "without a sandbox  $one ms"
awk -v one="$one" -v other="$other" 'BEGIN { printf "capsule judge      %d ms (%.2f of it)\n", other, other / one }'
