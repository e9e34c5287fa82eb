#!/bin/sh
# Installs this bundle on a host, and manages the versions there:
#
#   sh install.sh [DIRECTORY]                     installs this bundle and makes it the current version
#   sh install.sh --digest SHA256 [DIRECTORY]     only if its SHA256SUMS has this SHA-256
#   sh install.sh --signers FILE [DIRECTORY]      only if one of these has signed its SHA256SUMS
#   sh install.sh --rollback [DIRECTORY]          makes the previous version current again
#   sh install.sh --list [DIRECTORY]              lists the versions
#   sh install.sh --uninstall [DIRECTORY]         removes all versions, unless a run uses one
#
# DIRECTORY is /opt/capsule by default. `versions` in it has the bundles, `current` and `previous` are links to two of
# them, `run.sh` is a link to that of the current one. For --signers, ssh-keygen(1) compares BUNDLE.sig, next to the bundle,
# with a file of allowed signers. This made it: ssh-keygen -Y sign -n capsule -f KEY < BUNDLE/SHA256SUMS > BUNDLE.sig
#
# `current` is exchanged by one rename(2), after the new version is complete and compared with its lists, SHA256SUMS and
# MODES. A version is removed when it is neither current nor previous and no run uses it.
set -eu

bundle=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
usage='sh install.sh [[--digest SHA256] [--signers FILE] | --rollback | --list | --uninstall] [DIRECTORY]'

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

# Prints at most ten of the lines that the error is about.
fail_with() {
    printf '%s\n' "$2" | sed -n '1,10p' >&2
    fail "$1"
}

# Runs a command whose messages are as many as the files that it fails for.
quietly() {
    what=$1
    shift
    result=$("$@" 2>&1) || fail_with "$what; nothing was installed" "$result"
}

# The lines of MODES, made from the files themselves.
found() {
    sed -n 's/^\([df] [0-7]*\) .*/\1/p' MODES | sort -u | while read -r type mode; do
        find . -type "$type" -perm "$mode" | sed -n "s|^\./|$type $mode |p"
    done
    find . -type l -exec sh -c 'for link do printf "l %s -> %s\n" "${link#./}" "$(readlink "$link")"; done' sh {} +
}

# Compares the bundle in the working directory with its lists. Names are bytes here, and lists are sorted by them.
check() {
    LC_ALL=C
    export LC_ALL
    result=$(sha256sum -c SHA256SUMS 2>&1) || fail_with "\`$1\` differs from its list SHA256SUMS; nothing was installed" \
        "$(printf '%s\n' "$result" | grep -v ': OK$')"
    expected=$(sort MODES)
    result=$(found | sort)
    # A path that is in both is there twice.
    [ "$expected" = "$result" ] || fail_with "\`$1\` differs from its list MODES; nothing was installed" \
        "$(printf '%s\n' "$expected" "$result" | sort | uniq -u)"
    [ "$(find . | wc -l)" -eq "$(($(wc -l <MODES) + 1))" ] ||
        fail "\`$1\` has files that are not in its list MODES; nothing was installed"
}

# Fails unless a signer has signed the list $1 (ssh-keygen(1), "ALLOWED SIGNERS").
check_signature() {
    [ -f "$bundle.sig" ] || fail "\`$bundle.sig\` does not exist, which would be the signature; nothing was installed"
    signer=$(ssh-keygen -Y find-principals -s "$bundle.sig" -f "$signers" 2>/dev/null | head -n 1)
    [ -n "$signer" ] || fail "no signer of \`$signers\` has made \`$bundle.sig\`; nothing was installed"
    ssh-keygen -q -Y verify -f "$signers" -I "$signer" -n capsule -s "$bundle.sig" <"$1" >/dev/null 2>&1 ||
        fail "\`$bundle.sig\` is not a signature of this bundle; nothing was installed"
}

# Whoever can write in a directory can exchange what is in it. In a sticky one only the owner of a file can (unlink(2)).
check_parents() {
    directory=$1
    while [ "$directory" != / ]; do
        directory=$(dirname -- "$directory")
        result=$(find "$directory" -prune \( ! -user 0 -o ! -perm -1000 \( -perm -0002 -o -perm -0020 ! -group 0 \) \))
        [ -z "$result" ] || fail "other users than root can write in \`$directory\`; nothing was installed"
    done
}

