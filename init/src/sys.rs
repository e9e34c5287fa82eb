//! The few system calls that rustix does not publish, and the process's argument vector.
//!
//! Everything in here is x86-64 specific or `unsafe`; nothing else in the crate is.
// Unsafe: raw syscalls and the kernel's argument arrays; each use says why it holds.
#![allow(unsafe_code)]

pub mod fd;

use core::arch::asm;
use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicBool, Ordering};

use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::Pid;

use self::fd::Fd;
use crate::cpus::Cpus;
use crate::message::Usage;

/// Numbers from `asm/unistd_64.h`.
mod nr {
    pub const READ: usize = 0;
    pub const CLOSE: usize = 3;
    pub const RT_SIGACTION: usize = 13;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const IOCTL: usize = 16;
    pub const SOCKET: usize = 41;
    pub const SENDMSG: usize = 46;
    pub const RECVMSG: usize = 47;
    pub const SOCKETPAIR: usize = 53;
    pub const EXECVE: usize = 59;
    pub const FCNTL: usize = 72;
    pub const GETCWD: usize = 79;
    pub const GETRUSAGE: usize = 98;
    pub const RT_SIGTIMEDWAIT: usize = 128;
    pub const SCHED_SETAFFINITY: usize = 203;
    pub const SCHED_GETAFFINITY: usize = 204;
    pub const SCHED_SETATTR: usize = 314;
    pub const SCHED_GETATTR: usize = 315;
    pub const CLOCK_GETTIME: usize = 228;
    pub const EXIT_GROUP: usize = 231;
    pub const OPENAT: usize = 257;
    pub const UNSHARE: usize = 272;
    pub const SIGNALFD4: usize = 289;
    pub const EVENTFD2: usize = 290;
    pub const PIPE2: usize = 293;
    pub const SETNS: usize = 308;
    pub const GETCPU: usize = 309;
    pub const SECCOMP: usize = 317;
    pub const OPEN_TREE: usize = 428;
    pub const FSOPEN: usize = 430;
    pub const FSMOUNT: usize = 432;
    pub const CLONE3: usize = 435;
    pub const CLOSE_RANGE: usize = 436;
    pub const OPENAT2: usize = 437;
    pub const MOUNT_SETATTR: usize = 442;
}

/// # Safety
/// As the system call `number` demands of its arguments: every pointer among them is valid for what
/// the kernel reads or writes through it.
#[inline]
unsafe fn syscall(number: usize, a: [usize; 5]) -> Result<usize, Errno> {
    let result: isize;
    // SAFETY: the x86-64 syscall convention (syscall(2), "Architecture calling conventions"): number and result
    // in rax, arguments in rdi rsi rdx r10 r8; the kernel clobbers rcx and r11. What it does to memory is the
    // caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2], in("r10") a[3], in("r8") a[4],
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    // Errors are -4095..=-1 (syscall(2)).
    if (-4095..0).contains(&result) { Err(errno(-result as i32)) } else { Ok(result as usize) }
}

/// The error with this number. One outside of what the kernel uses (1 to 4095) becomes the nearest that it could.
pub fn errno(number: i32) -> Errno {
    Errno::from_raw_os_error(number.clamp(1, 4095))
}

/// What [`clone3`] asks for: clone3(2) flags, beside the pidfd that it always returns.
pub mod clone_flags {
    /// New cgroup namespace: the current cgroup is the root of what is seen (cgroup_namespaces(7)).
    pub const NEWCGROUP: u64 = 0x0200_0000;
    /// New mount namespace.
    pub const NEWNS: u64 = 0x0002_0000;
    /// New UTS namespace.
    pub const NEWUTS: u64 = 0x0400_0000;
    /// New IPC namespace.
    pub const NEWIPC: u64 = 0x0800_0000;
    /// New user namespace.
    pub const NEWUSER: u64 = 0x1000_0000;
    /// New PID namespace: the child is its PID 1.
    pub const NEWPID: u64 = 0x2000_0000;
    /// New network namespace.
    pub const NEWNET: u64 = 0x4000_0000;
    pub(super) const PIDFD: u64 = 0x1000;
    pub(super) const INTO_CGROUP: u64 = 0x2_0000_0000;
}

/// Which side of a fork runs.
pub enum Forked {
    /// The new process.
    Child,
    /// The process that called.
    Parent {
        /// The child, in the caller's pid namespace.
        pid: Pid,
        /// The child, for good: no other process can ever be meant by it (pidfd_open(2)).
        pidfd: Fd,
    },
}

