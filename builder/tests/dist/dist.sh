#!/usr/bin/env bash
# Makes a release in two clones of the commit that is checked out, and looks at what it made: dist.sh DIRECTORY
#
# The clones are at paths of different length, each with a target directory of its own: two release builds.
set -euo pipefail
directory=$(realpath -m "$1") source=$PWD
fail() {
    echo "error: $1" >&2
    exit 1
}
rm -rf "$directory"
mkdir -p "$directory"
one=$directory/a other="$directory/a clone with/a longer name"
# Both before the first build, which takes long enough for another commit.
for clone in "$one" "$other"; do git clone -q --no-hardlinks "$source" "$clone"; done
for clone in "$one" "$other"; do
    (cd "$clone" && CARGO_TARGET_DIR=$clone/target .ci/just dist > /dev/null)
done

cd "$one/out/dist"
sha256sum --check --quiet SHA256SUMS
cmp SHA256SUMS "$other/out/dist/SHA256SUMS" || fail "two clones of one commit made different files"
files=(capsule-*-x86_64-linux.tar.zst capsule_*_amd64.deb capsule_judge-*.whl capsule-[0-9]*.cdx.json capsule-prove-*.cdx.json)
made=(*)
[ ${#made[@]} -eq $((${#files[@]} + 1)) ] || fail "other files than were expected: ${made[*]}"

# Each as its users unpack it, and then all programs of one kind are one file.
mkdir "$directory"/{archive,deb}
tar -x --zstd -C "$directory/archive" --strip-components=1 -f capsule-*.tar.zst
dpkg-deb -x capsule_*.deb "$directory/deb"
python3 -m venv "$directory/wheel"
"$directory/wheel/bin/pip" install -q --no-index capsule_judge-*.whl
for program in capsule capsule-prove; do
    for place in archive/bin deb/usr/bin wheel/bin; do
        cmp "$directory/archive/bin/$program" "$directory/$place/$program"
        "$directory/$place/$program" --version > /dev/null
    done
done
"$directory/wheel/bin/capsule" isolate --version > /dev/null
test -s "$directory/deb/usr/lib/systemd/system/capsule-serve.service" -a -s "$directory/deb/usr/lib/sysusers.d/capsule.conf"
test -s "$directory/archive/share/man/man1/capsule.1" -a -s "$directory/deb/usr/share/doc/capsule/copyright"
if dpkg-deb -c capsule_*.deb | grep -vE ' (root/root|0/0) '; then fail "a file of the package is not root's"; fi

# On a system that has nothing but a shell: installed, changed by the operator, installed again, removed, purged.
root=$directory/root
mkdir -p "$root"/{bin,var/lib/dpkg/info,var/lib/dpkg/updates}
touch "$root/var/lib/dpkg/status"
cp /bin/busybox "$root/bin/sh"
package() {
    dpkg --root="$root" --force-unsafe-io --force-confold "$@" > "$directory/dpkg" 2>&1 || fail "dpkg: $(cat "$directory/dpkg")"
}
package --install "$PWD"/capsule_*.deb
chroot "$root" /usr/bin/capsule --version > /dev/null
echo 'slots = 1' >> "$root/etc/capsule/serve.toml"
package --install "$PWD"/capsule_*.deb
grep -q 'slots = 1' "$root/etc/capsule/serve.toml" || fail "an upgrade has taken the operator's settings away"
package --remove capsule
[ ! -e "$root/usr/bin/capsule" ] || fail 'a removed package is still there'
grep -q 'slots = 1' "$root/etc/capsule/serve.toml" || fail "a removal has taken the operator's settings away"
package --purge capsule
left=$(find "$root" -type f -not -path '*/var/lib/dpkg/*' -not -path '*/bin/sh')
[ -z "$left" ] || fail "the package has left $left"

# No place of the machine that built it: the clone, cargo's directory, a home.
unpacked=$directory/strings
mkdir "$unpacked"
cp -R "$directory/archive" "$directory/deb" "$unpacked/"
cp ./*.cdx.json "$unpacked/"
for place in "$directory" "${CARGO_HOME:-$HOME/.cargo}" "$HOME/."; do
    found=$(grep -rlaF -- "$place" "$unpacked") && fail "$found: it names $place"
done

# CycloneDX's own schema; the validator comes from PyPI.
"$directory/wheel/bin/pip" install -q 'cyclonedx-python-lib[json-validation]'
"$directory/wheel/bin/python" - ./*.cdx.json << END
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

for name in sys.argv[1:]:
    text = open(name).read()
    wrong = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    if wrong:
        sys.exit(f"error: {name}: {wrong.data.message}")
    parts = {part["name"] for part in json.loads(text)["components"]}
    if not {"rustix", "serde"} <= parts or "proptest" in parts:
        sys.exit(f"error: {name}: these are not the parts of the program: {sorted(parts)}")
END
echo "two clones made the same $(wc -l < SHA256SUMS) files"
