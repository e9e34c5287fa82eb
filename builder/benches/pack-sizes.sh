#!/usr/bin/env bash
# Sizes of the packs' images compared with Debian's own closure of the same packages, as a Markdown table on stdout:
#
#   pack-sizes.sh CAPSULE [PACK…]        every pack with a language by default
#
# Debian's closure is `apt-get install --no-install-recommends` into a debootstrap tree of this machine's release, less
# what apt itself keeps (archives and lists). Bytes are those of regular files; each file counts once.
set -euo pipefail

# In a mount namespace: packages' scripts need /proc, and no mount may be left over.
[ -n "${PACK_SIZES_APART-}" ] || PACK_SIZES_APART=1 exec unshare --mount -- bash "$0" "$@"

capsule=$1
shift
# shellcheck disable=SC2046 # names are words
[ $# -gt 0 ] || set -- $("$capsule" pack list | awk 'NR > 1 && !/^[^ ]+ +- / { print $1 }')

work=$(mktemp -d /var/tmp/pack-sizes.XXXXXX)
trap 'umount "$work/tree/proc" 2>/dev/null || true; rm -rf -- "$work"' EXIT
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

# Regular files and their MiB.
measure() {
    find "$1" -type f -printf '%D:%i %s\n' | sort -u | awk '{ bytes += $2 } END { printf "%d %.1f\n", NR, bytes / 1048576 }'
}

debootstrap --variant=minbase "$release" "$work/base" >"$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
cp /etc/resolv.conf "$work/base/etc/resolv.conf"
rm -rf "$work/base/var/cache/apt/archives" "$work/base/var/lib/apt/lists"
read -r _ base < <(measure "$work/base")
mkdir -p "$work/base/var/cache/apt/archives/partial" "$work/base/var/lib/apt/lists/partial"
chroot "$work/base" apt-get update -qq >"$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }

printf 'A bare debootstrap tree (minbase, %s) has %s MiB.\n\n' "$release" "$base"
printf '| pack | its image, files | MiB | Debian'"'"'s closure, files | MiB | of it |\n|---|---|---|---|---|---|\n'
for pack in "$@"; do
    packages=$("$capsule" pack list | awk -v pack="$pack" '$1 == pack { sub(/.*  /, ""); print }')
    cp -a "$work/base" "$work/tree"
    mount -t proc proc "$work/tree/proc"
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive chroot "$work/tree" \
        apt-get install -y -qq --no-install-recommends $packages >"$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
    umount "$work/tree/proc"
    rm -rf "$work/tree/var/cache/apt" "$work/tree/var/lib/apt/lists"
    "$capsule" build --pack "$pack" -o "$work/bundle" --format dir 2>"$work/log"
    read -r our_files ours < <(measure "$work/bundle/rootfs")
    read -r their_files theirs < <(measure "$work/tree")
    printf '| `%s` | %s | %s | %s | %s | %s |\n' "$pack" "$our_files" "$ours" "$their_files" "$theirs" \
        "$(awk "BEGIN { printf \"%.0f %%\", 100 * $ours / $theirs }")"
    rm -rf "$work/tree" "$work/bundle"
done