/// `struct clone_args`, clone3(2), as of Linux 5.7 (with `cgroup`).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Forks, with the namespaces of `flags`, into the cgroup v2 directory `cgroup` if one is given.
///
/// # Errors
/// As clone3(2): EPERM without privilege, ENOSPC at a namespace or pid limit, EAGAIN at a task limit.
pub fn clone3(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> Result<Forked, Errno> {
    const SIGCHLD: u64 = 17;
    let mut pidfd: RawFd = -1;
    let mut arguments = CloneArgs {
        flags: flags | clone_flags::PIDFD,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: SIGCHLD,
        ..CloneArgs::default()
    };
    if let Some(cgroup) = cgroup {
        arguments.flags |= clone_flags::INTO_CGROUP;
        arguments.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: `arguments` is a valid clone_args of the size given, `pidfd` outlives the call. Without CLONE_VM
    // and a stack of its own the child goes on with a copy of this memory, as after fork(2); there is one thread.
    let pid =
        unsafe { syscall(nr::CLONE3, [(&raw const arguments) as usize, size_of::<CloneArgs>(), 0, 0, 0])? };
    let Some(pid) = Pid::from_raw(pid as i32) else { return Ok(Forked::Child) };
    // SAFETY: the kernel has stored a new descriptor there (CLONE_PIDFD), which nobody else owns.
    Ok(Forked::Parent { pid, pidfd: unsafe { Fd::new(pidfd as usize)? } })
}

/// Gives this process namespaces of its own, unshare(2): those of these [`clone_flags`].
pub fn unshare(namespaces: u64) -> Result<(), Errno> {
    // SAFETY: a number; no memory or descriptor table is unshared by any flag that we have.
    unsafe { syscall(nr::UNSHARE, [namespaces as usize, 0, 0, 0, 0]) }.map(|_| ())
}

/// Takes this process into the network namespace that the descriptor stands for, setns(2).
pub fn enter_network_namespace(namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    let arguments = [namespace.as_raw_fd() as usize, clone_flags::NEWNET as usize, 0, 0, 0];
    // SAFETY: numbers only; only which network this process sees is changed.
    unsafe { syscall(nr::SETNS, arguments) }.map(|_| ())
}

/// Replaces the program. Returns only on failure, with execve(2)'s error.
pub fn execve(path: &CStr, arguments: Args<'_>, environment: &[*const c_char]) -> Errno {
    if !environment.last().is_some_and(|last| last.is_null()) {
        return Errno::TOOBIG;
    }
    // SAFETY: `path` is a C string, `arguments` ends with NULL by its type's invariant and the environment by
    // the check above.
    let result = unsafe {
        syscall(
            nr::EXECVE,
            [path.as_ptr() as usize, arguments.as_ptr() as usize, environment.as_ptr() as usize, 0, 0],
        )
    };
    result.err().unwrap_or(Errno::NOEXEC)
}

/// Ends the process (all its threads; there is one).
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: takes a number and does not come back.
        let _ = unsafe { syscall(nr::EXIT_GROUP, [code.into(), 0, 0, 0, 0]) }; // cannot fail
    }
}

/// Signals as bits of a kernel signal set: bit n-1 is signal n (signal(7)).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signals(pub u64);

impl Signals {
    /// Every signal.
    pub const ALL: Signals = Signals(u64::MAX);
    /// No signal.
    pub const NONE: Signals = Signals(0);

    /// The set of the given signals.
    pub const fn of(signals: &[u8]) -> Signals {
        let mut set = 0;
        let mut at = 0;
        while at < signals.len() {
            set |= 1 << (signals[at] - 1);
            at += 1;
        }
        Signals(set)
    }
}

/// Size of the kernel's signal set, which every rt_sig call wants to hear.
const SIGSET_SIZE: usize = size_of::<u64>();

/// Sets the signal mask: exactly `blocked` are held back.
pub fn block_signals(blocked: Signals) {
    const SIG_SETMASK: usize = 2;
    // SAFETY: the set outlives the call; no old set is asked for.
    let result = unsafe {
        syscall(nr::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const blocked.0) as usize, 0, SIGSET_SIZE, 0])
    };
    debug_assert!(result.is_ok(), "only a bad `how` or size can fail");
}

