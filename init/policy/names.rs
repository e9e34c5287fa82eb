//! Names a policy may use: system calls, errnos and constants of x86-64 Linux.

/// One system call a line, `number name`, as the kernel's table for x86-64 has them up to 6.17.
const CALLS: &str = include_str!("x86_64.calls");

/// `AUDIT_ARCH_X86_64` of `linux/audit.h`: what `seccomp_data.arch` holds for a native call.
pub const ARCH: u32 = 0xc000_003e;

/// `__X32_SYSCALL_BIT` of `asm/unistd.h`: every number from here up belongs to the x32 ABI.
pub const X32_BIT: u32 = 0x4000_0000;

/// The number of a system call.
pub fn call(name: &str) -> Option<u32> {
    CALLS.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix(' ')?.parse().ok())
}

/// Every system call the table knows, by rising number.
pub fn calls() -> impl Iterator<Item = (u32, &'static str)> {
    CALLS.lines().filter_map(|line| {
        let (number, name) = line.split_once(' ')?;
        Some((number.parse().ok()?, name))
    })
}

/// The value of an errno.
pub fn errno(name: &str) -> Option<u16> {
    ERRNOS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// The value of a named constant.
pub fn constant(name: &str) -> Option<u64> {
    CONSTANTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// `asm-generic/errno-base.h` and `errno.h`: those a refused call may sensibly answer with.
const ERRNOS: [(&str, u16); 17] = [
    ("EPERM", 1),
    ("ENOENT", 2),
    ("EIO", 5),
    ("EBADF", 9),
    ("EAGAIN", 11),
    ("ENOMEM", 12),
    ("EACCES", 13),
    ("EBUSY", 16),
    ("ENODEV", 19),
    ("EINVAL", 22),
    ("ENOTTY", 25),
    ("ENOLCK", 37),
    ("ENOSYS", 38),
    ("ENOPKG", 65),
    ("EPROTONOSUPPORT", 93),
    ("EOPNOTSUPP", 95),
    ("EAFNOSUPPORT", 97),
];

/// Values from the kernel's uapi headers, named as there.
const CONSTANTS: [(&str, u64); 95] = [
    // linux/sched.h
    ("CLONE_VM", 0x100),
    ("CLONE_PTRACE", 0x2000),
    ("CLONE_VFORK", 0x4000),
    ("CLONE_PARENT", 0x8000),
    ("CLONE_THREAD", 0x1_0000),
    ("CLONE_NEWTIME", 0x80),
    ("CLONE_NEWNS", 0x2_0000),
    ("CLONE_NEWCGROUP", 0x200_0000),
    ("CLONE_NEWUTS", 0x400_0000),
    ("CLONE_NEWIPC", 0x800_0000),
    ("CLONE_NEWUSER", 0x1000_0000),
    ("CLONE_NEWPID", 0x2000_0000),
    ("CLONE_NEWNET", 0x4000_0000),
    // bits/socket.h, linux/in.h, linux/netlink.h
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("AF_NETLINK", 16),
    ("AF_PACKET", 17),
    ("AF_ALG", 38),
    ("AF_VSOCK", 40),
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_RAW", 3),
    ("IPPROTO_ICMP", 1),
    ("IPPROTO_TCP", 6),
    ("IPPROTO_UDP", 17),
    ("IPPROTO_ICMPV6", 58),
    ("IPPROTO_MPTCP", 262),
    ("NETLINK_ROUTE", 0),
    ("NETLINK_SOCK_DIAG", 4),
    ("MSG_OOB", 1),
    // asm-generic/ioctls.h, linux/tiocl.h
    ("TIOCSTI", 0x5412),
    ("TIOCLINUX", 0x541c),
    ("TIOCCONS", 0x541d),
    ("TIOCSETD", 0x5423),
    // asm-generic/fcntl.h, linux/fcntl.h, linux/watch_queue.h, linux/stat.h
    ("F_GETLK", 5),
    ("F_SETLK", 6),
    ("F_SETLKW", 7),
    ("F_OFD_GETLK", 36),
    ("F_OFD_SETLK", 37),
    ("F_OFD_SETLKW", 38),
    ("F_SETLEASE", 1024),
    ("F_GETLEASE", 1025),
    ("F_NOTIFY", 1026),
    ("O_NOTIFICATION_PIPE", 0x80),
    ("S_IFMT", 0o170_000),
    ("S_IFREG", 0o100_000),
    ("S_IFIFO", 0o010_000),
    ("S_IFSOCK", 0o140_000),
    ("S_IFCHR", 0o020_000),
    ("S_IFBLK", 0o060_000),
    // asm-generic/mman-common.h
    ("PROT_EXEC", 4),
    ("MADV_MERGEABLE", 12),
    // linux/personality.h
    ("PER_LINUX", 0),
    ("PER_LINUX32", 8),
    ("UNAME26", 0x2_0000),
    ("PER_LINUX32_UNAME26", 0x2_0008),
    ("ADDR_NO_RANDOMIZE", 0x4_0000),
    // asm/prctl.h
    ("ARCH_SET_GS", 0x1001),
    ("ARCH_SET_FS", 0x1002),
    ("ARCH_GET_FS", 0x1003),
    ("ARCH_GET_GS", 0x1004),
    ("ARCH_GET_XCOMP_SUPP", 0x1021),
    ("ARCH_GET_XCOMP_PERM", 0x1022),
    ("ARCH_REQ_XCOMP_PERM", 0x1023),
    // linux/prctl.h
    ("PR_SET_PDEATHSIG", 1),
    ("PR_GET_PDEATHSIG", 2),
    ("PR_GET_DUMPABLE", 3),
    ("PR_SET_DUMPABLE", 4),
    ("PR_GET_KEEPCAPS", 7),
    ("PR_SET_KEEPCAPS", 8),
    ("PR_SET_NAME", 15),
    ("PR_GET_NAME", 16),
    ("PR_GET_SECCOMP", 21),
    ("PR_SET_SECCOMP", 22),
    ("PR_CAPBSET_READ", 23),
    ("PR_CAPBSET_DROP", 24),
    ("PR_GET_SECUREBITS", 27),
    ("PR_SET_SECUREBITS", 28),
    ("PR_SET_TIMERSLACK", 29),
    ("PR_GET_TIMERSLACK", 30),
    ("PR_SET_MM", 35),
    ("PR_SET_CHILD_SUBREAPER", 36),
    ("PR_GET_CHILD_SUBREAPER", 37),
    ("PR_SET_NO_NEW_PRIVS", 38),
    ("PR_GET_NO_NEW_PRIVS", 39),
    ("PR_SET_THP_DISABLE", 41),
    ("PR_GET_THP_DISABLE", 42),
    ("PR_CAP_AMBIENT", 47),
    ("PR_GET_SPECULATION_CTRL", 52),
    ("PR_SET_SPECULATION_CTRL", 53),
    ("PR_SET_MEMORY_MERGE", 67),
    ("PR_SET_PTRACER", 0x5961_6d61),
    ("PR_SET_VMA", 0x5356_4d41),
    ("PR_GET_AUXV", 0x4155_5856),
];
