#!/busybox/bin/sh
# PID 1 of the machine. Its programs are busybox's; those of Debian, which bundles are made of, are in /usr/bin.
PATH=/busybox/bin:/usr/bin
export PATH
if [ "${1-}" != moved ]; then
    [ ! -e /before ] || sh /before
    # The file system of an initramfs cannot be exchanged (pivot_root(2)).
    mkdir -p /new
    mount -t tmpfs -o size=90%,mode=755 none /new
    for directory in /*; do
        [ "$directory" = /new ] || cp -a "$directory" /new/
    done
    exec switch_root /new /init moved
fi
mkdir -p /proc /sys /dev /run /tmp /var/tmp /root
chmod 1777 /tmp /var/tmp
mount -t proc none /proc
mount -t sysfs none /sys
mount -t cgroup2 none /sys/fs/cgroup
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts none /dev/pts
mount -t tmpfs -o mode=1777 none /dev/shm
mount -t mqueue none /dev/mqueue
exec </dev/console >/dev/console 2>&1
ip link set lo up
for module in /modules/*.ko; do
    [ ! -e "$module" ] || insmod "$module" || exit
done
# The tests that step the clock run where this is set, and nowhere else.
HOME=/root CI=1 CAPSULE_MACHINE=1
export HOME CI CAPSULE_MACHINE
code=0
sh /part || code=$?
if [ "$code" -eq 0 ]; then
    echo 'guest: passed'
else
    echo "guest: failed with $code"
fi
sleep 1
reboot -f
