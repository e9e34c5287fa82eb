//! What the default policy answers: to the calls that programs need, and to every attack that seccomp has to stop.
//!
//! The tables were written from the attack list and from traces of real programs, not from the policy.
//! `each_line_of_the_policy_is_needed` takes the policy's lines out one by one: some row has to notice.

use builder::tool::seccomp::policy::arch::X86_64;
use builder::tool::seccomp::policy::rules::{Action, Policy};

use crate::machine::{DEFAULT, Filter, HOST, HOST_DEVICES, I386, LOOPBACK, NONE, WRITABLE_BINDS};

const ALLOW: Action = Action::Allow;
const KILL: Action = Action::Kill;
const OK: Action = Action::Errno(0);
const EPERM: Action = Action::Errno(1);
const ENOMEM: Action = Action::Errno(12);
const EINVAL: Action = Action::Errno(22);
const ENOTTY: Action = Action::Errno(25);
const ENOSYS: Action = Action::Errno(38);
const ENOPKG: Action = Action::Errno(65);
const ENOPROTOOPT: Action = Action::Errno(92);
const EPROTONOSUPPORT: Action = Action::Errno(93);
const EOPNOTSUPP: Action = Action::Errno(95);
const EAFNOSUPPORT: Action = Action::Errno(97);

/// Made by Python, the JVM, Node, Go, gcc, rustc, bash, vim, ps, ip, git or tar, or by a C library in their stead.
const NEEDED: &[&str] = &[
    "read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask",
    "rt_sigreturn pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 access pipe select sched_yield",
    "mremap msync madvise shmget shmat shmctl shmdt dup dup2 dup3 pause nanosleep getitimer alarm setitimer",
    "getpid sendfile connect accept accept4 sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown bind listen",
    "getsockname getpeername clone fork vfork execve execveat exit exit_group wait4 waitid kill",
    "uname semget semop semctl semtimedop msgget msgsnd msgrcv msgctl fcntl truncate",
    "ftruncate getdents getdents64 getcwd chdir fchdir rename renameat renameat2 mkdir mkdirat rmdir creat link linkat",
    "unlink unlinkat symlink symlinkat readlink readlinkat chmod fchmod fchmodat fchmodat2 chown fchown lchown",
    "fchownat umask gettimeofday getrlimit setrlimit prlimit64 getrusage sysinfo times getuid getgid geteuid getegid",
    "setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid getgroups setgroups getresuid getresgid",
    "setpgid getppid getpgrp getpgid setsid getsid capget capset rt_sigpending rt_sigtimedwait rt_sigqueueinfo",
    "rt_tgsigqueueinfo rt_sigsuspend sigaltstack utime utimes futimesat utimensat statfs fstatfs getpriority",
    "setpriority sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max",
    "sched_get_priority_min sched_rr_get_interval sched_getattr sched_setaffinity sched_getaffinity mlock",
    "mlock2 munlock mlockall munlockall gettid getxattr lgetxattr",
    "fgetxattr listxattr llistxattr flistxattr tkill tgkill time futex",
    "set_robust_list set_tid_address restart_syscall rseq getcpu timer_create timer_settime",
    "timer_gettime timer_getoverrun timer_delete clock_gettime clock_getres clock_nanosleep epoll_create epoll_create1",
    "epoll_ctl epoll_wait epoll_pwait epoll_pwait2 get_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive",
    "mq_notify mq_getsetattr ioprio_set ioprio_get openat openat2 newfstatat statx faccessat faccessat2 pselect6 ppoll",
    "splice copy_file_range fallocate timerfd_create timerfd_settime timerfd_gettime signalfd signalfd4 eventfd",
    "eventfd2 pipe2 getrandom memfd_create membarrier mseal map_shadow_stack pkey_mprotect pkey_alloc pkey_free",
    "pidfd_open pidfd_send_signal close_range",
];

/// Too old, too new or too special for the programs of a judge: as on a kernel that was built without.
const ABSENT: &[&str] = &[
    "sysfs _sysctl create_module get_kernel_syms query_module getpmsg putpmsg afs_syscall tuxcall security vserver",
    "io_setup io_destroy io_getevents io_submit io_cancel io_pgetevents get_thread_area epoll_ctl_old epoll_wait_old",
    "remap_file_pages uretprobe uprobe landlock_create_ruleset landlock_add_rule landlock_restrict_self futex_waitv",
    "futex_wake futex_wait futex_requeue set_mempolicy_home_node lsm_get_self_attr lsm_set_self_attr lsm_list_modules",
    "setxattrat getxattrat listxattrat removexattrat file_getattr file_setattr ustat get_robust_list tee",
];

