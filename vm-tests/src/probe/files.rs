//! FS: out of the root, into files that are not ours.

use std::env;
use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::sys::{self, Arg, Errno};
use super::{Attack, Finding, Target, look, trial};
use crate::arch;

/// The attacks of this family.
pub(crate) const ATTACKS: &[Attack] = &[
    Attack::new("files/climb", &["FS-05", "FS-08"], climb).escapes_bare(),
    Attack::new("files/double-chroot", &["FS-01"], double_chroot).escapes_bare(),
    Attack::new("files/saved-directory", &["FS-02"], saved_directory).escapes_bare(),
    Attack::new("files/leaked-descriptor", &["FS-03"], leaked_descriptor).escapes_bare(),
    Attack::new("files/working-directory", &["FS-05"], working_directory).escapes_bare(),
    Attack::new("files/root-of-a-process", &["FS-06"], root_of_a_process).escapes_bare(),
    Attack::new("files/judge-paths", &["FS-08", "JDG-01"], judge_paths).escapes_bare(),
    Attack::new("files/reopen-for-writing", &["FS-09"], reopen_for_writing),
    Attack::new("files/open-by-handle", &["FS-10"], open_by_handle).escapes_bare(),
    Attack::new("files/make-device", &["FS-11"], make_device).escapes_bare(),
    Attack::new("files/mount", &["FS-12"], mount).escapes_bare(),
    Attack::new("files/mount-by-descriptor", &["FS-12", "KRN-29"], mount_by_descriptor).escapes_bare(),
    Attack::new("files/remount-writable", &["FS-12"], remount_writable),
    Attack::new("files/pivot-root", &["FS-13"], pivot_root),
    Attack::new("files/unmount", &["FS-14"], unmount),
    Attack::new("files/unmount-in-user-namespace", &["FS-14"], unmount_in_user_namespace)
        .escapes_nowhere(LOCKED),
    Attack::new("files/mount-flags", &["FS-22"], mount_flags).escapes_bare(),
    Attack::new("files/file-capability", &["FS-23"], file_capability).escapes_bare(),
    Attack::new("files/kernel-settings", &["FS-24", "FS-25"], kernel_settings).escapes_bare(),
    Attack::new("files/sys", &["FS-26", "FS-27"], sys_tree).escapes_bare(),
    Attack::new("files/cgroup-path", &["FS-28"], cgroup_path),
    Attack::new("files/cgroup-tree", &["FS-28"], cgroup_tree).escapes_bare(),
    Attack::new("files/kernel-secrets", &["FS-29"], kernel_secrets).escapes_bare(),
    Attack::new("files/write-outside-of-scratch", &["FS-32", "FS-35"], write_outside_of_scratch)
        .escapes_bare(),
    Attack::new("files/scratch-of-another-run", &["JDG-09"], scratch_of_another_run)
        .escapes_nowhere("it takes two runs: control/neighbour/tmp and its like"),
];

const LOCKED: &str = "the kernel locks the mounts that a user namespace inherits (mount_namespaces(7)), whatever the \
                      sandbox does";

fn c_path(path: &Path) -> CString {
    // A path from the command line or from this file has no NUL in it.
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}

/// The canary by its own path, and by that path after fifty times `..`.
fn climb(target: &Target) -> Finding {
    let below_root = target.canary.strip_prefix("/").unwrap_or(&target.canary);
    let climbed: PathBuf = ["..", ".."].iter().cycle().take(50).collect::<PathBuf>().join(below_root);
    Finding::all([look(&target.canary), look(&climbed)])
}

/// A second root below the first, and the working directory left outside of it.
fn double_chroot(target: &Target) -> Finding {
    let inner = env::temp_dir().join("inner");
    let entered = fs::create_dir(&inner).or_else(|_| fs::metadata(&inner).map(drop));
    if let Err(cause) = entered {
        return Finding::of_io::<()>("mkdir", Err(cause));
    }
    if let Err(errno) = sys::call(libc::SYS_chroot, &mut [Arg::S(&c_path(&inner))]) {
        return Finding::blocked(format!("chroot: {errno}"));
    }
    climb_from_here(target)
}

