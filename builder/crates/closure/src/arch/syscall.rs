//! System calls about files, read from the registers of a traced thread (ptrace(2)).

/// A successful open(2), openat(2) or openat2(2), as a tracer sees it when the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenCall {
    /// The address of the path's text in the thread's memory.
    pub path: u64,
    /// The directory that a relative path starts from; negative for the working directory.
    pub directory: i32,
    /// The descriptor that was returned.
    pub fd: u32,
}

/// A call that looks up a path, as a tracer sees it when the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupCall {
    /// The address of the path's text in the thread's memory.
    pub path: u64,
    /// The directory that a relative path starts from; negative for the working directory.
    pub directory: i32,
    /// Whether the path exists; else the call ended with ENOENT.
    pub exists: bool,
}

/// The call of a thread that is stopped at a system call's end, if its path does not exist, or if the call only asks about
/// a path that does. 64-bit programs only.
///
/// The numbers are those of the kernel's arch/x86/entry/syscalls/syscall_64.tbl.
#[cfg(target_arch = "x86_64")]
pub fn lookup_call(registers: &nix::libc::user_regs_struct) -> Option<LookupCall> {
    /// open, execve, readlink: the path comes first.
    const USES_BY_PATH: [u64; 3] = [2, 59, 89];
    /// stat, lstat, access.
    const ASKS_BY_PATH: [u64; 3] = [4, 6, 21];
    /// openat, readlinkat, execveat, openat2: the path comes after a directory.
    const USES_BY_DIRECTORY: [u64; 4] = [257, 267, 322, 437];
    /// newfstatat, faccessat, statx, faccessat2.
    const ASKS_BY_DIRECTORY: [u64; 4] = [262, 269, 332, 439];
    const NOT_FOUND: i64 = -2;
    let exists = match registers.rax.cast_signed() {
        0 => true,
        NOT_FOUND => false,
        _ => return None,
    };
    let (call, is_64_bit) = (registers.orig_rax, registers.cs != USER32);
    let has =
        |asks: &[u64], uses: &[u64]| is_64_bit && (asks.contains(&call) || !exists && uses.contains(&call));
    if has(&ASKS_BY_PATH, &USES_BY_PATH) {
        Some(LookupCall { path: registers.rdi, directory: -1, exists })
    } else if has(&ASKS_BY_DIRECTORY, &USES_BY_DIRECTORY) {
        Some(LookupCall { path: registers.rsi, directory: registers.rdi as u32 as i32, exists })
    } else {
        None
    }
}

/// `__USER32_CS`: the code segment of 32-bit programs, whose calls have other numbers (syscall_32.tbl).
#[cfg(target_arch = "x86_64")]
const USER32: u64 = 0x23;

/// The file that a thread that is stopped at a system call has opened. At a call's entry the result register holds
/// -ENOSYS (the kernel's arch/x86/entry/entry_64.S), so a result that is a descriptor means that the call has returned.
#[cfg(target_arch = "x86_64")]
pub fn open_call(registers: &nix::libc::user_regs_struct) -> Option<OpenCall> {
    const WORKING_DIRECTORY: i32 = -1;
    let fd = u32::try_from(registers.rax).ok().filter(|&fd| fd <= i32::MAX as u32)?;
    let descriptor = |register: u64| register as u32 as i32;
    let (path, directory) = match (registers.cs == USER32, registers.orig_rax) {
        (false, 2) => (registers.rdi, WORKING_DIRECTORY),
        (false, 257 | 437) => (registers.rsi, descriptor(registers.rdi)),
        (true, 5) => (registers.rbx, WORKING_DIRECTORY),
        (true, 295 | 437) => (registers.rcx, descriptor(registers.rbx)),
        _ => return None,
    };
    Some(OpenCall { path, directory, fd })
}
