set -euo pipefail

inner() {
    local i=0 frame
    while frame=$(caller $i); do
        echo "  at $frame" >&2
        ((++i))
    done
    : "${missing:?is not set}"
}

outer() {
    inner
}

echo before
outer