/// A descriptor of a directory outside of the second root.
fn saved_directory(target: &Target) -> Finding {
    let Ok(saved) = File::open("/") else { return Finding::blocked("/ cannot be opened") };
    let inner = env::temp_dir();
    if let Err(errno) = sys::call(libc::SYS_chroot, &mut [Arg::S(&c_path(&inner))]) {
        // Without a second root, climbing from the saved one must end at the first.
        let _ = sys::call(libc::SYS_fchdir, &mut [Arg::N(saved.as_raw_fd().into())]);
        return Finding::all([Finding::blocked(format!("chroot: {errno}")), climb_from_here(target)]);
    }
    match sys::call(libc::SYS_fchdir, &mut [Arg::N(saved.as_raw_fd().into())]) {
        Ok(_) => climb_from_here(target),
        Err(errno) => Finding::blocked(format!("fchdir: {errno}")),
    }
}

fn climb_from_here(target: &Target) -> Finding {
    for _ in 0..50 {
        // At the top `..` is the same directory; there is nothing to do about an error.
        env::set_current_dir("..").ok();
    }
    look(target.canary.strip_prefix("/").unwrap_or(&target.canary))
}

/// Any descriptor beyond the three, and the way out that it would be.
fn leaked_descriptor(target: &Target) -> Finding {
    let below_root = target.canary.strip_prefix("/").unwrap_or(&target.canary);
    let mut found = Vec::new();
    for descriptor in 3..1024 {
        // Anything but EBADF means that the descriptor was left open.
        if sys::call(libc::SYS_fcntl, &mut [Arg::N(descriptor), Arg::N(libc::F_GETFD.into())]).is_err() {
            continue;
        }
        let link = PathBuf::from(format!("/proc/self/fd/{descriptor}"));
        let leads_to = fs::read_link(&link).unwrap_or_default();
        found.push(Finding::escaped(format!("descriptor {descriptor} is {}", leads_to.display())));
        found.push(look(&link.join("../../../../..").join(below_root)));
    }
    if found.is_empty() { Finding::blocked("3 to 1023 are closed") } else { Finding::all(found) }
}

/// A working directory outside of the root shows itself as `(unreachable)`.
fn working_directory(target: &Target) -> Finding {
    let shown = fs::read_link("/proc/self/cwd").unwrap_or_default();
    let current = env::current_dir().unwrap_or_default();
    let unreachable = shown.to_string_lossy().contains("unreachable") || !current.is_absolute();
    let place = if unreachable {
        Finding::escaped("cwd is unreachable")
    } else {
        Finding::blocked(format!("cwd is {}", current.display()))
    };
    Finding::all([place, climb_from_here(target)])
}

/// The roots and working directories that /proc offers.
fn root_of_a_process(target: &Target) -> Finding {
    let below_root = target.canary.strip_prefix("/").unwrap_or(&target.canary);
    let mut found = Vec::new();
    for process in ["1".to_string(), "self".to_string(), "thread-self".to_string(), target.pid.to_string()] {
        for link in ["root", "cwd", "cwd/../../../.."] {
            found.push(look(&Path::new("/proc").join(&process).join(link).join(below_root)));
        }
    }
    Finding::all(found)
}

/// Where judges keep what no submission may read.
fn judge_paths(target: &Target) -> Finding {
    let outside = target.canary.parent().unwrap_or(Path::new("/vm-tests"));
    let places =
        [outside, Path::new("/rootfs"), Path::new("/judge"), Path::new("/testcases"), Path::new("/vm-tests")];
    let found: Vec<Finding> = places
        .iter()
        .filter(|place| place.exists())
        .map(|place| Finding::escaped(format!("{} is there", place.display())))
        .collect();
    if found.is_empty() { Finding::blocked("none of them is there") } else { Finding::all(found) }
}

/// A descriptor for reading, reopened for writing through /proc.
fn reopen_for_writing(_: &Target) -> Finding {
    const FILES: [&str; 3] = ["/etc/passwd", "/proc/self/exe", "/bin/bash"];
    let found = FILES.iter().filter_map(|path| File::open(path).ok()).map(|file| {
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        Finding::of_io(&link, fs::OpenOptions::new().write(true).open(&link))
    });
    Finding::all(found)
}

