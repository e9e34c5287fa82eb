#!/usr/bin/env bash
# Installs the programs below a prefix, with completions and manual pages: stage.sh RELEASE PREFIX
set -euo pipefail
capsule=$1/capsule prefix=$2
# They run on any Linux of this architecture: no loader, no library.
for program in "$capsule" "$1/capsule-prove"; do
    headers=$(readelf -lW "$program")
    if grep -E 'INTERP|DYNAMIC' <<< "$headers"; then
        echo "error: $program is not static" >&2
        exit 1
    fi
done
install -D -t "$prefix/bin" "$capsule" "$1/capsule-prove"
for shell in bash:share/bash-completion/completions/capsule zsh:share/zsh/site-functions/_capsule \
    fish:share/fish/vendor_completions.d/capsule.fish; do
    "$capsule" completions "${shell%%:*}" | install -D -m 644 /dev/stdin "$prefix/${shell#*:}"
done
"$capsule" man --output "$prefix/share/man/man1" > /dev/null