/// Gives every signal its default action: an ignored one stays ignored over execve(2), so what our caller
/// ignores (nohup, some shells and language runtimes) would reach the submission.
pub fn default_signal_actions() {
    /// `struct sigaction` of the kernel: handler, flags, restorer, mask; all zero is SIG_DFL.
    const DEFAULT: [u64; 4] = [0; 4];
    const KILL: usize = 9;
    const STOP: usize = 19;
    for signal in (1..=64).filter(|signal| *signal != KILL && *signal != STOP) {
        // SAFETY: the structure outlives the call; no old action is asked for.
        let result =
            unsafe { syscall(nr::RT_SIGACTION, [signal, DEFAULT.as_ptr() as usize, 0, SIGSET_SIZE, 0]) };
        debug_assert!(result.is_ok(), "SIG_DFL is refused for no signal but KILL and STOP");
    }
}

/// Takes one pending signal of `set` (which must be blocked), sleeping until there is one.
pub fn wait_signal(set: Signals) -> Result<u8, Errno> {
    // SAFETY: the set outlives the call; neither siginfo nor a time-out is asked for.
    let signal =
        unsafe { syscall(nr::RT_SIGTIMEDWAIT, [(&raw const set.0) as usize, 0, 0, SIGSET_SIZE, 0])? };
    Ok(signal as u8)
}

/// A descriptor that is readable when one of `set` (which must be blocked) is pending; close-on-exec, non-blocking.
pub fn signalfd(set: Signals) -> Result<Fd, Errno> {
    const CLOEXEC_NONBLOCK: usize = 0o2000000 | 0o4000;
    // SAFETY: the set outlives the call; -1 asks for a new descriptor, which we then own.
    unsafe {
        let fd = syscall(
            nr::SIGNALFD4,
            [usize::MAX, (&raw const set.0) as usize, SIGSET_SIZE, CLOEXEC_NONBLOCK, 0],
        )?;
        Fd::new(fd)
    }
}

/// Takes one pending signal from a [`signalfd`]; `None` when there is none.
pub fn read_signal(fd: BorrowedFd<'_>) -> Option<u8> {
    // `struct signalfd_siginfo`, signalfd(2): 128 bytes, the first word is the number.
    let mut info = [0u32; 32];
    // SAFETY: the kernel writes at most the 128 bytes of `info`.
    let read = unsafe { syscall(nr::READ, [fd.as_raw_fd() as usize, info.as_mut_ptr() as usize, 128, 0, 0]) };
    (read == Ok(128)).then_some(info[0] as u8)
}

/// Marks every descriptor from `first` on close-on-exec.
pub fn close_range_on_exec(first: u32) -> Result<(), Errno> {
    const CLOSE_RANGE_CLOEXEC: usize = 4;
    // SAFETY: numbers only; no descriptor is closed here.
    unsafe { syscall(nr::CLOSE_RANGE, [first as usize, u32::MAX as usize, CLOSE_RANGE_CLOEXEC, 0, 0]) }
        .map(|_| ())
}

/// Locks the byte at `at` for this open file, fcntl(2) F_OFD_SETLK: until its last descriptor is closed.
///
/// # Errors
/// EAGAIN: another open file has it.
pub fn lock_byte(file: BorrowedFd<'_>, at: u64) -> Result<(), Errno> {
    const F_OFD_SETLK: usize = 37;
    const F_WRLCK: u64 = 1;
    // `struct flock`: type and whence (0: from the start) in the first word, start, length, pid (0).
    let lock = [F_WRLCK, at, 1, 0];
    // SAFETY: the kernel reads one `struct flock`, 32 bytes, which `lock` is.
    unsafe { syscall(nr::FCNTL, [file.as_raw_fd() as usize, F_OFD_SETLK, lock.as_ptr() as usize, 0, 0]) }
        .map(|_| ())
}

/// Mount attributes, mount_setattr(2).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct MountAttributes(pub u64);

impl MountAttributes {
    /// Nothing on it can be written.
    pub const READ_ONLY: MountAttributes = MountAttributes(1);
    /// Set-user-ID bits and file capabilities have no effect.
    pub const NO_SUID: MountAttributes = MountAttributes(2);
    /// Device nodes on it cannot be opened.
    pub const NO_DEV: MountAttributes = MountAttributes(4);
    /// Programs on it cannot be executed.
    pub const NO_EXEC: MountAttributes = MountAttributes(8);

    /// These and those.
    pub const fn and(self, other: MountAttributes) -> MountAttributes {
        MountAttributes(self.0 | other.0)
    }

    /// These without those.
    pub const fn less(self, other: MountAttributes) -> MountAttributes {
        MountAttributes(self.0 & !other.0)
    }
}