/// The handle of the root directory's own inode, opened again without a path ("shocker").
fn open_by_handle(_: &Target) -> Finding {
    let mut handle = [0u8; 136];
    handle[0] = 128;
    let mut mount = [0u8; 4];
    let mut args =
        [Arg::N(libc::AT_FDCWD.into()), Arg::S(c"/dev"), Arg::W(&mut handle), Arg::W(&mut mount), Arg::N(0)];
    // Without a handle of its own, one that is made up: the right is checked before the handle.
    let named = sys::call(libc::SYS_name_to_handle_at, &mut args).is_ok();
    if !named {
        handle[..8].copy_from_slice(&[8, 0, 0, 0, 1, 0, 0, 0]);
    }
    trial("open_by_handle_at", || {
        let Ok(root) = File::open("/dev") else { return Err(Errno(libc::EACCES)) };
        let mut args = [Arg::N(root.as_raw_fd().into()), Arg::R(&handle), Arg::N(0)];
        match sys::call(libc::SYS_open_by_handle_at, &mut args) {
            // The right was there; it is the handle that was not.
            Err(Errno(libc::ESTALE)) => Ok(()),
            opened => opened.map(drop),
        }
    })
}

/// A node for the kernel's messages, opened.
fn make_device(_: &Target) -> Finding {
    const KMSG: i64 = (1 << 8) | 11;
    let path = env::temp_dir().join("device");
    // From a run before, where the control has left one.
    fs::remove_file(&path).ok();
    let made = trial("mknod", || {
        let path = c_path(&path);
        let (mode, device) = (Arg::N(0o020_666), Arg::N(KMSG));
        let made = match arch::MKNOD {
            Some(mknod) => sys::call(mknod, &mut [Arg::S(&path), mode, device]),
            None => sys::call(
                libc::SYS_mknodat,
                &mut [Arg::N(libc::AT_FDCWD.into()), Arg::S(&path), mode, device],
            ),
        };
        made.map(drop)
    });
    match fs::symlink_metadata(&path) {
        Err(_) => made,
        Ok(_) => Finding::of_io("opening the device", File::open(&path)),
    }
}

fn mount(_: &Target) -> Finding {
    let place = c_path(&env::temp_dir());
    let bind = i64::try_from(libc::MS_BIND).unwrap_or(0);
    Finding::all([("tmpfs", c"tmpfs", 0), ("proc", c"proc", 0), ("bind", c"none", bind)].map(
        |(what, kind, flags)| {
            trial(&format!("mount {what}"), || {
                let mut args = [Arg::S(c"/"), Arg::S(&place), Arg::S(kind), Arg::N(flags), Arg::N(0)];
                sys::call(libc::SYS_mount, &mut args)?;
                // Not left behind by the control.
                sys::call(libc::SYS_umount2, &mut [Arg::S(&place), Arg::N(libc::MNT_DETACH.into())]).map(drop)
            })
        },
    ))
}

/// The same by the calls of 2019, which a filter may have forgotten.
fn mount_by_descriptor(_: &Target) -> Finding {
    const CLONE: i64 = 1;
    Finding::all([
        trial("fsopen", || sys::call(libc::SYS_fsopen, &mut [Arg::S(c"tmpfs"), Arg::N(0)]).map(drop)),
        trial("open_tree", || {
            let mut args = [Arg::N(libc::AT_FDCWD.into()), Arg::S(c"/"), Arg::N(CLONE)];
            sys::call(libc::SYS_open_tree, &mut args).map(drop)
        }),
        trial("mount_setattr", || {
            let nothing = [0u8; 32];
            let mut args =
                [Arg::N(libc::AT_FDCWD.into()), Arg::S(c"/"), Arg::N(0), Arg::R(&nothing), Arg::N(32)];
            sys::call(libc::SYS_mount_setattr, &mut args).map(drop)
        }),
        trial("fspick", || {
            sys::call(libc::SYS_fspick, &mut [Arg::N(libc::AT_FDCWD.into()), Arg::S(c"/"), Arg::N(0)])
                .map(drop)
        }),
    ])
}

