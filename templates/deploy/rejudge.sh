#!/bin/sh
# Judges many submissions to one problem: sh rejudge.sh BUNDLE PROBLEM SUBMISSIONS REPORTS
#
# SUBMISSIONS has a file or a directory for each submission, REPORTS gets NAME.json for each: the judgement of
# `capsule judge` (docs/judge.md). Several of these may work at one time, on machines that share both directories: an
# indexed Job of Kubernetes, an array of Slurm. Each takes every Nth submission, by its number there; alone it takes all.
#
# A report appears whole, by one rename(2), and a submission that has one is left out. So whatever is killed can be started
# again: nothing is lost, and a submission is judged once more only if it had no report. A failure of the judge or of the
# sandbox (exit code 125) is no judgement: there is no report then, and this script ends with 1, so that it is tried again.
set -eu

[ $# -eq 4 ] || { echo 'usage: sh rejudge.sh BUNDLE PROBLEM SUBMISSIONS REPORTS' >&2; exit 2; }
bundle=$1 problem=$2 submissions=$3 reports=$4
capsule=${CAPSULE:-capsule}

# Which one of how many this is.
index=${JOB_COMPLETION_INDEX:-}
count=${JOB_COMPLETIONS:-}
if [ -z "$index" ] && [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    index=$((SLURM_ARRAY_TASK_ID - ${SLURM_ARRAY_TASK_MIN:-0}))
    count=${SLURM_ARRAY_TASK_COUNT:-}
fi
index=${index:-0}
count=${count:-1}
[ "$index" -lt "$count" ] || { echo "error: number $index of $count" >&2; exit 2; }

[ -d "$submissions" ] || { echo "error: \`$submissions\` is not a directory" >&2; exit 2; }
mkdir -p "$reports"
number=0 failures=0
for submission in "$submissions"/*; do
    [ -e "$submission" ] || continue
    mine=$((number % count))
    number=$((number + 1))
    report=$reports/${submission##*/}.json
    if [ "$mine" -ne "$index" ] || [ -e "$report" ]; then
        continue
    fi
    # What a task has left that was killed.
    rm -f "$reports/.${submission##*/}."*
    new=$reports/.${submission##*/}.$(uname -n).$$
    code=0
    "$capsule" judge "$bundle" "$problem" "$submission" --report "$new" >/dev/null || code=$?
    case $code in
        # AC, another verdict, a submission that does not compile.
        0 | 1 | 122) mv "$new" "$report" ;;
        *)
            rm -f "$new"
            echo "error: \`$submission\` was not judged: exit code $code" >&2
            failures=$((failures + 1))
            # A signal to the judge is one to all of us.
            [ "$code" -le 128 ] || exit "$code"
            ;;
    esac
done
[ "$failures" -eq 0 ]
