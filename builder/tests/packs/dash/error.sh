set -eu

inner() {
    : "${missing:?is not set}"
}

outer() {
    inner
}

echo before
outer
