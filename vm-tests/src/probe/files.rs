//! FS: out of the root, into files that are not ours.

use std::env;
use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::sys::{self, Arg};
use super::{Attack, Finding, Target, look};

/// The family.
pub const ATTACKS: &[Attack] = &[
    Attack::new("files/climb", &["FS-05", "FS-08"], climb).escapes_bare(),
    Attack::new("files/double-chroot", &["FS-01"], double_chroot).escapes_bare(),
    Attack::new("files/saved-directory", &["FS-02"], saved_directory).escapes_bare(),
    Attack::new("files/leaked-descriptor", &["FS-03"], leaked_descriptor),
    Attack::new("files/working-directory", &["FS-05"], working_directory).escapes_bare(),
    Attack::new("files/root-of-a-process", &["FS-06"], root_of_a_process).escapes_bare(),
];

fn c_path(path: &Path) -> CString {
    // A path from the command line or from this file has no NUL in it.
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}

/// The canary by its own path, and by fifty times `..` before it.
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
        // Anything but EBADF means that somebody left it open for us.
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