fn remount_writable(_: &Target) -> Finding {
    let flags = i64::try_from(libc::MS_REMOUNT | libc::MS_BIND).unwrap_or(0);
    Finding::all([c"/", c"/proc", c"/dev"].map(|place| {
        trial(&format!("remount {}", place.to_string_lossy()), || {
            let mut args = [Arg::S(c"none"), Arg::S(place), Arg::S(c"none"), Arg::N(flags), Arg::N(0)];
            sys::call(libc::SYS_mount, &mut args).map(drop)
        })
    }))
}

fn pivot_root(_: &Target) -> Finding {
    let place = c_path(&env::temp_dir());
    trial("pivot_root", || sys::call(libc::SYS_pivot_root, &mut [Arg::S(&place), Arg::S(&place)]).map(drop))
}

fn unmount(_: &Target) -> Finding {
    Finding::all([c"/proc/keys", c"/proc", c"/dev", c"/tmp", c"/"].map(|place| {
        trial(&format!("umount {}", place.to_string_lossy()), || {
            sys::call(libc::SYS_umount2, &mut [Arg::S(place), Arg::N(libc::MNT_DETACH.into())]).map(drop)
        })
    }))
}

/// A mask removed in a user namespace, where the caller is root.
fn unmount_in_user_namespace(_: &Target) -> Finding {
    trial("umount in a user namespace", || {
        let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS;
        sys::call(libc::SYS_unshare, &mut [Arg::N(flags.into())])?;
        sys::call(libc::SYS_umount2, &mut [Arg::S(c"/proc/keys"), Arg::N(libc::MNT_DETACH.into())]).map(drop)
    })
}

/// Mounts on which a setuid program would get its owner's rights, or a device node would work.
fn mount_flags(_: &Target) -> Finding {
    /// Where a submission may write.
    const SCRATCH: [&str; 4] = ["/tmp", "/home/judge", "/dev/shm", "/dev/pts"];
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut found = Vec::new();
    for line in table.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, place, kind, flags, ..] = fields[..] else { continue };
        // A single file that is mounted, as devices and masks are, holds neither programs nor nodes.
        if !Path::new(place).is_dir() {
            continue;
        }
        let has = |flag| flags.split(',').any(|word| word == flag);
        if !has("ro") && !SCRATCH.contains(&place) {
            found.push(format!("{place} ({kind}) without ro"));
        }
        if !has("nosuid") {
            found.push(format!("{place} ({kind}) without nosuid"));
        }
        if !has("nodev") && place != "/dev" {
            found.push(format!("{place} ({kind}) without nodev"));
        }
    }
    match (table.is_empty(), found.is_empty()) {
        (true, _) => Finding::not_applicable("no mount table"),
        (false, true) => Finding::blocked("every tree is nosuid, nodev but for /dev, and ro but for scratch"),
        (false, false) => Finding::escaped(found.join(", ")),
    }
}

/// CAP_SYS_ADMIN in the permitted set of our own file.
fn file_capability(_: &Target) -> Finding {
    let path = env::temp_dir().join("capable");
    if let Err(cause) = fs::write(&path, b"") {
        return Finding::of_io::<()>("our own file", Err(cause));
    }
    // vfs_cap_data, revision 2, effective.
    let mut value = [0u8; 20];
    value[..4].copy_from_slice(&0x0200_0001u32.to_le_bytes());
    value[4..8].copy_from_slice(&(1u32 << 21).to_le_bytes());
    trial("setxattr security.capability", || {
        let path = c_path(&path);
        let mut args = [Arg::S(&path), Arg::S(c"security.capability"), Arg::R(&value), Arg::N(20), Arg::N(0)];
        sys::call(libc::SYS_setxattr, &mut args).map(drop)
    })
}

/// Opened for writing; nothing is written.
fn writable(paths: &[&str]) -> Finding {
    let found = paths.iter().map(|path| Finding::of_io(path, fs::OpenOptions::new().write(true).open(path)));
    Finding::all(found)
}

