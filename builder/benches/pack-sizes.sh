#!/usr/bin/env bash
# Sizes of the packs' images beside Debian's own closure of the same packages, as a table in Markdown on stdout:
#
#   pack-sizes.sh CAPSULE [PACK…]        cpp, python and java unless told otherwise
#
# Debian's closure is `apt-get install --no-install-recommends` into a debootstrap tree of this machine's release, less
# what apt itself keeps (archives and lists). Bytes are those of regular files; each file counts once.
set -euo pipefail

# In a mount namespace: packages' scripts want /proc, and no mount is to stay behind.
[ -n "${PACK_SIZES_APART-}" ] || PACK_SIZES_APART=1 exec unshare --mount -- bash "$0" "$@"

capsule=$1
shift
[ $# -gt 0 ] || set -- cpp python java

work=$(mktemp -d /var/tmp/pack-sizes.XXXXXX)
trap 'umount "$work/tree/proc" 2>/dev/null; rm -rf -- "$work"' EXIT
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

megabytes() {
    # du counts a file with several names once.
    du -s --apparent-size --block-size=1 -- "$1" | awk '{ printf "%.1f", $1 / 1048576 }'
}

debootstrap --variant=minbase "$release" "$work/base" >"$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
cp /etc/resolv.conf "$work/base/etc/resolv.conf"
rm -rf "$work/base/var/cache/apt/archives" "$work/base/var/lib/apt/lists"
base=$(megabytes "$work/base")

printf 'A bare debootstrap tree (minbase, %s) has %s MiB.\n\n' "$release" "$base"
printf '| pack | its image, MiB | Debian'"'"'s closure, MiB | of it |\n|---|---|---|---|\n'
for pack in "$@"; do
    packages=$("$capsule" pack list | awk -v pack="$pack" '$1 == pack { sub(/.*  /, ""); print }')
    cp -a "$work/base" "$work/tree"
    mkdir -p "$work/tree/var/cache/apt/archives/partial" "$work/tree/var/lib/apt/lists/partial"
    mount -t proc proc "$work/tree/proc"
    # shellcheck disable=SC2086 # a list of names
    { chroot "$work/tree" apt-get update -qq
        DEBIAN_FRONTEND=noninteractive chroot "$work/tree" apt-get install -y -qq --no-install-recommends $packages
    } >"$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
    umount "$work/tree/proc"
    rm -rf "$work/tree/var/cache/apt" "$work/tree/var/lib/apt/lists"
    "$capsule" build --pack "$pack" -o "$work/bundle" --format dir 2>"$work/log"
    ours=$(megabytes "$work/bundle/rootfs")
    theirs=$(megabytes "$work/tree")
    printf '| `%s` | %s | %s | %s |\n' "$pack" "$ours" "$theirs" \
        "$(awk "BEGIN { printf \"%.0f %%\", 100 * $ours / $theirs }")"
    rm -rf "$work/tree" "$work/bundle"
done
