#!/usr/bin/env bash
# Tests in a virtual machine with cgroup version 2 and a userland of busybox: machine.sh CAPSULE TESTED DIRECTORY PART
#
# PART is install (upgrades beside a thousand runs), isolate, podman (rootful and rootless), initramfs (a run before the
# machine has another root, and after), serve (a clock that is stepped), or calibrate (two machines of different speed, and whether their calibrations explain
# by how much programs differ). The first two and serve are tests of
# builder/tests/it, and isolate::limits are some of them. CAPSULE is the program that is shipped; in the machine it is at
# TESTED, where the test program looks for it, and next to which is `machine` of vm-tests. DIRECTORY is for what this makes.
set -euo pipefail
capsule=$(realpath "$1") tested=$(realpath -m "$2") directory=$(realpath -m "$3") part=$4
here=$(realpath "$(dirname "$0")")
rm -rf "$directory"
mkdir -p "$directory"
machine() { "$(dirname "$tested")/machine" "$@"; }

# What the machine has of Debian's, in its recipe: bundles are made of it there, or it is what is tried.
programs=(bash dash cat chmod cp env id ln ls mkdir mkfifo rm script setpriv sleep ssh-keygen stat timeout touch true unshare)
tests=$part modules=() threads=2
[[ $tests == *::* ]] || tests=$tests::
case ${part%%::*} in
    # install.sh has to find programs of busybox only.
    install) path=/busybox/bin:/usr/bin ;;
    # Rules about directories that the image lacks take an overlay.
    isolate) path=/usr/bin:/busybox/bin modules=(overlay) ;;
    # The clock is that of all tests.
    serve) path=/usr/bin:/usr/sbin:/busybox/bin tests=serve_clock:: threads=1 programs=(/usr/sbin/nats-server) ;;
    podman) programs=(bash podman conmon crun /usr/sbin/runc newuidmap newgidmap setpriv) ;;
    calibrate | initramfs) programs=() ;;
    *)
        echo "error: \`$part\` is not a part: install, isolate, podman, initramfs, serve, calibrate" >&2
        exit 2
        ;;
esac
if [ "$part" = calibrate ]; then
    gcc -O2 -static -o "$directory/works" "$here/works.c"
    programs+=("$directory/works:/usr/bin/works")
elif [ "$part" != podman ] && [ "$part" != initramfs ]; then
    # Where cargo has put the test program.
    it=$(cargo test -p builder --test it --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
    [ -x "$it" ] || { echo "error: cargo has built no test program" >&2; exit 1; }
    cp "$it" "$directory/it"
    strip "$directory/it"
    programs+=("$directory/it:/usr/bin/it")
fi
programs+=("$capsule:/usr/bin/capsule")
"$capsule" build "${programs[@]}" --allow 'setuid=/**' -o "$directory/bundle" --format dir > /dev/null
root=$directory/bundle/rootfs
if [ "$part" = serve ]; then
    "$capsule" build --pack bash -o "$directory/judge" --format dir > /dev/null
    cp -R "$directory/judge" "$root/judge"
fi
if [ "$part" = podman ]; then
    "$capsule" build bash ls cat -o "$directory/image" --format oci-judge > /dev/null
    cp -R "$directory/image/oci-judge" "$root/image"
    cp -R "$here/containers" "$root/etc/containers"
    chmod u+s "$root/usr/bin/newuidmap" "$root/usr/bin/newgidmap"
    install "$here/podman.sh" "$root/part"
elif [ "$part" = initramfs ]; then
    "$capsule" build bash -o "$directory/runs" --format dir > /dev/null
    cp -R "$directory/runs" "$root/runs"
    install "$here/initramfs.sh" "$root/before"
    printf '%s\n' '/runs/init run --root /runs/rootfs -- /bin/bash -c "exit 3"; test $? = 3 && test -e /has-said-so' > "$root/part"
elif [ "$part" = calibrate ]; then
    # In turns, as the host may be faster now and slower then.
    printf 'works 15; capsule calibrate --seconds 60 --force -o /tmp/c && grep speed /tmp/c; works 15\n' > "$root/part"
else
    printf "PATH=%s\nexport PATH\nexec it --include-ignored --test-threads=%s %s\n" "$path" "$threads" "$tests" > "$root/part"
fi
mkdir -p "$root$(dirname "$tested")"
ln -s /usr/bin/capsule "$root$tested"
install -D /bin/busybox "$root/busybox/bin/busybox"
for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/busybox/bin/$applet"
done
ln -sf /busybox/bin/busybox "$root/bin/sh"
ln -sf /busybox/bin/busybox "$root/bin/busybox"
install "$here/guest.sh" "$root/init"
# Modules of the kernel that the machine boots: it has no disk to load them from.
mkdir "$root/modules"
for name in "${modules[@]}"; do
    package=$(machine --print-kernel) kept=$directory/kernel
    mkdir -p "$kept"
    (cd "$kept" && apt-get download -q "$package" > /dev/null)
    dpkg-deb --fsys-tarfile "$kept"/*.deb | tar -x -C "$kept" --wildcards "*/$name.ko*"
    find "$kept" -name "$name.ko*" -exec cp {} "$root/modules/" \;
    if [ -e "$root/modules/$name.ko.xz" ]; then xz -d "$root/modules/$name.ko.xz"; fi
    test -e "$root/modules/$name.ko"
done
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) > "$directory/guest.cpio"
boot() { machine "$@" "$directory/guest.cpio"; }
if [ "$part" != calibrate ]; then
    boot
    exit
fi
trap 'kill $(jobs -p) 2> /dev/null || :' EXIT
# At the same time, so that the host is as busy for both.
boot --cpus 1 > "$directory/fast.log" &
boot --cpus 1 --one-instruction > "$directory/slow.log" || { cat "$directory/slow.log"; exit 1; }
wait $! || { cat "$directory/fast.log"; exit 1; }
awk -f "$here/speeds.awk" "$directory/fast.log" "$directory/slow.log"