/// Attack or reason, call, arguments, answer: the same for every `--net`.
type Row = (&'static str, &'static str, &'static [u64], Action);

const GARBAGE: u64 = 0xdead_beef_0000_0000;
const SIGCHLD: u64 = 17;

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("FS-01 double chroot", "chroot", &[], EPERM),
    ("FS-10 first half of Shocker", "name_to_handle_at", &[], ENOSYS),
    ("FS-10 Shocker", "open_by_handle_at", &[], KILL),
    ("FS-11 block device", "mknod", &[0, 0o060_600, 0x800], EPERM),
    ("FS-11 character device", "mknod", &[0, 0o020_600, 0x101], EPERM),
    ("FS-11 block device at", "mknodat", &[0, 0, 0o060_600, 0x800], EPERM),
    ("FS-11 character device at", "mknodat", &[0, 0, 0o020_600, 0x101], EPERM),
    ("KRN-16 the kernel reads 16 bits of a mode", "mknod", &[0, 0xffff_0000 | 0o060_600, 0x800], EPERM),
    ("KRN-16 garbage above a mode", "mknodat", &[0, 0, GARBAGE | 0o020_600, 0x101], EPERM),
    ("a named pipe", "mknod", &[0, 0o010_644], ALLOW),
    ("a file by mknod", "mknod", &[0, 0o100_644], ALLOW),
    ("a file by mknod, type left out", "mknod", &[0, 0o644], ALLOW),
    ("mkfifo(1)", "mknodat", &[0, 0, 0o010_644], ALLOW),
    ("a file by mknodat", "mknodat", &[0, 0, 0o100_644], ALLOW),
    ("a file by mknodat, type left out", "mknodat", &[0, 0, 0o644], ALLOW),
    ("FS-12 mount", "mount", &[], EPERM),
    ("FS-12, FS-14 umount", "umount2", &[], EPERM),
    ("FS-12 new mount calls", "fsopen", &[], ENOSYS),
    ("KRN-29 fsconfig", "fsconfig", &[], ENOSYS),
    ("FS-12 new mount calls", "fsmount", &[], ENOSYS),
    ("FS-12 new mount calls", "fspick", &[], ENOSYS),
    ("FS-12 new mount calls", "open_tree", &[], ENOSYS),
    ("FS-12 new mount calls", "open_tree_attr", &[], ENOSYS),
    ("FS-12 new mount calls", "move_mount", &[], ENOSYS),
    ("FS-12 read-only to writable", "mount_setattr", &[], ENOSYS),
    ("FS-13 another root", "pivot_root", &[], KILL),
    ("FS-34 flock over a shared inode", "flock", &[], OK),
    ("stdout that does not block, ioctl", "ioctl", &[1, 0x5421], OK),
    ("stderr that does not block, ioctl", "ioctl", &[2, 0x5421], OK),
    ("stdin that does not block, ioctl", "ioctl", &[0, 0x5421], ALLOW),
    ("a socket that does not block, ioctl", "ioctl", &[3, 0x5421], ALLOW),
    ("stdout that does not block", "fcntl", &[1, 4, 0o4001], OK),
    ("stderr that does not block", "fcntl", &[2, 4, 0o4000], OK),
    ("stdout that blocks", "fcntl", &[1, 4, 1], ALLOW),
    ("a socket that does not block", "fcntl", &[3, 4, 0o4002], ALLOW),
    ("FS-34 leases", "fcntl", &[0, 1024], EINVAL),
    ("FS-34 leases, read", "fcntl", &[0, 1025], EINVAL),
    ("FS-34 directory notification", "fcntl", &[0, 1026], EINVAL),
    ("FS-34 who holds a lock", "fcntl", &[0, 5], EINVAL),
    ("FS-34 who holds an open-file lock", "fcntl", &[0, 36], EINVAL),
    ("KRN-16 garbage above a lease", "fcntl", &[0, GARBAGE | 1024], EINVAL),
    ("KRN-16 garbage above a lock query", "fcntl", &[0, GARBAGE | 5], EINVAL),
    ("FS-34, KRN-33 inotify", "inotify_init", &[], ENOSYS),
    ("FS-34, KRN-33 inotify", "inotify_init1", &[], ENOSYS),
    ("FS-34, KRN-33 inotify", "inotify_add_watch", &[], ENOSYS),
    ("FS-34, KRN-33 inotify", "inotify_rm_watch", &[], ENOSYS),
    ("KRN-33 fanotify", "fanotify_init", &[], EPERM),
    ("KRN-33 fanotify", "fanotify_mark", &[], EPERM),
    ("PR-05 ptrace", "ptrace", &[], EPERM),
    ("PR-06 memory of others", "process_vm_readv", &[], EPERM),
    ("PR-06 memory of others", "process_vm_writev", &[], EPERM),
    ("PR-06 memory of others", "process_madvise", &[], EPERM),
    ("PR-06 memory of others", "process_mrelease", &[], EPERM),
    ("PR-06 kernel pointers", "kcmp", &[], EPERM),
    ("PR-07 descriptors of others", "pidfd_getfd", &[], EPERM),
    ("PR-15 child of our PID 1", "clone", &[0x8000 | SIGCHLD], EINVAL),
    ("PR-15 with garbage", "clone", &[GARBAGE | 0x8000 | SIGCHLD], EINVAL),
    ("NET-13 out-of-band", "sendto", &[0, 0, 0, 1], EOPNOTSUPP),
    ("NET-13 out-of-band, among flags", "sendto", &[0, 0, 0, 0x4041], EOPNOTSUPP),
    ("NET-13 out-of-band", "sendmsg", &[0, 0, 1], EOPNOTSUPP),
    ("NET-13 out-of-band", "sendmmsg", &[0, 0, 0, 1], EOPNOTSUPP),
    ("sending without a signal", "sendto", &[0, 0, 0, 0x4000], ALLOW),
    ("a pair of Unix sockets", "socketpair", &[1, 1], ALLOW),
    ("NET-10 a pair of TIPC sockets", "socketpair", &[30, 1], EAFNOSUPPORT),
    ("NET-10 with garbage", "socketpair", &[GARBAGE | 30, 1], EAFNOSUPPORT),
    ("a Unix socket", "socket", &[1, 1], ALLOW),
    ("NET-07 AF_PACKET", "socket", &[17, 3, 0], EAFNOSUPPORT),
    ("NET-08 AF_VSOCK", "socket", &[40, 1, 0], EAFNOSUPPORT),
    ("NET-08 AF_VSOCK with garbage", "socket", &[GARBAGE | 40, 1, 0], EAFNOSUPPORT),
    ("NET-09 AF_ALG", "socket", &[38, 5, 0], EAFNOSUPPORT),
    ("NET-10 bluetooth", "socket", &[31, 3, 0], EAFNOSUPPORT),
    ("NET-10 CAN", "socket", &[29, 3, 0], EAFNOSUPPORT),
    ("NET-10 RDS", "socket", &[21, 5, 0], EAFNOSUPPORT),
    ("NET-10 KCM", "socket", &[41, 5, 0], EAFNOSUPPORT),
    ("NET-10 SMC", "socket", &[43, 1, 0], EAFNOSUPPORT),
    ("NET-10 XDP", "socket", &[44, 3, 0], EAFNOSUPPORT),
    ("JDG-05 the signal of a limit", "kill", &[1, 25], EPERM),
    ("JDG-05 the signal of a limit", "tkill", &[1, 25], EPERM),
    ("JDG-05 the signal of a limit", "tgkill", &[1, 1, 25], EPERM),
    ("JDG-05 with garbage", "tgkill", &[1, 1, GARBAGE | 25], EPERM),
    ("JDG-05 the signal of a limit", "rt_sigqueueinfo", &[1, 25], EPERM),
    ("JDG-05 the signal of a limit", "rt_tgsigqueueinfo", &[1, 1, 25], EPERM),
    ("JDG-05 the signal of a limit", "pidfd_send_signal", &[3, 25], EPERM),
    ("another signal", "kill", &[25, 9], ALLOW),
    ("another signal", "tgkill", &[25, 25, 6], ALLOW),
    ("RES-10 a program that ignores its file limit", "rt_sigaction", &[25, 0x7fff_0000_1000], OK),
    ("RES-10 with garbage", "rt_sigaction", &[GARBAGE | 25, 0x7fff_0000_1000], OK),
    ("how a signal is handled, asked", "rt_sigaction", &[25, 0], ALLOW),
    ("another signal's handler", "rt_sigaction", &[11, 0x7fff_0000_1000], ALLOW),
    ("KRN-01 user namespace", "clone", &[0x1000_0000 | SIGCHLD], EPERM),
    ("KRN-01 mount namespace", "clone", &[0x0002_0000 | SIGCHLD], EPERM),
    ("KRN-01 pid namespace", "clone", &[0x2000_0000 | SIGCHLD], EPERM),
    ("KRN-01 net namespace", "clone", &[0x4000_0000 | SIGCHLD], EPERM),
    ("KRN-01 ipc namespace", "clone", &[0x0800_0000 | SIGCHLD], EPERM),
    ("KRN-01 uts namespace", "clone", &[0x0400_0000 | SIGCHLD], EPERM),
    ("KRN-01 cgroup namespace", "clone", &[0x0200_0000 | SIGCHLD], EPERM),
    ("KRN-16 user namespace under garbage", "clone", &[GARBAGE | 0x1000_0000 | SIGCHLD], EPERM),
    ("a thread", "clone", &[0x003d_0f00], ALLOW),
    ("a vfork of the C library", "clone", &[0x4111], ALLOW),
    ("Go's clone with a pidfd", "clone", &[0x5111], ALLOW),
    ("KRN-01 unshare", "unshare", &[0x1000_0000], EPERM),
    ("KRN-02 clone3", "clone3", &[], ENOSYS),
    ("KRN-03 setns", "setns", &[], EPERM),
    ("KRN-04 bpf", "bpf", &[], EPERM),
    ("KRN-05 perf", "perf_event_open", &[], EPERM),
    ("KRN-06 userfaultfd", "userfaultfd", &[], EPERM),
    ("KRN-07 keyrings", "keyctl", &[], ENOSYS),
    ("KRN-07 keyrings", "add_key", &[], ENOSYS),
    ("KRN-07 keyrings", "request_key", &[], ENOSYS),
    ("KRN-08 io_uring is probed", "io_uring_setup", &[], ENOSYS),
    ("KRN-08 io_uring", "io_uring_enter", &[], ENOSYS),
    ("KRN-08 io_uring", "io_uring_register", &[], ENOSYS),
    ("KRN-09 another kernel", "kexec_load", &[], KILL),
    ("KRN-09 another kernel", "kexec_file_load", &[], KILL),
    ("KRN-10 modules", "init_module", &[], KILL),
    ("KRN-10 modules", "finit_module", &[], KILL),
    ("KRN-10 modules", "delete_module", &[], KILL),
    ("KRN-11 reboot", "reboot", &[0xfee1_dead, 672_274_793, 0x0123_4567], KILL),
    ("KRN-12 no address randomisation", "personality", &[0x4_0000], EPERM),
    ("KRN-12 readable is executable", "personality", &[0x40_0000], EPERM),
    ("KRN-12 with garbage", "personality", &[GARBAGE | 0x4_0000], EPERM),
    ("personality, the default", "personality", &[0], ALLOW),
    ("KRN-12 another version", "personality", &[0x2_0000], EPERM),
    ("personality, asked", "personality", &[0xffff_ffff], ALLOW),
    ("KRN-13 segments", "modify_ldt", &[], KILL),
    ("KRN-13 ports", "iopl", &[3], KILL),
    ("KRN-13, JDG-25 ports", "ioperm", &[0xf4, 1, 1], KILL),
    ("KRN-13 32-bit TLS", "set_thread_area", &[], ENOSYS),
    ("KRN-17 typing into a terminal", "ioctl", &[0, 0x5412], ENOTTY),
    ("KRN-17 pasting into a console", "ioctl", &[0, 0x541c], ENOTTY),
    ("KRN-17 line disciplines", "ioctl", &[0, 0x5423], ENOTTY),
    ("KRN-17 console output", "ioctl", &[0, 0x541d], ENOTTY),
    ("KRN-16 CVE-2019-10063", "ioctl", &[0, 0x1_0000_5412], ENOTTY),
    ("KRN-16 garbage above TIOCLINUX", "ioctl", &[0, GARBAGE | 0x541c], ENOTTY),
    ("KRN-16 garbage above TIOCSETD", "ioctl", &[0, GARBAGE | 0x5423], ENOTTY),
    ("KRN-16 garbage above TIOCCONS", "ioctl", &[0, GARBAGE | 0x541d], ENOTTY),
    ("a terminal's modes", "ioctl", &[0, 0x5401], ALLOW),
    ("a terminal's modes, glibc 2.42", "ioctl", &[0, 0x802c_542a], ALLOW),
    ("what waits in a terminal", "ioctl", &[0, 0x5411], ALLOW),
    ("a terminal's size", "ioctl", &[0, 0x5413], ALLOW),
    ("a terminal's size, set", "ioctl", &[0, 0x5414], ALLOW),
    ("a modem's lines", "ioctl", &[0, 0x5415], ENOTTY),
    ("how much can be read", "ioctl", &[0, 0x541b], ALLOW),
    ("a non-blocking descriptor", "ioctl", &[0, 0x5421], ALLOW),
    ("a daemon", "ioctl", &[0, 0x5422], ALLOW),
    ("a terminal's session", "ioctl", &[0, 0x5429], ALLOW),
    ("close-on-exec", "ioctl", &[0, 0x5450], ALLOW),
    ("signals of a descriptor", "ioctl", &[0, 0x5452], ALLOW),
    ("the next number", "ioctl", &[0, 0x5453], ENOTTY),
    ("a pair of terminals", "ioctl", &[0, 0x8004_5430], ALLOW),
    ("a pair of terminals, unlocked", "ioctl", &[0, 0x4004_5431], ALLOW),
    ("interfaces", "ioctl", &[0, 0x8912], ALLOW),
    ("names of interfaces", "ioctl", &[0, 0x8910], ALLOW),
    ("an interface's queue", "ioctl", &[0, 0x8942], ALLOW),
    ("an interface's driver", "ioctl", &[0, 0x8946], ENOTTY),
    ("FS-34 FIEMAP", "ioctl", &[0, 0xc020_660b], ENOTTY),
    ("FS-34 ext4's cache of extents, filled", "ioctl", &[0, 0x6612], ENOTTY),
    ("FS-34 ext4's cache of extents, read", "ioctl", &[0, 0x4004_6629], ENOTTY),
    ("KRN-03 CVE-2026-43391: the parent of a namespace", "ioctl", &[0, 0xb702], ENOTTY),
    ("KRN-16 garbage above FIEMAP", "ioctl", &[0, GARBAGE | 0xc020_660b], ENOTTY),
    ("FS-34 hints of writing, read", "fcntl", &[0, 1035], EINVAL),
    ("FS-34 hints of writing", "fcntl", &[0, 1036], EINVAL),
    ("FS-34 hints of writing", "fcntl", &[0, 1038], EINVAL),
    ("FS-34 reading ahead", "readahead", &[], OK),
    ("FS-34 evicting", "fadvise64", &[3, 0, 0, 4], OK),
    ("FS-34 resident pages", "mincore", &[], ENOSYS),
    ("FS-34 resident pages", "preadv2", &[3, 0, 1, 0, 0, 8], EOPNOTSUPP),
    ("FS-34 with garbage", "preadv2", &[3, 0, 1, 0, 0, GARBAGE | 8], EOPNOTSUPP),
    ("flags of writing", "pwritev2", &[3, 0, 1, 0, 0, 2], EOPNOTSUPP),
    ("FS-34 evicting", "madvise", &[0, 0, 20], EINVAL),
    ("FS-34 evicting", "madvise", &[0, 0, 21], EINVAL),
    ("FS-34 reading ahead", "madvise", &[0, 0, 3], OK),
    ("huge pages of its own", "madvise", &[0, 0, 14], ALLOW),
    ("filling pages", "madvise", &[0, 0, 22], ALLOW),
    ("RES-02 huge pages that nothing counts", "mmap", &[0, 4096, 3, 0x4_0022], ENOMEM),
    ("RES-02 with garbage", "mmap", &[0, 4096, 3, GARBAGE | 0x4_0022], ENOMEM),
    ("RES-02 huge pages in a memfd", "memfd_create", &[0, 4], ENOMEM),
    ("RES-02 huge pages in a memfd, of 1 GiB", "memfd_create", &[0, 30 << 26 | 5], ENOMEM),
    ("RES-02 huge pages of System V", "shmget", &[0, 4096, 0o4600], ENOMEM),
    ("interrupting every CPU", "membarrier", &[1], EINVAL),
    ("interrupting other runs", "membarrier", &[2], EINVAL),
    ("interrupting other runs, registered", "membarrier", &[4], EINVAL),
    ("the JVM's barrier", "membarrier", &[8], ALLOW),
    ("attributes of a file", "setxattr", &[], EOPNOTSUPP),
    ("attributes of a file", "lsetxattr", &[], EOPNOTSUPP),
    ("attributes of a file", "fsetxattr", &[], EOPNOTSUPP),
    ("attributes of a file", "removexattr", &[], EOPNOTSUPP),
    ("attributes of a file", "lremovexattr", &[], EOPNOTSUPP),
    ("attributes of a file", "fremovexattr", &[], EOPNOTSUPP),
    ("batch", "sched_setscheduler", &[0, 3], ALLOW),
    ("idle", "sched_setscheduler", &[0, 5], ALLOW),
    ("RES-22 real time", "sched_setscheduler", &[0, 1], EPERM),
    ("RES-22 deadlines", "sched_setscheduler", &[0, 6], EPERM),
    ("CVE-2026-43403: a class of the host's program", "sched_setscheduler", &[0, 7], EPERM),
    ("a class in memory", "sched_setattr", &[], EPERM),
    ("KRN-18 another filter", "seccomp", &[1, 0, 0], ENOSYS),
    ("KRN-18 another filter", "prctl", &[22, 2, 0], EINVAL),
    ("KRN-18 garbage above PR_SET_SECCOMP", "prctl", &[GARBAGE | 22, 2, 0], EINVAL),
    ("KRN-18 no_new_privs", "prctl", &[38, 1], ALLOW),
    ("KRN-36 securebits", "prctl", &[28, 0], EINVAL),
    ("KRN-36 ambient capabilities", "prctl", &[47, 2, 0], EINVAL),
    ("KRN-36 keeping capabilities", "prctl", &[8, 1], EINVAL),
    ("KRN-28 page merging", "prctl", &[67, 1], EINVAL),
    ("KRN-28 page merging", "madvise", &[0, 0, 12], EINVAL),
    ("KRN-16 garbage above MADV_MERGEABLE", "madvise", &[0, 0, GARBAGE | 12], EINVAL),
    ("giving memory back", "madvise", &[0, 0, 4], ALLOW),
    ("CVE-2012-0957 and others: memory layout", "prctl", &[35, 0], EINVAL),
    ("prctl of Yama", "prctl", &[0x5961_6d61, 1], EINVAL),
    ("KRN-40 speculation", "prctl", &[53, 0, 0], EINVAL),
    ("thread name", "prctl", &[15], ALLOW),
    ("thread name", "prctl", &[16], ALLOW),
    ("names of memory", "prctl", &[0x5356_4d41], ALLOW),
    ("signal at parent's death", "prctl", &[1, 9], ALLOW),
    ("signal at parent's death", "prctl", &[2], ALLOW),
    ("dumpable", "prctl", &[3], ALLOW),
    ("dumpable", "prctl", &[4, 1], ALLOW),
    ("no_new_privs", "prctl", &[39], ALLOW),
    ("seccomp mode", "prctl", &[21], ALLOW),
    ("bounding set", "prctl", &[23, 40], ALLOW),
    ("keepcaps", "prctl", &[7], ALLOW),
    ("securebits", "prctl", &[27], ALLOW),
    ("huge pages", "prctl", &[41, 1], ALLOW),
    ("huge pages", "prctl", &[42], ALLOW),
    ("timer slack", "prctl", &[29, 1], ALLOW),
    ("timer slack", "prctl", &[30], ALLOW),
    ("PR-13 subreaper stays in the pid namespace", "prctl", &[36, 1], ALLOW),
    ("subreaper", "prctl", &[37, 0], ALLOW),
    ("Go's start-up vector", "prctl", &[0x4155_5856], ALLOW),
    ("thread-local storage", "arch_prctl", &[0x1002], ALLOW),
    ("thread-local storage", "arch_prctl", &[0x1003], ALLOW),
    ("thread-local storage", "arch_prctl", &[0x1001], ALLOW),
    ("thread-local storage", "arch_prctl", &[0x1004], ALLOW),
    ("AMX", "arch_prctl", &[0x1021], ALLOW),
    ("AMX", "arch_prctl", &[0x1022], ALLOW),
    ("AMX", "arch_prctl", &[0x1023], ALLOW),
    ("the C library's probe for shadow stacks", "arch_prctl", &[0x3001], EINVAL),
    ("KRN-40 faulting cpuid", "arch_prctl", &[0x1012], EINVAL),
    ("KRN-21 secret memory", "memfd_secret", &[], ENOSYS),
    ("KRN-25 clock", "clock_settime", &[], EPERM),
    ("KRN-25 clock", "settimeofday", &[], EPERM),
    ("KRN-25 clock", "adjtimex", &[], EPERM),
    ("KRN-25 clock", "clock_adjtime", &[], EPERM),
    ("KRN-26 host name", "sethostname", &[], EPERM),
    ("KRN-26 domain name", "setdomainname", &[], EPERM),
    ("KRN-27 swap", "swapon", &[], KILL),
    ("KRN-27 swap", "swapoff", &[], KILL),
    ("KRN-27 quota", "quotactl", &[], EPERM),
    ("KRN-27 quota", "quotactl_fd", &[], EPERM),
    ("KRN-27 accounting", "acct", &[], KILL),
    ("KRN-27 kernel log", "syslog", &[], EPERM),
    ("KRN-27 terminals", "vhangup", &[], EPERM),
    ("KRN-27 profiling", "lookup_dcookie", &[], EPERM),
    ("KRN-27 removed", "nfsservctl", &[], ENOSYS),
    ("KRN-27 removed", "uselib", &[], ENOSYS),
    ("KRN-34 mounts of the host", "statmount", &[], ENOSYS),
    ("KRN-34 mounts of the host", "listmount", &[], ENOSYS),
    ("CVE-2022-0995 watch queues", "pipe2", &[0, 0x80], ENOPKG),
    ("CVE-2022-0995 among flags", "pipe2", &[0, 0x8_0080], ENOPKG),
    ("KRN-16 garbage above watch queues", "pipe2", &[0, GARBAGE | 0x80], ENOPKG),
    ("a pipe", "pipe2", &[0, 0x8_0000], ALLOW),
    ("RES-25 flushing the host's disks", "sync", &[], OK),
    ("RES-25 flushing the host's disks", "syncfs", &[], OK),
    ("RES-22 memory placement", "set_mempolicy", &[], EPERM),
    ("RES-22 memory placement", "mbind", &[], EPERM),
    ("RES-22 memory placement", "migrate_pages", &[], EPERM),
    ("RES-22 memory placement", "move_pages", &[], EPERM),
    ("page cache of others", "cachestat", &[], ENOSYS),
    ("FS-35 pages into pipes", "vmsplice", &[], ENOSYS),
];

