#!/usr/bin/env bash
# What the service costs: 100 runs of a C program that needs 10 ms each, two at a time: as tests of one `capsule judge`, and in
# turn with that as the lines of one batch. Compiling is not measured: both keep the program.
set -euo pipefail
benches=$(realpath "$(dirname "$0")")
capsule=$1
rounds=${2:-7}
tests=100
place=$(mktemp -d /var/tmp/capsule-bench-serve.XXXXXX)
server=
trap 'test -z "$server" || { kill $server; wait $server || :; }; rm -rf "$place"' EXIT
cd "$place"

cp "$benches/spin.c" .
mkdir problem
for n in $(seq $tests); do echo "$n" | tee "problem/$n.in" > "problem/$n.ans"; done
source=$(python3 -c 'import json; print(json.dumps(open("spin.c").read()))')
for n in $(seq $tests); do echo "{\"language\": \"c\", \"source\": $source, \"stdin\": \"$n\"}"; done > batch.ndjson
"$capsule" build --pack c -o bundle --format dir 2> /dev/null
"$capsule" serve bundle --slots 2 --listen 127.0.0.1:0 --set data="$place/data" --set log=no 2> said &
server=$!
# It says where it listens as soon as it does.
until address=$(sed -n 's/^capsule: serving at //p' said) && test -n "$address"; do
    kill -0 $server 2> /dev/null || { cat said >&2; exit 1; }
    sleep 0.1
done

judged() { "$capsule" judge bundle problem spin.c --jobs 2 --cache cache --format json > report.json; }
served() {
    curl -sf --data-binary @batch.ndjson "$address/v1/batch" > answers
    test "$(grep -c '"status":"ok"' answers)" -eq $tests || { head -c 1000 answers >&2; exit 1; }
}
millis() {
    local start=$EPOCHREALTIME
    "$1"
    local end=$EPOCHREALTIME
    echo $(((${end/./} - ${start/./}) / 1000))
}
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
# The service's own CPU time, and that of its runs, in ticks (proc_pid_stat(5)). Its child, the server of the pool, has waited
# for the runs.
ticks() {
    local children
    children=$(cat /proc/$server/task/*/children)
    sed 's/.*) //' /proc/$server/stat $(printf '/proc/%s/stat ' $children) |
        awk 'NR == 1 { own = $12 + $13; runs = $14 + $15 } NR > 1 { runs += $12 + $13 + $14 + $15 } END { print own, runs }'
}

judged
served
read -r own_before runs_before < <(ticks)
for _ in $(seq "$rounds"); do
    millis judged >> judged.ms
    millis served >> served.ms
done
read -r own runs < <(ticks)
one=$(median < judged.ms)
other=$(median < served.ms)
echo "$rounds rounds each, in turn; $tests runs of 10 ms, 2 at a time; medians; load $(cut -d' ' -f1 /proc/loadavg)"
echo "capsule judge      $one ms"
awk -v one="$one" -v other="$other" 'BEGIN { printf "capsule serve      %d ms (throughput %.2f of it)\n", other, one / other }'
awk -v own=$((own - own_before)) -v runs=$((runs - runs_before)) \
    'BEGIN { printf "the service itself %.1f %% of the CPU time\n", 100 * own / (own + runs) }'