/// How a mount passes on mounts made below it, mount_namespaces(7).
#[derive(Clone, Copy)]
#[repr(u64)]
pub enum Propagation {
    /// As it is.
    Unchanged = 0,
    /// Not at all, in neither direction.
    Private = 1 << 18,
}

/// Sets attributes on the mount that `fd` stands for, with `recursive` on all below it too.
pub fn mount_setattr(
    fd: BorrowedFd<'_>,
    set: MountAttributes,
    propagation: Propagation,
    recursive: bool,
) -> Result<(), Errno> {
    const AT_EMPTY_PATH: usize = 0x1000;
    const AT_RECURSIVE: usize = 0x8000;
    // `struct mount_attr`: attr_set, attr_clr, propagation, userns_fd.
    let attributes = [set.0, 0, propagation as u64, 0];
    let flags = AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: the empty path and the structure of the size given outlive the call.
    unsafe {
        syscall(
            nr::MOUNT_SETATTR,
            [
                fd.as_raw_fd() as usize,
                c"".as_ptr() as usize,
                flags,
                attributes.as_ptr() as usize,
                size_of_val(&attributes),
            ],
        )
    }
    .map(|_| ())
}

/// Switches a network interface on, netdevice(7) SIOCSIFFLAGS.
pub fn interface_up(socket: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    const SIOCSIFFLAGS: usize = 0x8914;
    const IFF_UP: u16 = 1;
    /// `struct ifreq`: the name, and a union of which the flags are the first two bytes.
    #[repr(C)]
    struct Request {
        name: [u8; 16],
        flags: u16,
        rest: [u8; 22],
    }
    let mut request = Request { name: [0; 16], flags: IFF_UP, rest: [0; 22] };
    request.name.get_mut(..name.len()).ok_or(Errno::INVAL)?.copy_from_slice(name);
    // SAFETY: the kernel reads a whole `struct ifreq` (40 bytes), which `request` is.
    unsafe { ioctl(socket, SIOCSIFFLAGS, (&raw const request) as usize) }.map(|_| ())
}

/// What carries a descriptor over a socket, or says who sent a message (unix(7)); `linux/socket.h`.
mod control {
    /// The first words of a `struct cmsghdr`, 64-bit: its length, then level (low half) and type (high half).
    pub const RIGHTS: u64 = SOL_SOCKET | 1 << 32;
    pub const CREDENTIALS: u64 = SOL_SOCKET | 2 << 32;
    const SOL_SOCKET: u64 = 1;
}

/// `struct msghdr` with one `struct iovec`, and no address: the socket is connected.
#[repr(C)]
struct SocketMessage {
    address: [usize; 2],
    data: *const [usize; 2],
    data_count: usize,
    control: usize,
    control_len: usize,
    flags: usize,
}

impl SocketMessage {
    fn new(data: &[usize; 2], control: usize, control_len: usize) -> Self {
        SocketMessage { address: [0; 2], data, data_count: 1, control, control_len, flags: 0 }
    }
}

/// Sends `bytes` as one message, with a copy of `descriptor`.
pub fn send_descriptor(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptor: BorrowedFd<'_>,
) -> Result<(), Errno> {
    const NOSIGNAL: usize = 0x4000;
    // Header and descriptor, 20 bytes; what fills the last word is not read.
    let control = [20, control::RIGHTS, descriptor.as_raw_fd() as u64];
    let data = [bytes.as_ptr() as usize, bytes.len()];
    let message = SocketMessage::new(&data, control.as_ptr() as usize, size_of_val(&control));
    // SAFETY: the message describes `bytes` and `control`, which outlive the call and are only read.
    unsafe {
        syscall(nr::SENDMSG, [socket.as_raw_fd() as usize, (&raw const message) as usize, NOSIGNAL, 0, 0])
    }
    .map(|_| ())
}

/// What came with a message.
pub struct Received {
    /// Bytes of the message.
    pub len: usize,
    /// Its sender, in our pid namespace, if the socket asks for it (SO_PASSCRED).
    pub sender: Option<Pid>,
    /// A descriptor that was sent along; close-on-exec.
    pub descriptor: Option<Fd>,
}

