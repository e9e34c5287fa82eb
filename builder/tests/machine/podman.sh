#!/busybox/bin/sh
# A judge's image (`--format oci-judge`) in podman, rootful and rootless, on cgroup version 2.
set -u
mount --make-rshared /
# The state of podman: a tmpfs is not below an overlay.
mkdir -p /var/lib/containers /run/containers /home/alice
chown 1000:1000 /home/alice
printf 'alice:x:1000:1000::/home/alice:/bin/sh\n' >> /etc/passwd
printf 'alice:x:1000:\n' >> /etc/group
echo 'alice:100000:65536' > /etc/subuid
echo 'alice:100000:65536' > /etc/subgid
least=CHOWN,DAC_OVERRIDE,KILL,MKNOD,NET_ADMIN,SETGID,SETPCAP,SETUID,SYS_ADMIN,SYS_CHROOT,SYS_NICE
failures=0

# A line for what is so, and what is not.
check() {
    if grep -q -- "$2" /tmp/said; then
        echo "ok: $1"
    else
        echo "FAILED: $1: no $2 in:"
        cat /tmp/said
        failures=$((failures + 1))
    fi
}

judge() {
    timeout 600 podman run --rm --network none --cap-drop all --cap-add "$least" "$@" "$image" \
        --wall-time 60s --memory 64M --report fd:2 -- /bin/ls / > /tmp/said 2>&1
}

image=$(podman pull -q oci:/image:latest)
judge --volume /sys/fs/cgroup:/sys/fs/cgroup:rw
check 'rootful: it runs' '"status":"ok"'
for guard in memory swap pids cpu-accounting seccomp uid capabilities; do
    check "rootful: $guard" "\"$guard\":\"on\""
done
judge --runtime runc --volume /sys/fs/cgroup:/sys/fs/cgroup:rw
check 'rootful, by runc: it runs' '"status":"ok"'
check 'rootful, by runc: memory' '"memory":"on"'
judge
check 'rootful, without the host'"'"'s cgroups: it runs' '"status":"ok"'
check 'rootful, without the host'"'"'s cgroups: it says so' '"memory":"unavailable: '

# What the host lacks, as seen from inside.
doctor() {
    code=0
    timeout 600 podman run --rm --network none --volume /usr/bin/capsule:/capsule:ro --entrypoint /capsule --cap-drop all \
        "$@" "$image" doctor > /tmp/said 2>&1 || code=$?
    echo "exit code $code" >> /tmp/said
}
doctor --cap-add "$least" --volume /sys/fs/cgroup:/sys/fs/cgroup:rw
check 'doctor, with all that a container needs: the default guards hold' '^exit code 0$'
doctor
check 'doctor, without capabilities: no run can be made' '^exit code 1$'
check 'doctor, without capabilities: what would mend it' 'SYS_ADMIN'

# The rest is the same by an ordinary user, in whose user namespace podman works.
cat > /tmp/rootless.sh << 'END'
image=$(podman pull -q oci:/image:latest) || exit
podman run --rm --network none --cap-add SYS_ADMIN,NET_ADMIN,MKNOD "$image" \
    --wall-time 60s --memory 64M --report fd:2 -- /bin/ls /
END
mkdir -p /run/user/1000
chown 1000:1000 /run/user/1000
chmod 700 /run/user/1000
chmod 1777 /tmp
env -i PATH="$PATH" HOME=/home/alice USER=alice XDG_RUNTIME_DIR=/run/user/1000 timeout 900 \
    /usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups sh /tmp/rootless.sh > /tmp/said 2>&1
check 'rootless: it runs' '"status":"ok"'
check 'rootless: it has a filter' '"seccomp":"on"'
check 'rootless: it says what it lacks' '"memory":"unavailable: '
exit "$failures"
