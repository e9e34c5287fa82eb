# shellcheck shell=sh disable=SC2016 # the backquotes are init's
# A run on the file system of an initramfs, by a process that is not the machine's first: it cannot be exchanged
# (pivot_root(2)), and init says so and what mends it.
mkdir -p /proc /dev
mount -t proc none /proc
mount -t devtmpfs none /dev
said=$(/runs/init run --root /runs/rootfs --cgroup none -- /bin/bash -c 'exit 3' 2>&1 < /dev/null)
code=$?
expected='init: root: pivot_root: `/runs/rootfs`: EINVAL; the root is the initramfs: start from another file system (switch_root)'
echo "code $code: $said" > /dev/console
[ "$code" -ne 125 ] || [ "$said" != "$expected" ] || touch /has-said-so
umount /dev /proc