/// Receives one message into `bytes`; EAGAIN when there is none and `wait` is false.
pub fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8], wait: bool) -> Result<Received, Errno> {
    const DONTWAIT: usize = 0x40;
    const CMSG_CLOEXEC: usize = 0x4000_0000;
    // Room for credentials (a header of two words, pid, uid, gid) and for one descriptor (a header, an int).
    let mut control = [0u64; 4 + 3];
    let data = [bytes.as_mut_ptr() as usize, bytes.len()];
    let mut message = SocketMessage::new(&data, control.as_mut_ptr() as usize, size_of_val(&control));
    let flags = CMSG_CLOEXEC | if wait { 0 } else { DONTWAIT };
    // SAFETY: the message describes `bytes` and `control`, which outlive the call and which nobody else sees.
    let len = unsafe {
        syscall(nr::RECVMSG, [socket.as_raw_fd() as usize, (&raw mut message) as usize, flags, 0, 0])?
    };
    let mut received = Received { len, sender: None, descriptor: None };
    let mut rest = &control[..];
    while let [len @ 1..=64, kind, value, ..] = *rest {
        match kind {
            control::CREDENTIALS => received.sender = Pid::from_raw(value as i32),
            // SAFETY: the kernel has just made this descriptor for us (SCM_RIGHTS).
            control::RIGHTS => received.descriptor = Some(unsafe { Fd::new(value as usize)? }),
            _ => {}
        }
        rest = rest.get((len as usize).div_ceil(size_of::<u64>())..).unwrap_or_default();
    }
    Ok(received)
}

/// How a terminal treats what passes through it: `struct termios` of the kernel, `asm-generic/termbits.h`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct TerminalMode {
    /// Flags of what is typed.
    pub input: u32,
    /// Flags of what is shown.
    pub output: u32,
    /// Flags of the line.
    pub control: u32,
    /// Flags of the dialogue: echo, line editing, signals.
    pub local: u32,
    discipline: u8,
    /// Special characters, and two numbers: how much one read wants at least, and how long it waits.
    pub characters: [u8; 19],
}

/// How the terminal works now, ioctl_tty(2) TCGETS.
///
/// # Errors
/// ENOTTY: not a terminal.
pub fn terminal_mode(terminal: BorrowedFd<'_>) -> Result<TerminalMode, Errno> {
    const TCGETS: usize = 0x5401;
    let mut mode = TerminalMode::default();
    // SAFETY: the kernel writes one `struct termios`, 36 bytes, which `mode` is.
    unsafe { ioctl(terminal, TCGETS, (&raw mut mode) as usize) }.map(|_| mode)
}

/// Changes how the terminal works, at once, ioctl_tty(2) TCSETS.
pub fn set_terminal_mode(terminal: BorrowedFd<'_>, mode: &TerminalMode) -> Result<(), Errno> {
    const TCSETS: usize = 0x5402;
    // SAFETY: the kernel reads one `struct termios`, 36 bytes, which `mode` is.
    unsafe { ioctl(terminal, TCSETS, (&raw const *mode) as usize) }.map(|_| ())
}

/// Opens the slave of a pseudo-terminal, wherever its name is, ioctl_tty(2) TIOCGPTPEER.
pub fn terminal_peer(master: BorrowedFd<'_>, flags: OFlags) -> Result<Fd, Errno> {
    const TIOCGPTPEER: usize = 0x5441;
    // SAFETY: the request takes flags, and returns a new descriptor, which we then own.
    unsafe { Fd::new(ioctl(master, TIOCGPTPEER, flags.bits() as usize)?) }
}

/// # Safety
/// `argument` is what `request` demands: a number, or a pointer to its structure that outlives the call.
unsafe fn ioctl(fd: BorrowedFd<'_>, request: usize, argument: usize) -> Result<usize, Errno> {
    // SAFETY: the caller's promise.
    unsafe { syscall(nr::IOCTL, [fd.as_raw_fd() as usize, request, argument, 0, 0]) }
}

/// The working directory's path, in `buffer`; it starts with `(unreachable)` outside of the root (getcwd(3)).
pub fn working_directory(buffer: &mut [u8]) -> Result<&[u8], Errno> {
    // SAFETY: the kernel writes at most the buffer's length.
    let len = unsafe { syscall(nr::GETCWD, [buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0])? };
    Ok(buffer.get(..len.saturating_sub(1)).unwrap_or_default())
}

/// One instruction of a classic BPF program, `struct sock_filter` of `linux/filter.h`: operation u16, two jump
/// distances u8, operand u32. As bytes, for the kernel copies it from wherever it lies.
pub type Instruction = [u8; 8];

