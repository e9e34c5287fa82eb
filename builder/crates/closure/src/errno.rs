//! Names for errno values: `ENOENT` says more to the people who read our messages than `os error 2`.

use rustix::io::Errno;

/// The symbolic name where we have one, else the number.
pub fn name(errno: Errno) -> String {
    let known = match errno {
        Errno::NOENT => "ENOENT",
        Errno::ACCESS => "EACCES",
        Errno::PERM => "EPERM",
        Errno::NOTDIR => "ENOTDIR",
        Errno::ISDIR => "EISDIR",
        Errno::LOOP => "ELOOP",
        Errno::NAMETOOLONG => "ENAMETOOLONG",
        Errno::MFILE => "EMFILE",
        Errno::NFILE => "ENFILE",
        Errno::NOMEM => "ENOMEM",
        Errno::IO => "EIO",
        Errno::NXIO => "ENXIO",
        Errno::INVAL => "EINVAL",
        Errno::XDEV => "EXDEV",
        Errno::AGAIN => "EAGAIN",
        Errno::NOSYS => "ENOSYS",
        _ => return format!("errno {}", errno.raw_os_error()),
    };
    known.to_owned()
}