# The name of the version that a link leads to; nothing without a link.
version() {
    result=$(readlink -- "$target/$1") || return 0
    printf '%s\n' "${result#versions/}"
}

# Lets a link lead to a version, in one rename(2).
point() {
    rm -f -- "$target/.$1.new"
    ln -s "versions/$2" "$target/.$1.new"
    mv -fT -- "$target/.$1.new" "$target/$1"
}

# Whether a process has a version as its root or runs a program of it (proc_pid_mountinfo(5), proc_pid_exe(5)).
in_use() {
    grep -qsF "/versions/$1/" /proc/[0-9]*/mountinfo && return
    # Processes end while they are listed.
    # shellcheck disable=SC2012 # Numbers are the only names there.
    { ls -l /proc/[0-9]*/exe 2>/dev/null || :; } | grep -qF "/versions/$1/"
}

versions() {
    for path in "$target"/versions/*; do
        [ -d "$path" ] && printf '%s\n' "${path##*/}"
    done
}

# A command that works with what is in the bundle.
example() {
    modes=$target/current/MODES
    for shell in sh bash; do
        if grep -qE "^[fl] .*rootfs/(usr/)?bin/$shell( ->|\$)" "$modes"; then
            printf "/bin/%s -c 'echo it works'" "$shell"
            return
        fi
    done
    sed -n 's|^f 0755 rootfs\(/usr\)\{0,1\}\(/s\{0,1\}bin/[^/]*\)$|\1\2 --version|p' "$modes" | head -n 1
}

# One that is half removed must not look like a version.
remove() {
    mv -- "$target/versions/$1" "$target/versions/.old-$1"
    rm -rf -- "$target/versions/.old-$1"
}

remove_idle() {
    current=$(version current)
    previous=$(version previous)
    for name in $(versions); do
        if [ "$name" != "$current" ] && [ "$name" != "$previous" ] && ! in_use "$name"; then
            remove "$name"
        fi
    done
}

# When a process has started, in clock ticks since the boot (proc_pid_stat(5)): with the pid it names one process.
started() {
    [ ! -e "/proc/$1/stat" ] || sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 20
}

# One install.sh at a time: a link to its pid and start, which only one can make. flock(1) is not in every busybox.
lock() {
    own=$$-$(started $$)
    if ! result=$(ln -s "$own" "$target/.lock" 2>&1); then
        other=$(readlink -- "$target/.lock") || fail_with "\`$target/.lock\` cannot be made" "$result"
        [ "$(started "${other%-*}")" != "${other#*-}" ] || fail "another install.sh is at work in \`$target\`"
        # That one was killed. Of several that see it only one gets to move its link away.
        { mv -T -- "$target/.lock" "$target/.lock.$$" && ln -s "$own" "$target/.lock"; } 2>/dev/null ||
            fail "another install.sh is at work in \`$target\`"
        rm -f -- "$target/.lock.$$"
    fi
    trap unlock EXIT
    trap 'exit 1' HUP INT TERM
    # What one has left that was killed. Its cp(1) may still be writing: then the next installation removes the rest.
    rm -rf -- "$target"/versions/.old-* "$target"/versions/.incoming* "$target"/.lock.* 2>/dev/null || :
}

# With the directories that were made for nothing.
unlock() {
    rm -rf -- "$target/versions/.incoming-$$"
    rm -f -- "$target/.lock"
    rmdir -- "$target/versions" "$target" 2>/dev/null || :
}

need_installation() {
    [ -d "$target/versions" ] || fail "no bundle is installed in \`$target\`"
}