fn kernel_settings(_: &Target) -> Finding {
    writable(&[
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/hotplug",
        "/proc/sys/kernel/pid_max",
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/user/max_user_namespaces",
        "/proc/sys/fs/binfmt_misc/register",
        "/proc/1/oom_score_adj",
        "/proc/irq/default_smp_affinity",
    ])
}

fn sys_tree(_: &Target) -> Finding {
    writable(&[
        "/sys/kernel/uevent_helper",
        "/sys/kernel/mm/ksm/run",
        "/sys/power/state",
        "/sys/module/kernel/parameters/panic",
        "/sys/fs/cgroup/release_agent",
        "/sys/fs/cgroup/memory/release_agent",
        "/sys/fs/cgroup/cgroup.subtree_control",
    ])
}

/// The sandbox's own cgroup is the root of what it sees.
fn cgroup_path(_: &Target) -> Finding {
    let Ok(table) = fs::read_to_string("/proc/1/cgroup").or_else(|_| fs::read_to_string("/proc/self/cgroup"))
    else {
        return Finding::blocked("no table");
    };
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let paths = table.lines().chain(own.lines()).filter_map(|line| line.splitn(3, ':').nth(2));
    // PID 1 sits above the submission, outside of its cgroup: `/..` reveals no name.
    let is_telling =
        |path: &&str| path.trim_start_matches("/..").trim_matches('/').contains(char::is_alphanumeric);
    let telling: Vec<&str> = paths.filter(is_telling).collect();
    if telling.is_empty() { Finding::blocked("only `/`") } else { Finding::escaped(telling.join(", ")) }
}

/// Out of the cgroup, or with higher limits in it.
fn cgroup_tree(_: &Target) -> Finding {
    writable(&[
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/pids.max",
        "/sys/fs/cgroup/cgroup.freeze",
        "/sys/fs/cgroup/memory/tasks",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/pids/tasks",
    ])
}

/// What the kernel reveals about the machine and its other users.
fn kernel_secrets(_: &Target) -> Finding {
    const FILES: [&str; 15] = [
        "/proc/kcore",
        "/proc/keys",
        "/proc/key-users",
        "/proc/timer_list",
        "/proc/sched_debug",
        "/sys/kernel/debug/sched/debug",
        "/proc/kallsyms",
        "/proc/modules",
        "/proc/kmsg",
        "/proc/interrupts",
        "/proc/slabinfo",
        "/proc/vmallocinfo",
        "/sys/firmware/dmi/tables/DMI",
        "/sys/kernel/notes",
        "/proc/config.gz",
    ];
    Finding::all(FILES.map(|path| {
        use std::io::Read;
        let mut bytes = [0u8; 256];
        match File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .and_then(|mut file| file.read(&mut bytes))
        {
            Ok(0) => Finding::blocked(format!("{path}: empty")),
            read => Finding::of_io(path, read),
        }
    }))
}

/// A new file next to the image's own files, and an image's file opened for writing.
fn write_outside_of_scratch(_: &Target) -> Finding {
    const PLACES: [&str; 10] =
        ["/", "/etc", "/usr", "/usr/bin", "/bin", "/lib", "/home", "/dev", "/proc", "/root"];
    let made = PLACES.map(|place| {
        let path = Path::new(place).join("left-behind");
        let made = File::create(&path);
        // Not left behind by the control.
        fs::remove_file(&path).ok();
        Finding::of_io(place, made)
    });
    Finding::all(made.into_iter().chain([writable(&["/etc/passwd", "/home/hello.txt", "/bin/bash"])]))
}

/// Finds what the run before left, and leaves something for the next.
fn scratch_of_another_run(_: &Target) -> Finding {
    const PLACES: [&str; 3] = ["/tmp/left-behind", "/dev/shm/left-behind", "/home/judge/left-behind"];
    let found: Vec<&str> = PLACES.into_iter().filter(|place| Path::new(place).exists()).collect();
    let kept = PLACES.iter().filter(|place| fs::write(place, b"for the next").is_ok()).count();
    match (found.is_empty(), kept) {
        (_, 0) => Finding::not_applicable("nothing can be left anywhere"),
        (true, _) => Finding::blocked(format!("nothing was left; {kept} things are left now")),
        (false, _) => Finding::escaped(found.join(", ")),
    }
}
