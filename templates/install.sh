#!/bin/sh
# Installs this bundle on a host, in place of an earlier one:
#
#   sh install.sh [DIRECTORY]        default: /opt/capsule
#
# The new bundle is complete before the old one goes; runs that are going on keep the old one's files.
set -eu

bundle=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
target=${1-/opt/capsule}

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

[ $# -le 1 ] || fail "one directory at most: sh install.sh [DIRECTORY], not \`$*\`"
case $target in
    '' | -*) fail "\`$target\` is not taken for a directory: sh install.sh [DIRECTORY]" ;;
    "$bundle"/*) fail "\`$target\` is inside of the bundle that is to be installed" ;;
esac
[ "$(id -u)" -eq 0 ] || fail 'installing needs root: the files must belong to root, so that no submission can change them'
[ -d "$bundle/rootfs" ] || fail "\`$bundle\` has no rootfs: build it with \`--format dir\`"
if [ -e "$target" ] || [ -L "$target" ]; then
    [ -f "$target/manifest.json" ] || fail "\`$target\` is no bundle, and stays as it is"
fi

mkdir -p -- "$(dirname -- "$target")"
new=$target.new.$$
old=$target.old.$$
trap 'rm -rf -- "$new"' EXIT
trap 'exit 1' HUP INT TERM
cp -a -- "$bundle" "$new"
chmod 0755 "$new"
"$new/init" --version >/dev/null || fail "\`$bundle/init\` does not start on this host"
if [ -e "$target" ]; then
    mv -- "$target" "$old"
fi
mv -- "$new" "$target"
rm -rf -- "$old"
printf 'installed in %s; try: %s/run.sh -- /bin/sh -c id\n' "$target" "$target"
