#!/bin/sh
# Fuzzes the readers of foreign files: run.sh [SECONDS [TARGET…]]. Fails at the first crash, at an input that takes more
# than 5 seconds, and when a reader holds more than 64 MiB (the allocator of each target refuses more). A run starts with
# the seeds next to this file and with files of this machine; the inputs that it finds stay in the target directory.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- elf cache recipe text manifest dpkg policy frame problem

# The flags that cargo-fuzz would pass: coverage counters in every block. They are code generation flags, so a stable
# compiler takes them. Address sanitizer needs a nightly one, and these readers have next to no unsafe code.
level="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
counters="-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
export RUSTFLAGS="--cfg fuzzing $level $counters -Cllvm-args=-sanitizer-coverage-trace-compares"
# The crate bundle contains init, which no target reaches: any file will do.
export CAPSULE_INIT=/bin/true CAPSULE_BOX_EXEC=/bin/true

# With `--target`, build scripts and macros are built without these flags.
host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
CARGO_TARGET_DIR=$target cargo build --release --locked --target "$host" --quiet

# A part of dpkg's database as one input: some stanzas, a list, the diversions (with one that every machine has), digests.
dpkg_seed() {
    awk 'BEGIN { RS = ""; ORS = "\n\n" } NR <= 20' /var/lib/dpkg/status
    printf '\n%%%%\n'
    cat /var/lib/dpkg/info/bash.list
    printf '\n%%%%\n/bin/sh\n/bin/sh.distrib\ndash\n'
    cat /var/lib/dpkg/diversions
    printf '\n%%%%\n'
    cat /var/lib/dpkg/info/bash.md5sums
}

for name; do
    corpus=$target/corpus/$name
    mkdir -p "$corpus"
    # The seeds that the target must accept as valid, before the first run adds others.
    valid=
    case $name in
    recipe)
        # The recipes of the test of error messages, without the messages.
        awk -v to="$corpus/mistake" '/^--------$/ { n++; on = 1; next } /^=> / { on = 0 } on { print > (to n) }' \
            ../tests/it/golden/mistakes.txt
        cp -n ../../recipes/*.toml ../../recipes/packs/*.toml "$corpus"
        valid="seeds/recipe/* ../../recipes/*.toml ../../recipes/packs/*.toml" ;;
    elf)
        cp -n /bin/true /lib*/ld-*.so.* "$corpus" 2>/dev/null || :
        valid="seeds/elf/* /bin/true" ;;
    cache)
        [ -e "$corpus/host" ] || { printf 'libc.so.6\0'; cat /etc/ld.so.cache; } >"$corpus/host"
        valid="seeds/cache/* $corpus/host" ;;
    text) cp -n /etc/nsswitch.conf /etc/ld.so.conf /usr/bin/ldd "$corpus" 2>/dev/null || : ;;
    manifest)
        cp -n ../../out/*/manifest.json "$corpus" 2>/dev/null || :
        valid="seeds/manifest/*" ;;
    dpkg)
        valid="seeds/dpkg/*"
        if [ -e /var/lib/dpkg/info/bash.md5sums ]; then
            dpkg_seed >"$corpus/host"
            valid="$valid $corpus/host"
        fi ;;
    frame) valid="seeds/frame/*" ;;
    problem) valid="seeds/problem/*" ;;
    policy)
        cp -n ../../init/policy/default.policy "$corpus"
        valid="seeds/policy/* ../../init/policy/default.policy" ;;
    esac
    # Unquoted: a list of patterns.
    # shellcheck disable=SC2086
    [ -z "$valid" ] || CAPSULE_FUZZ_SEEDS=1 "$target/$host/release/$name" $valid 2>"$target/$name-seeds.log" || {
        cat "$target/$name-seeds.log" >&2
        exit 1
    }
done

# A fuzzer has one thread: as many run at a time as there are processors. A failure shows all that its target wrote.
export seconds target host
# shellcheck disable=SC2016 # The inner shell expands it.
printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' sh -c '
    log=$target/$1.log
    if "$target/$host/release/$1" "$target/corpus/$1" "seeds/$1" -max_total_time="$seconds" -timeout=5 \
        -rss_limit_mb=512 -max_len=65536 -artifact_prefix="$target/$1-" -print_final_stats=1 >"$log" 2>&1; then
        echo "$1: $(grep -o "stat::number_of_executed_units: *[0-9]*" "$log" | tr -s " " | cut -d" " -f2) inputs, no finding"
    else
        cat "$log" >&2
        exit 1
    fi' sh '{}'
