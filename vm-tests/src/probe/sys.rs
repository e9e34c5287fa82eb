//! Raw system calls, which a hostile program makes and neither std nor rustix has.
// Unsafe: raw system calls, fork, and signal handlers have no safe interface.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_long};
use std::process;

use rustix::process::{Pid, WaitOptions, WaitStatus, waitpid};

/// An argument of a raw system call. Pointers come only from borrows, so they are valid during the call.
pub enum Arg<'a> {
    /// A number, a flag set, or a descriptor.
    N(i64),
    /// A string.
    S(&'a CStr),
    /// Memory that the kernel reads.
    R(&'a [u8]),
    /// Memory that the kernel may write.
    W(&'a mut [u8]),
}

/// What the kernel refused with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            libc::EPERM => f.write_str("EPERM"),
            libc::EACCES => f.write_str("EACCES"),
            libc::ENOSYS => f.write_str("ENOSYS"),
            libc::EINVAL => f.write_str("EINVAL"),
            libc::ENOENT => f.write_str("ENOENT"),
            libc::EROFS => f.write_str("EROFS"),
            libc::ESRCH => f.write_str("ESRCH"),
            libc::EAFNOSUPPORT => f.write_str("EAFNOSUPPORT"),
            other => write!(f, "{}", std::io::Error::from_raw_os_error(other)),
        }
    }
}

/// Calls system call `number`. Not for calls that change this process's memory map or return twice.
pub fn call(number: c_long, args: &mut [Arg<'_>]) -> Result<i64, Errno> {
    let mut raw = [0i64; 6];
    for (slot, arg) in raw.iter_mut().zip(args.iter_mut()) {
        *slot = match arg {
            Arg::N(number) => *number,
            Arg::S(text) => text.as_ptr() as i64,
            Arg::R(bytes) => bytes.as_ptr() as i64,
            Arg::W(bytes) => bytes.as_mut_ptr() as i64,
        };
    }
    // SAFETY: every pointer comes from a borrow that outlives the call, mutable where the kernel writes; the length
    // is the caller's next argument, and all callers are in this directory.
    let returned = unsafe { libc::syscall(number, raw[0], raw[1], raw[2], raw[3], raw[4], raw[5]) };
    if returned == -1 { Err(last_errno()) } else { Ok(returned) }
}

fn last_errno() -> Errno {
    Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// Forks. `None` in the child.
pub(crate) fn fork() -> Result<Option<Pid>, Errno> {
    // SAFETY: the probe calls this before it starts any thread, or in programs whose threads hold no lock that the
    // child could need: the child only makes system calls and leaves by `leave`.
    match unsafe { libc::fork() } {
        -1 => Err(last_errno()),
        0 => Ok(None),
        child => Ok(Pid::from_raw(child)),
    }
}

/// Ends this process at once, without running anything of std.
pub(crate) fn leave(code: c_int) -> ! {
    // SAFETY: _exit(2) does not return and touches no memory.
    unsafe { libc::_exit(code) }
}

/// Runs `body` in a child and waits for it: what it returned as exit code, or how it was killed.
pub(crate) fn in_child(body: impl FnOnce() -> u8) -> Result<WaitStatus, Errno> {
    let Some(child) = fork()? else { leave(body().into()) };
    wait_for(child)
}

/// Waits for one child.
pub(crate) fn wait_for(child: Pid) -> Result<WaitStatus, Errno> {
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(Errno(errno.raw_os_error())),
        }
    }
}