install() {
    [ -d "$bundle/rootfs" ] || fail "\`$bundle\` has no rootfs: build it with \`--format dir\`"
    case $target/ in
        "$bundle"/*) fail "\`$target\` is inside of the bundle itself" ;;
    esac
    if [ -e "$target" ] || [ -L "$target" ]; then
        [ -d "$target/versions" ] || [ -z "$(ls -A -- "$target" 2>/dev/null || echo file)" ] ||
            fail "\`$target\` holds something else than installed bundles, so it is not used"
    fi
    mkdir -p -- "$target"
    target=$(CDPATH='' cd -- "$target" && pwd -P)
    lock
    check_parents "$target"
    mkdir -p -- "$target/versions"
    # A name that no other process writes to.
    new=$target/versions/.incoming-$$
    quietly "\`$bundle\` was not copied" cp -a -- "$bundle" "$new"
    quietly "\`$new\` was not given to root" chown -hR 0:0 "$new"
    chmod 0755 "$new"
    for list in SHA256SUMS MODES; do
        # What a link leads to could be exchanged between two looks.
        [ ! -h "$new/$list" ] || fail "\`$bundle/$list\` is a link; nothing was installed"
    done
    found_digest=$(sha256sum <"$new/SHA256SUMS" | cut -c 1-64)
    [ -z "$digest" ] || [ "$digest" = "$found_digest" ] ||
        fail "\`$bundle\` has the digest $found_digest, not $digest; nothing was installed"
    [ -z "$signers" ] || check_signature "$new/SHA256SUMS"
    (cd -- "$new" && check "$bundle")
    "$new/init" --version >/dev/null || fail "\`$bundle/init\` does not start on this host"
    name=$(printf '%.16s' "$found_digest")
    if [ -d "$target/versions/$name" ]; then
        # Installed before. Where it was damaged meanwhile, the new copy takes its place.
        if (cd -- "$target/versions/$name" && check "$target/versions/$name") 2>/dev/null; then
            rm -rf -- "$new"
        else
            remove "$name"
        fi
    fi
    [ ! -d "$new" ] || mv -- "$new" "$target/versions/$name"
    # Before a link leads there.
    sync
    current=$(version current)
    if [ -n "$current" ] && [ "$current" != "$name" ]; then
        point previous "$current"
    fi
    point current "$name"
    [ -L "$target/run.sh" ] || ln -s current/run.sh "$target/run.sh"
    remove_idle
    printf 'installed in %s, digest %s; try: %s/run.sh -- %s\n' "$target" "$found_digest" "$target" "$(example)"
}

rollback() {
    need_installation
    lock
    current=$(version current)
    previous=$(version previous)
    case $previous in
        '' | "$current") fail "\`$target\` has no previous version" ;;
    esac
    (cd -- "$target/versions/$previous" && check "$target/versions/$previous")
    point current "$previous"
    point previous "$current"
    printf 'current in %s: %s\n' "$target" "$previous"
}

list() {
    need_installation
    current=$(version current)
    previous=$(version previous)
    for name in $(versions); do
        state=
        [ "$name" != "$current" ] || state="$state current"
        [ "$name" != "$previous" ] || state="$state previous"
        ! in_use "$name" || state="$state in-use"
        printf '%s%s\n' "$name" "$state"
    done
}

uninstall() {
    need_installation
    lock
    for name in $(versions); do
        ! in_use "$name" || fail "a run uses the version $name of \`$target\`; nothing was removed"
    done
    rm -f -- "$target/run.sh" "$target/current" "$target/previous"
    rm -rf -- "$target/versions"
}

command=install
digest=
signers=
while :; do
    case ${1-} in
        --digest)
            digest=$(printf '%s' "${2-}" | tr 'A-F' 'a-f')
            printf '%s' "$digest" | grep -qxE '[0-9a-f]{64}' || fail "\`${2-}\` is not a SHA-256: $usage"
            ;;
        --signers)
            signers=${2-}
            [ -f "$signers" ] || fail "\`$signers\` is not a file of allowed signers: $usage"
            command -v ssh-keygen >/dev/null || fail '--signers needs ssh-keygen'
            ;;
        *) break ;;
    esac
    shift 2
done
case ${1-} in
    --rollback | --list | --uninstall)
        [ -z "$digest$signers" ] || fail "\`$1\` installs nothing that could be compared: $usage"
        command=${1#--}
        shift
        ;;
esac
[ $# -le 1 ] || fail "expected at most one directory, not \`$*\`: $usage"
target=${1-/opt/capsule}
case $target in
    '' | -* | /) fail "\`$target\` is not a directory name: $usage" ;;
    /*) ;;
    *) target=$(pwd)/$target ;;
esac
command -v sha256sum >/dev/null || fail 'install.sh needs sha256sum, to compare the files with SHA256SUMS'
[ "$(id -u)" -eq 0 ] || fail 'install.sh needs root: the files must belong to root, so that no submission can change them'
"$command"