/// The same, for calls whose answer depends on `--net`: none, then loopback and host.
type NetRow = (&'static str, &'static [u64], Action, Action);

#[rustfmt::skip]
const SOCKETS: &[NetRow] = &[
    ("TCP", &[2, 1, 0], EAFNOSUPPORT, ALLOW),
    ("TCP, non-blocking", &[2, 0o4001, 0], EAFNOSUPPORT, ALLOW),
    ("UDP", &[2, 2, 0], EAFNOSUPPORT, ALLOW),
    ("UDP, close-on-exec", &[10, 0o2_000_002, 0], EAFNOSUPPORT, ALLOW),
    ("KRN-10 SCTP by its type", &[2, 5, 0], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("KRN-10 SCTP by its type, with flags", &[10, 0o2_004_005, 0], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("KRN-10 DCCP", &[2, 6, 0], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("KRN-10 a type that is none", &[2, 4, 0], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("NET-07 raw IP without a protocol", &[2, 3, 0], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("NET-07 raw IP with TCP's", &[2, 3, 6], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("TCP, named", &[2, 1, 6], EAFNOSUPPORT, ALLOW),
    ("UDP, named", &[2, 2, 17], EAFNOSUPPORT, ALLOW),
    ("TCP over IPv6", &[10, 1, 0], EAFNOSUPPORT, ALLOW),
    ("TCP over IPv6, named", &[10, 1, 6], EAFNOSUPPORT, ALLOW),
    ("UDP over IPv6, named", &[10, 2, 17], EAFNOSUPPORT, ALLOW),
    ("KRN-10 SCTP loads a module", &[2, 1, 132], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("KRN-10 SCTP over IPv6", &[10, 1, 132], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("KRN-10 SCTP under garbage", &[2, 1, GARBAGE | 132], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("Go's MPTCP probe", &[2, 1, 262], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("NET-07 raw IP", &[2, 3, 255], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("NET-06 ip addr", &[16, 3, 0], EAFNOSUPPORT, ALLOW),
    ("NET-06 netfilter", &[16, 3, 12], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("NET-06 xfrm", &[16, 3, 6], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("NET-06 audit", &[16, 3, 9], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("NET-06 uevents", &[16, 3, 15], EAFNOSUPPORT, EPROTONOSUPPORT),
    ("NET-06 socket diagnosis", &[16, 3, 4], EAFNOSUPPORT, EPROTONOSUPPORT),
];

/// Socket options: level, option, answers to getsockopt and to setsockopt.
#[rustfmt::skip]
const OPTIONS: &[(&str, u64, u64, Action, Action)] = &[
    ("SO_REUSEADDR", 1, 2, ALLOW, ALLOW),
    ("SO_ERROR", 1, 4, ALLOW, ALLOW),
    ("SO_SNDTIMEO", 1, 21, ALLOW, ALLOW),
    ("SO_ATTACH_FILTER, SO_GET_FILTER", 1, 26, ENOPROTOOPT, ENOPROTOOPT),
    ("SO_ACCEPTCONN", 1, 30, ALLOW, ENOPROTOOPT),
    ("SO_PROTOCOL", 1, 38, ALLOW, ENOPROTOOPT),
    ("SO_DOMAIN", 1, 39, ALLOW, ENOPROTOOPT),
    ("SO_ATTACH_BPF", 1, 50, ENOPROTOOPT, ENOPROTOOPT),
    ("SO_ATTACH_REUSEPORT_CBPF", 1, 51, ENOPROTOOPT, ENOPROTOOPT),
    ("SO_ZEROCOPY", 1, 60, ENOPROTOOPT, ENOPROTOOPT),
    ("KRN-16 garbage above SO_ATTACH_FILTER", 1, GARBAGE | 26, ENOPROTOOPT, ENOPROTOOPT),
    ("TCP_NODELAY", 6, 1, ALLOW, ALLOW),
    ("TCP_QUICKACK", 6, 12, ALLOW, ALLOW),
    ("TCP_CONGESTION", 6, 13, ENOPROTOOPT, ENOPROTOOPT),
    ("TCP_USER_TIMEOUT", 6, 18, ALLOW, ALLOW),
    ("TCP_ULP", 6, 31, ENOPROTOOPT, ENOPROTOOPT),
    ("UDP_ENCAP", 17, 100, ENOPROTOOPT, ENOPROTOOPT),
    ("IP_TOS", 0, 1, ALLOW, ALLOW),
    ("IP_OPTIONS", 0, 4, ENOPROTOOPT, ENOPROTOOPT),
    ("IP_RECVERR", 0, 11, ALLOW, ALLOW),
    ("IP_MULTICAST_IF", 0, 32, ALLOW, ALLOW),
    ("IP_ADD_MEMBERSHIP", 0, 35, ENOPROTOOPT, ENOPROTOOPT),
    ("IPT_SO_SET_REPLACE", 0, 64, ENOPROTOOPT, ENOPROTOOPT),
    ("IPV6_ADDRFORM", 41, 1, ENOPROTOOPT, ENOPROTOOPT),
    ("IPV6_UNICAST_HOPS", 41, 16, ALLOW, ALLOW),
    ("IPV6_ADD_MEMBERSHIP", 41, 20, ENOPROTOOPT, ENOPROTOOPT),
    ("IPV6_V6ONLY", 41, 26, ALLOW, ALLOW),
    ("IPV6_FLOWLABEL_MGR", 41, 32, ENOPROTOOPT, ENOPROTOOPT),
    ("IPV6_TCLASS", 41, 67, ALLOW, ALLOW),
    ("NETLINK_ADD_MEMBERSHIP", 270, 1, ENOPROTOOPT, ENOPROTOOPT),
];

/// Calls that flush: with nothing to write to on the host's disks, and with something.
#[rustfmt::skip]
const FLUSHES: &[(&str, &str, &[u64], Action, Action)] = &[
    ("RES-25 a file", "fsync", &[3], OK, ALLOW),
    ("RES-25 its data", "fdatasync", &[3], OK, ALLOW),
    ("RES-25 a range", "sync_file_range", &[3], OK, ALLOW),
    ("RES-25 mapped", "msync", &[0, 4096, 4], OK, ALLOW),
    ("RES-25 mapped, and more flags", "msync", &[0, 4096, 6], OK, ALLOW),
    ("libunwind's question", "msync", &[0, 4096, 1], ALLOW, ALLOW),
    ("RES-25 a file system", "syncfs", &[3], OK, OK),
];

/// `fcntl` with the host's device nodes, which any run can lock; with nodes of its own all are made.
const LOCKS: &[(&str, u64, Action)] = &[
    ("FS-34 a lock on the host's /dev/null", 6, OK),
    ("FS-34 waiting for one", 7, OK),
    ("FS-34 an open-file lock on it", 37, OK),
    ("FS-34 waiting for that", 38, OK),
    ("KRN-16 garbage above a lock", GARBAGE | 6, OK),
    ("flags", 4, ALLOW),
];

/// All rows that a filter does not answer as they say.
fn wrong_rows(filter: &Filter) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |why: &str, mode: usize, call: &str, arguments: &[u64], expected: Action| {
        let answer = filter.answer(mode, call, arguments);
        if answer != expected {
            wrong.push(format!("{why}: {call}({arguments:x?}) is {answer:?}, not {expected:?}"));
        }
    };
    for mode in [NONE, LOOPBACK, HOST] {
        for call in NEEDED.iter().flat_map(|line| line.split(' ')) {
            check("needed", mode, call, &[], ALLOW);
        }
        for call in ABSENT.iter().flat_map(|line| line.split(' ')) {
            check("absent", mode, call, &[], ENOSYS);
        }
        for (why, call, arguments, expected) in ROWS {
            check(why, mode, call, arguments, *expected);
        }
        for (why, arguments, none, other) in SOCKETS {
            check(why, mode, "socket", arguments, if mode == NONE { *none } else { *other });
        }
        for (why, level, option, get, set) in OPTIONS {
            check(why, mode, "getsockopt", &[3, *level, *option], *get);
            check(why, mode, "setsockopt", &[3, *level, *option], *set);
        }
        for (why, call, arguments, read_only, writable) in FLUSHES {
            check(why, mode, call, arguments, *read_only);
            check(why, mode + WRITABLE_BINDS, call, arguments, *writable);
            check(why, mode + HOST_DEVICES + WRITABLE_BINDS, call, arguments, *writable);
        }
        for (why, command, answer) in LOCKS {
            check(why, mode, "fcntl", &[0, *command], ALLOW);
            check(why, mode + HOST_DEVICES, "fcntl", &[0, *command], *answer);
        }
    }
    wrong
}

#[test]
fn every_row_is_answered_as_it_says() {
    assert_eq!(wrong_rows(&Filter::default()), Vec::<String>::new());
}

#[test]
fn the_default_policy_names_every_call_of_the_table() {
    assert_eq!(unnamed(&Policy::parse(DEFAULT, &X86_64).unwrap()), Vec::<&str>::new());
}

fn unnamed(policy: &Policy) -> Vec<&'static str> {
    X86_64.calls().filter(|(number, _)| !policy.calls.contains_key(number)).map(|(_, name)| name).collect()
}

#[test]
fn unknown_numbers_do_not_exist() {
    let filter = Filter::default();
    // 335 is the last old number, 424 the first of those that all architectures share.
    let unknown = (337..424).chain(470..2000).chain([0x3fff_ffff, 0x8000_0000, 0xffff_ffff]);
    for number in unknown {
        assert_eq!(filter.answer_number(LOOPBACK, X86_64.audit, number, &[]), ENOSYS, "KRN-19: {number}");
    }
}

#[test]
fn x32_numbers_are_killed() {
    let filter = Filter::default();
    for number in (0..600).map(|number| 0x4000_0000 | number).chain([0x7fff_ffff]) {
        assert_eq!(filter.answer_number(LOOPBACK, X86_64.audit, number, &[]), KILL, "KRN-14: {number:#x}");
    }
    for number in 512..548 {
        assert_eq!(filter.answer_number(LOOPBACK, X86_64.audit, number, &[]), ENOSYS, "KRN-14: {number}");
    }
}

#[test]
fn int_0x80_is_killed_also_for_socketcall() {
    let filter = Filter::default();
    for number in [1, 4, 11, 102, 120, 310] {
        assert_eq!(filter.answer_number(LOOPBACK, I386, number, &[]), KILL, "KRN-15, NET-11: {number}");
    }
}

/// Whether an assertion of this file fails when the default policy is without this line.
fn noticed(line: &str, rest: &str) -> bool {
    match Policy::parse(rest, &X86_64) {
        // The last line of a call with tests: without it the policy does not compile.
        Err(_) => true,
        // An answer that is the default's too: the line is there for its reason.
        Ok(policy) if line.starts_with("ENOSYS") => !unnamed(&policy).is_empty(),
        Ok(policy) => !wrong_rows(&Filter::new(&policy)).is_empty(),
    }
}

#[test]
fn each_line_of_the_policy_is_needed() {
    let lines: Vec<&str> = DEFAULT.lines().collect();
    let is_rule = |line: &&str| !line.is_empty() && !line.starts_with('#');
    for left_out in (0..lines.len()).filter(|index| is_rule(&lines[*index])) {
        let rest = [&lines[..left_out], &lines[left_out + 1..]].concat().join("\n");
        assert!(noticed(lines[left_out], &rest), "no row misses line {}: {}", left_out + 1, lines[left_out]);
    }
}

#[test]
fn each_name_in_the_policy_has_a_row_that_misses_its_answer() {
    // Every unconditional answer turned over, call by call: allowed ones killed, refused ones allowed.
    let policy = Policy::parse(DEFAULT, &X86_64).unwrap();
    let unseen = X86_64.calls().filter(|(number, _)| {
        let mut changed = policy.clone();
        let last = changed.calls.get_mut(number).unwrap().last_mut().unwrap();
        last.action = if last.action == ALLOW { KILL } else { ALLOW };
        wrong_rows(&Filter::new(&changed)).is_empty()
    });
    assert_eq!(unseen.map(|(_, name)| name).collect::<Vec<_>>(), Vec::<&str>::new());
}