/// Ignores `signal`, as far as the kernel lets us.
pub(crate) fn ignore(signal: c_int) {
    // SAFETY: SIG_IGN is not a function; nothing runs when the signal comes.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Has `signal` interrupt what waits, and do nothing else: its handler is not one that restarts calls.
pub(crate) fn interrupt_by(signal: c_int) {
    extern "C" fn nothing(_: c_int) {}
    let handler = nothing as extern "C" fn(c_int);
    // SAFETY: a zeroed sigaction has no flags and an empty mask; the handler touches nothing, so it may run at any time.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

/// Gives `signal` its default action back (std ignores SIGPIPE).
pub(crate) fn default_action(signal: c_int) {
    // SAFETY: SIG_DFL is not a function; the kernel acts when the signal comes.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Sends `signal` to this process, also those that libc keeps for itself.
pub(crate) fn raise(signal: c_int) {
    let this = i64::from(process::id());
    // Nothing to do when it fails: the caller then exits with a code that the table does not expect.
    call(libc::SYS_kill, &mut [Arg::N(this), Arg::N(signal.into())]).ok();
}

/// Sends `sent` over the socket `over` (SCM_RIGHTS).
pub(crate) fn send_descriptor(over: i32, sent: i32) -> Result<i64, Errno> {
    // cmsghdr: length, level SOL_SOCKET, type SCM_RIGHTS, then the descriptor, padded to 8 bytes.
    let mut control = [20u64.to_ne_bytes(), [0; 8], [0; 8]].concat();
    control[8..12].copy_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
    control[12..16].copy_from_slice(&libc::SCM_RIGHTS.to_ne_bytes());
    control[16..20].copy_from_slice(&sent.to_ne_bytes());
    let byte = [0u8; 1];
    let vector = [byte.as_ptr().addr() as u64, 1].map(u64::to_ne_bytes).concat();
    // msghdr: no name, one vector, the control message. What it points to lives until the call returns.
    let fields =
        [0, 0, vector.as_ptr().addr() as u64, 1, control.as_ptr().addr() as u64, control.len() as u64, 0];
    let header = fields.map(u64::to_ne_bytes).concat();
    call(libc::SYS_sendmsg, &mut [Arg::N(over.into()), Arg::R(&header), Arg::N(0)])
}

/// Uses `bytes` of stack by recursion, and returns something that depends on all of it.
#[inline(never)]
pub(crate) fn recurse(bytes: usize) -> u64 {
    let page = std::hint::black_box([bytes as u8; 4096]);
    let deeper = if bytes > page.len() { recurse(bytes - page.len()) } else { 0 };
    deeper + u64::from(std::hint::black_box(page)[bytes % 4096])
}

/// Maps `bytes` of anonymous memory, for good.
pub(crate) fn map_anonymous(bytes: usize, flags: c_int) -> Option<&'static mut [u8]> {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, flags | libc::MAP_ANONYMOUS);
    // SAFETY: without MAP_FIXED the kernel chooses a place that is not mapped yet.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the kernel has just mapped these bytes, zeroed, readable and writable; nothing
    // unmaps them, and this is the only reference to them.
    Some(unsafe { std::slice::from_raw_parts_mut(address.cast(), bytes) })
}

/// Maps the first page of a file, to be read, for good; its address.
pub(crate) fn map_file(file: c_int) -> Option<usize> {
    // SAFETY: without MAP_FIXED the kernel chooses a place that is not mapped yet.
    let address =
        unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, file, 0) };
    (address != libc::MAP_FAILED).then(|| address.addr())
}

/// Makes a System V segment of `bytes` and attaches it, for good.
pub(crate) fn map_system_v(bytes: usize) -> Option<&'static mut [u8]> {
    let mode = Arg::N((libc::IPC_CREAT | 0o600).into());
    let id = call(libc::SYS_shmget, &mut [Arg::N(0), Arg::N(i64::try_from(bytes).ok()?), mode]).ok()?;
    // SAFETY: without an address the kernel chooses a place that is not mapped yet.
    let address = unsafe { libc::shmat(c_int::try_from(id).ok()?, std::ptr::null(), 0) };
    if address.addr() == usize::MAX {
        return None;
    }
    // SAFETY: the segment has `bytes` bytes, zeroed, readable and writable; nothing detaches it, and no other
    // process knows it.
    Some(unsafe { std::slice::from_raw_parts_mut(address.cast(), bytes) })
}

/// Executes `path` with an argument vector that is empty (CVE-2021-4034). Returns only when that fails.
pub(crate) fn exec_without_arguments(path: &CStr) -> Errno {
    let empty = [std::ptr::null()];
    // SAFETY: the path ends with a NUL, both vectors with a null pointer, and all live until the call returns.
    unsafe { libc::execve(path.as_ptr(), empty.as_ptr(), empty.as_ptr()) };
    last_errno()
}

/// Installs a seccomp filter that allows every call (and sets no_new_privs, which it needs without privilege).
pub(crate) fn allow_everything() -> Result<(), Errno> {
    const ALLOW: libc::sock_filter =
        libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
    let mut filter = [ALLOW];
    let program = libc::sock_fprog { len: 1, filter: filter.as_mut_ptr() };
    call(
        libc::SYS_prctl,
        &mut [Arg::N(libc::PR_SET_NO_NEW_PRIVS.into()), Arg::N(1), Arg::N(0), Arg::N(0), Arg::N(0)],
    )?;
    // SAFETY: `program` and the one instruction it points to live until the call returns; the kernel copies them.
    let returned =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    if returned == -1 { Err(last_errno()) } else { Ok(()) }
}
