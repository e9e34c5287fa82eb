#!/bin/sh
# `capsule serve` where there is no systemd: sh serve.sh [BUNDLE [SETTINGS]]
#
# As root, with busybox or coreutils. BUNDLE is /opt/capsule/current by default, SETTINGS is /etc/capsule/serve.toml. It
# starts the service again when that fails, and passes on the signal that ends it. For logs in syslog, which bounds them:
#
#   sh serve.sh 2>&1 | logger -t capsule &
#
# With cgroup version 2, service and runs are in one cgroup, `capsule`: CAPSULE_MEMORY=BYTES bounds all of them together.
set -eu
bundle=${1:-/opt/capsule/current}
settings=${2:-/etc/capsule/serve.toml}
capsule=${CAPSULE:-capsule}

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || fail 'serve.sh needs root'
[ -d "$bundle/rootfs" ] || fail "\`$bundle\` has no rootfs"
[ -f "$settings" ] || fail "\`$settings\` does not exist: templates/deploy/serve.toml is one to begin with"

# A cgroup that has processes hands no controller on, except for the host's root (cgroups(7)). So the service gets a leaf,
# and runs have theirs next to it. In a container this shell may be all that is in the root: it has to leave it first.
root=/sys/fs/cgroup
if [ -e "$root/cgroup.controllers" ] && mkdir -p "$root/capsule/service" 2>/dev/null; then
    echo $$ >"$root/capsule/service/cgroup.procs"
    for controller in memory pids cpu cpuset; do
        # One that this host lacks is missing in the report of each run.
        for directory in "$root" "$root/capsule"; do
            { echo "+$controller" >"$directory/cgroup.subtree_control"; } 2>/dev/null || :
        done
    done
    [ -z "${CAPSULE_MEMORY-}" ] || echo "$CAPSULE_MEMORY" >"$root/capsule/memory.max"
fi

ends=
service=
trap 'ends=1; [ -z "$service" ] || kill -TERM "$service" 2>/dev/null || :' TERM INT HUP
while :; do
    begin=$(date +%s)
    # `data` of the settings, for the user of the service alone.
    (umask 077 && exec "$capsule" serve "$bundle" --config "$settings") &
    service=$!
    [ -z "$ends" ] || kill -TERM "$service"
    # A signal ends the wait, and not the service.
    while :; do
        code=0
        wait "$service" || code=$?
        kill -0 "$service" 2>/dev/null || break
    done
    if [ -n "$ends" ] || [ "$code" -eq 0 ]; then
        exit "$code"
    fi
    # What fails at once fails the next time too: a setting is wrong, or the address is taken.
    [ $(($(date +%s) - begin)) -ge 2 ] || exit "$code"
    echo "serve.sh: the service ended with $code, and is started again" >&2
done
