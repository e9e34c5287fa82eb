#!/usr/bin/env bash
# Makes the release files from what builder/release-build has built: make.sh RELEASE OUTPUT
#
# RELEASE is cargo's directory of finished programs. OUTPUT gets an archive, a Debian package, a Python wheel, bills of
# materials and SHA256SUMS: all of them at once, or none. From one commit they are the same bytes wherever they are made:
# dates are the commit's (https://reproducible-builds.org/specs/source-date-epoch), owners are root, names are sorted.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC
release=$(realpath "$1") output=$2
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
[ -z "$(git status --porcelain)" ] || echo "note: this tree has changes that no commit has" >&2
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
triple=x86_64-unknown-linux-gnu
name=capsule-$version-x86_64-linux

# The tools, in versions that are known to write the same bytes again.
tools=${XDG_CACHE_HOME:-$HOME/.cache}/capsule/tools
cargo_tool() {
    # In a directory of cargo's own, which it removes: a tool is none of what is built here, and its flags are not ours.
    [ -x "$tools/$1-$2/bin/$1" ] || env -u CARGO_TARGET_DIR -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS \
        cargo install -q --locked --root "$tools/$1-$2" --version "$2" "$1"
}
cargo_tool cargo-deb 3.8.0
cargo_tool cargo-cyclonedx 0.5.9
python=$tools/wheel-0.45.1/bin/python
[ -x "$python" ] || python3 -m venv "$tools/wheel-0.45.1"
"$python" -c 'import wheel' 2> /dev/null || "$python" -m pip install -q wheel==0.45.1

# Next to OUTPUT, which takes its place by one rename(2).
mkdir -p "$(dirname "$output")"
work=$(mktemp -d "$(dirname "$(realpath -m "$output")")/.dist.XXXXXX")
trap 'rm -rf "$work"' EXIT
files=$work/files tree=$work/$name
mkdir "$files"

# What the archive and the package have in common: programs, completions, manual pages, documents, files for operators.
"$here/stage.sh" "$release" "$tree"
docs=$tree/share/doc/capsule
install -D -m 644 -t "$docs" README.md CHANGELOG.md SECURITY.md LICENSE-APACHE LICENSE-MIT
# A directory, plots in it; with the modes of the umask.
cp -R --no-preserve=mode docs "$docs/"
mkdir -p "$tree/share/capsule"
cp -R templates/deploy "$tree/share/capsule/"

# One bill of materials for each program. The tool writes next to each Cargo.toml, and names that place.
git archive --prefix=source/ HEAD | tar -x -C "$work"
for pair in builder:capsule vm-tests:capsule-prove; do
    # Without build and test dependencies: what is in the program.
    (cd "$work/source" && "$tools/cargo-cyclonedx-0.5.9/bin/cargo-cyclonedx" cyclonedx -q --format json --spec-version 1.5 \
        --target "$triple" --no-build-deps --manifest-path "${pair%:*}/Cargo.toml" --override-filename bom)
    # In URLs a blank of the path is `%20`.
    sed "s|$work/source|/capsule|g; s|file://[^\"#]*/${work##*/}/source|file:///capsule|g" \
        "$work/source/${pair%:*}/bom.json" > "$files/${pair#*:}-$version.cdx.json"
done

tar --create --directory "$work" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --mtime="@$SOURCE_DATE_EPOCH" "$name" | zstd -q -19 -o "$files/$name.tar.zst"

# cargo-deb reads builder/Cargo.toml, and its assets from cargo's directory.
rm -rf "$release/dist"
cp -R "$tree" "$release/dist"
"$here/units.sh" "$release/dist"
CARGO_TARGET_DIR=${release%/"$triple"/release} "$tools/cargo-deb-3.8.0/bin/cargo-deb" deb -q --no-build --no-strip \
    --target "$triple" -p builder -o "$files/capsule_${version}_amd64.deb"

# A static program needs no version of any libc: these tags are all that installers know for x86-64.
"$here/wheel.sh" "$python" "$version" "$tree" "$files"

(cd "$files" && sha256sum -- * > SHA256SUMS)
rm -rf "$output"
mv "$files" "$output"
ls -l "$output"