/// Installs a seccomp filter on this thread and all that it becomes, seccomp(2) SECCOMP_SET_MODE_FILTER. Returns
/// what the flags ask for.
///
/// # Errors
/// EINVAL: not a valid program; EACCES: no_new_privs is not set; ENOSYS: a kernel without seccomp.
pub fn seccomp_set_mode_filter(flags: u32, program: &[Instruction]) -> Result<usize, Errno> {
    const SECCOMP_SET_MODE_FILTER: usize = 1;
    /// `struct sock_fprog`.
    #[repr(C)]
    struct Program {
        len: u16,
        filter: *const Instruction,
    }
    let Ok(len) = u16::try_from(program.len()) else { return Err(Errno::INVAL) };
    let program = Program { len, filter: program.as_ptr() };
    // SAFETY: `program` describes a live slice of `len` instructions; the kernel copies it.
    unsafe {
        syscall(nr::SECCOMP, [SECCOMP_SET_MODE_FILTER, flags as usize, (&raw const program) as usize, 0, 0])
    }
}

/// The same, and returns the close-on-exec descriptor that tells of each SECCOMP_RET_USER_NOTIF.
///
/// # Errors
/// As [`seccomp_set_mode_filter`]; EBUSY: a filter of an outer sandbox has a listener.
pub fn seccomp_listen(program: &[Instruction]) -> Result<Fd, Errno> {
    const NEW_LISTENER: u32 = 8;
    let listener = seccomp_set_mode_filter(NEW_LISTENER, program)?;
    // SAFETY: with this flag the call returns a new descriptor, which nobody else owns.
    unsafe { Fd::new(listener) }
}

/// A call that waits for its seccomp listener: `data.nr` and `data.arch` of `struct seccomp_notif`.
#[derive(Default)]
pub struct Notification {
    /// The number it was made with.
    pub number: u32,
    /// The table that the number is of.
    pub arch: u32,
}

/// Takes the next call that waits, seccomp_unotify(2) SECCOMP_IOCTL_NOTIF_RECV. Sleeps while there is none: poll first.
///
/// # Errors
/// ENOENT: the thread was killed meanwhile.
pub fn seccomp_receive(listener: BorrowedFd<'_>) -> Result<Notification, Errno> {
    const NOTIF_RECV: usize = 0xc050_2100;
    // id (two words), pid, flags, then struct seccomp_data: nr, arch, ip, six arguments; the kernel wants zeros.
    let mut notification = [0_u32; 20];
    // SAFETY: the request's number carries the size that the kernel writes, 0x50 bytes.
    unsafe {
        syscall(
            nr::IOCTL,
            [listener.as_raw_fd() as usize, NOTIF_RECV, notification.as_mut_ptr() as usize, 0, 0],
        )?;
    }
    Ok(Notification { number: notification[4], arch: notification[5] })
}

/// Room for a policy of the operator's.
pub type PolicyBuffer = [u8; crate::seccomp::MAX_IMAGE];

/// The one such room of this process; untouched it costs no memory.
///
/// The second time in one process it is refused, by ending it.
pub fn policy_buffer() -> &'static mut PolicyBuffer {
    static mut BUFFER: PolicyBuffer = [0; size_of::<PolicyBuffer>()];
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        exit(125);
    }
    #[allow(static_mut_refs)] // the one reference that there ever is
    // SAFETY: the flag above makes this the only reference to `BUFFER`, which has no other name.
    unsafe {
        &mut BUFFER
    }
}

/// A clock's number, clock_gettime(2).
#[derive(Clone, Copy)]
pub struct Clock(usize);

impl Clock {
    /// Time that only goes forward.
    pub const MONOTONIC: Clock = Clock(1);
    /// CPU time of this process.
    pub const PROCESS_CPU: Clock = Clock(2);

    /// CPU time of all threads of another process, `include/linux/posix-timers_types.h`.
    pub fn of_process(pid: Pid) -> Clock {
        const CPUCLOCK_SCHED: usize = 2;
        Clock((!(pid.as_raw_nonzero().get() as usize) << 3) | CPUCLOCK_SCHED)
    }
}

/// What a clock shows, in nanoseconds; `None` if there is no such clock. A system call rather than the vDSO, whose
/// parser would be bytes that we do not need: we read clocks a dozen times a run.
pub fn clock(clock: Clock) -> Option<u64> {
    let mut time = [0i64; 2];
    // SAFETY: the kernel writes one `struct timespec`, two 64-bit words, to `time`.
    unsafe { syscall(nr::CLOCK_GETTIME, [clock.0, time.as_mut_ptr() as usize, 0, 0, 0]) }.ok()?;
    Some(time[0] as u64 * 1_000_000_000 + time[1] as u64)
}

