#!/bin/sh
# Fuzzes the builder's readers: run.sh [SECONDS [TARGET…]]. Stops with an error at the first crash, at an input that
# takes more than 5 seconds, or when a reader holds more than 64 MiB (each target's allocator refuses more). It begins
# with the seeds beside it; what it finds is kept in the target directory.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- elf cache recipe text

# What cargo-fuzz would pass: coverage counters in every block. They are code generation flags, so a stable compiler
# takes them; address sanitizer needs a nightly one, and there is next to no unsafe code in these readers.
level="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
counters="-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
export RUSTFLAGS="--cfg fuzzing $level $counters -Cllvm-args=-sanitizer-coverage-trace-compares"
# The library carries init; here any file will do for it.
export CAPSULE_INIT=/bin/true
# With a target named, build scripts and macros are built without these flags.
host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
CARGO_TARGET_DIR=$target cargo build --release --locked --target "$host" --quiet

for name; do
    corpus=$target/corpus/$name
    mkdir -p "$corpus"
    case $name in
    recipe)
        # Each mistake that a person made, without the answer.
        awk -v to="$corpus/mistake" '/^--------$/ { n++; on = 1; next } /^=> / { on = 0 } on { print > (to n) }' \
            ../tests/it/golden/mistakes.txt
        cp -n ../../recipes/*.toml ../../recipes/packs/*.toml "$corpus" ;;
    elf) cp -n /bin/true /lib*/ld-*.so.* "$corpus" 2>/dev/null || : ;;
    cache) [ -e "$corpus/host" ] || { printf 'libc.so.6\0'; cat /etc/ld.so.cache; } >"$corpus/host" ;;
    text) cp -n /etc/nsswitch.conf /etc/ld.so.conf /usr/bin/ldd "$corpus" 2>/dev/null || : ;;
    esac
    "$target/$host/release/$name" "$corpus" "seeds/$name" -max_total_time="$seconds" -timeout=5 \
        -rss_limit_mb=512 -max_len=65536 -artifact_prefix="$target/$name-" -print_final_stats=1
done
