#!/usr/bin/env bash
# The smallest `--memory` at which each pack's hello world is right, in whole MiB, as a Markdown table on stdout:
#
#   pack-memory.sh CAPSULE [PACK…]       every pack with a language by default
#
# By doubling, and then by halving. Right is right three times in a row: what a runtime's threads allocate at one time
# differs from run to run. The compile step keeps the pack's own limit.
set -euo pipefail
capsule=$1
shift
# shellcheck disable=SC2046 # names are words
[ $# -gt 0 ] || set -- $("$capsule" pack list | awk 'NR > 1 && !/^[^ ]+ +- / { print $1 }')
programs=$(dirname "$0")/../tests/packs

work=$(mktemp -d /var/tmp/pack-memory.XXXXXX)
trap 'rm -rf -- "$work"' EXIT

# The directory that has the pack's programs: packs of libraries share those of their language.
directory() {
    local other
    other=$(sed -n 's/^programs = "\(.*\)"$/\1/p' "$programs/$1/expect.toml" 2> /dev/null || true)
    if compgen -G "$programs/$1/hello.*" > /dev/null; then echo "$programs/$1"; else echo "$programs/$1/$other"; fi
}

is_right() {
    local times=0 said
    while [ "$times" -lt 3 ]; do
        said=$("$capsule" exec "$work/bundle" --lang "$2" "$3" --memory "$1M" < /dev/null 2> "$work/stderr") || return 1
        [ "$said" = 'Hello, World!' ] || return 1
        times=$((times + 1))
    done
}

printf '| pack | MiB |\n|---|---|\n'
for pack in "$@"; do
    source=$(compgen -G "$(directory "$pack")/hello.*")
    "$capsule" build --pack "$pack" -o "$work/bundle" --format dir 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
    low=0 high=1
    until is_right "$high" "$pack" "$source"; do
        low=$high high=$((high * 2))
        [ "$high" -le 2048 ] || { echo "error: $pack: hello world is wrong at $low MiB" >&2; cat "$work/stderr" >&2; exit 1; }
    done
    while [ $((high - low)) -gt 1 ]; do
        middle=$(((low + high) / 2))
        if is_right "$middle" "$pack" "$source"; then high=$middle; else low=$middle; fi
    done
    printf '| `%s` | %s |\n' "$pack" "$high"
    rm -rf "$work/bundle"
done