/// Which CPUs this process may run on, sched_setaffinity(2).
pub fn affinity() -> Cpus {
    let mut cpus = Cpus::NONE;
    let (len, words) = (size_of::<Cpus>(), cpus.words.as_mut_ptr() as usize);
    // SAFETY: the kernel writes at most `len` bytes, which is all of `cpus`.
    let result = unsafe { syscall(nr::SCHED_GETAFFINITY, [0, len, words, 0, 0]) };
    debug_assert!(result.is_ok(), "only a set that is too small can fail");
    cpus
}

/// Lets this process run on these CPUs only, sched_setaffinity(2).
///
/// # Errors
/// EINVAL: none of them is here, or is ours to use.
pub fn set_affinity(cpus: &Cpus) -> Result<(), Errno> {
    let (len, words) = (size_of::<Cpus>(), cpus.words.as_ptr() as usize);
    // SAFETY: the kernel reads at most `len` bytes, which is all of `cpus`.
    unsafe { syscall(nr::SCHED_SETAFFINITY, [0, len, words, 0, 0]) }.map(|_| ())
}

/// Asks for short turns on a CPU: with a shorter slice than what runs there a task does not wait for that one's slice to
/// end (sched_setattr(2); `Documentation/scheduler/sched-eevdf.rst`). Before Linux 6.12 it changes nothing.
pub fn shorten_slice() {
    /// The shortest that the kernel takes, in nanoseconds.
    const SHORTEST: u64 = 100_000;
    let mut attributes = SchedulingAttributes::default();
    let (place, size) = ((&raw mut attributes) as usize, size_of::<SchedulingAttributes>());
    // SAFETY: the kernel writes at most `size` bytes, which is all of `attributes`.
    if unsafe { syscall(nr::SCHED_GETATTR, [0, place, size, 0, 0]) }.is_ok() {
        attributes.runtime = SHORTEST;
        let place = (&raw const attributes) as usize;
        // SAFETY: the kernel reads as many bytes as the first field says, which it wrote itself: at most all of them.
        let _ = unsafe { syscall(nr::SCHED_SETATTR, [0, place, 0, 0, 0]) };
    }
}

/// `struct sched_attr` as it was first, linux/sched/types.h.
#[repr(C)]
#[derive(Default)]
struct SchedulingAttributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// The number of the CPU that this runs on, getcpu(2).
pub fn current_cpu() -> usize {
    let mut cpu = 0u32;
    // SAFETY: the kernel writes one 32-bit number to `cpu`; the node is not asked for.
    let result = unsafe { syscall(nr::GETCPU, [(&raw mut cpu) as usize, 0, 0, 0, 0]) };
    debug_assert!(result.is_ok(), "only a bad pointer can fail");
    cpu as usize
}

/// What all reaped children of this process used, getrusage(2) RUSAGE_CHILDREN.
pub fn children_usage() -> Usage {
    const RUSAGE_CHILDREN: usize = usize::MAX;
    // `struct rusage`: two timevals (user, system), then maxrss in KiB, then what we do not read.
    let mut usage = [0u64; 18];
    // SAFETY: the kernel writes one `struct rusage`, 144 bytes, to `usage`.
    let result = unsafe { syscall(nr::GETRUSAGE, [RUSAGE_CHILDREN, usage.as_mut_ptr() as usize, 0, 0, 0]) };
    debug_assert!(result.is_ok(), "only a bad pointer or a bad `who` can fail");
    let nanoseconds = |at: usize| usage[at] * 1_000_000_000 + usage[at + 1] * 1_000;
    Usage { user: nanoseconds(0), system: nanoseconds(2), max_rss: usage[4] << 10 }
}

/// A list of C strings as the kernel hands it over, and wants it back: an array of pointers that ends with NULL.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    /// Without the NULL, which always stands behind it.
    pointers: &'a [*const c_char],
}

impl<'a> Args<'a> {
    /// # Safety
    /// Every pointer is a C string in memory that may be written and lives as long as `'a`, and a NULL stands behind
    /// the slice's last element.
    pub unsafe fn new(pointers: &'a [*const c_char]) -> Self {
        Args { pointers }
    }

    /// The words of `line`, each with its NUL behind it already, as in proc_pid_cmdline(5).
    /// `None`: the last one has no NUL, or there is no room for all pointers and the closing NULL.
    pub fn terminated(line: &'a mut [u8], pointers: &'a mut [*const c_char]) -> Option<Args<'a>> {
        let mut words = 0;
        for word in line.split_inclusive_mut(|byte| *byte == 0) {
            (word.last() == Some(&0)).then_some(())?;
            *pointers.get_mut(words)? = word.as_mut_ptr().cast_const().cast();
            words += 1;
        }
        *pointers.get_mut(words)? = core::ptr::null();
        // SAFETY: each pointer is the start of a run of `line` whose last byte is its only NUL, in memory that was
        // lent to us to write; a NULL stands behind the last.
        Some(unsafe { Args::new(pointers.get(..words)?) })
    }

    /// Splits `line` in place into words at blanks; what stands between single quotes is one word, or part of one.
    /// `None`: a quote that does not end, or no room for all words and the closing NULL.
    ///
    /// The line's last byte is lost unless it is a blank: each word needs room for its NUL.
    pub fn split(line: &'a mut [u8], pointers: &'a mut [*const c_char]) -> Option<Args<'a>> {
        let mut words = 0;
        let (mut read, mut written) = (0, 0);
        let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0);
        while let Some(first) = line.get(read) {
            if blank(*first) {
                read += 1;
                continue;
            }
            *pointers.get_mut(words)? = line.get(written..)?.as_ptr().cast();
            words += 1;
            let mut quoted = false;
            while let Some(byte) = line.get(read).copied().filter(|byte| quoted || !blank(*byte)) {
                if byte == b'\'' {
                    quoted = !quoted;
                } else {
                    *line.get_mut(written)? = byte;
                    written += 1;
                }
                read += 1;
            }
            if quoted {
                return None;
            }
            *line.get_mut(written)? = 0;
            written += 1;
            read = read.max(written);
        }
        *pointers.get_mut(words)? = core::ptr::null();
        // SAFETY: each pointer is the start of a run of `line` that ends with a NUL written above, in memory that
        // was lent to us to write; a NULL stands behind the last.
        Some(unsafe { Args::new(pointers.get(..words)?) })
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.pointers.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.pointers.is_empty()
    }

    /// The string at `index`.
    pub fn get(self, index: usize) -> Option<&'a CStr> {
        // SAFETY: the type's invariant.
        self.pointers.get(index).map(|pointer| unsafe { CStr::from_ptr(*pointer) })
    }

    /// The strings from `index` on.
    pub fn from(self, index: usize) -> Args<'a> {
        Args { pointers: self.pointers.get(index..).unwrap_or_default() }
    }

    fn as_ptr(self) -> *const *const c_char {
        self.pointers.as_ptr()
    }

    /// Overwrites this process's strings: the first with `title` as far as it fits, all else with zeros.
    /// What /proc/PID/cmdline shows is this memory.
    ///
    /// For a process that reads no argument any more; those who still hold one would find it changed.
    pub fn overwrite(self, title: &[u8]) {
        for (index, pointer) in self.pointers.iter().enumerate() {
            let title = if index == 0 { title } else { b"" };
            // SAFETY: the type's invariant; `end` stops at the string's own NUL. Volatile, since the memory was
            // lent out as immutable and the compiler must not reason about it.
            unsafe {
                let end = CStr::from_ptr(*pointer).count_bytes();
                for at in 0..end {
                    pointer
                        .cast_mut()
                        .cast::<u8>()
                        .add(at)
                        .write_volatile(title.get(at).copied().unwrap_or(0));
                }
            }
        }
    }
}

/// Room for one stream's bytes on their way.
pub type StreamBuffer = [u8; 64 << 10];

/// The buffers of the three streams: zero pages of the kernel's until they are used, as a local array would not be.
///
/// The second time in one process they are refused, by ending it: there is one of each.
pub fn stream_buffers() -> &'static mut [StreamBuffer; 3] {
    static mut BUFFERS: [StreamBuffer; 3] = [[0; size_of::<StreamBuffer>()]; 3];
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        exit(125);
    }
    #[allow(static_mut_refs)] // the one reference that there ever is
    // SAFETY: the flag above makes this the only reference to `BUFFERS`, which has no other name.
    unsafe {
        &mut BUFFERS
    }
}

/// A standard stream of this process. It is one of ours until we replace it, so borrowing it is sound.
pub fn stdio(number: u8) -> BorrowedFd<'static> {
    // SAFETY: start-up made sure that 0, 1 and 2 are open (`streams::fill_standard`), and nothing closes them.
    unsafe { BorrowedFd::borrow_raw(number.into()) }
}
