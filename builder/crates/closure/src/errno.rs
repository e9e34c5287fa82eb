//! Names for errno values: a reader of our messages knows `ENOENT`, but not `os error 2`.

use rustix::io::Errno;

/// The symbolic name, or the number of a value that is not in the table.
pub(crate) fn name(errno: Errno) -> String {
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
        Errno::NOEXEC => "ENOEXEC",
        Errno::LIBBAD => "ELIBBAD",
        _ => return format!("errno {}", errno.raw_os_error()),
    };
    known.to_owned()
}

/// An operating system's error as a clause for the end of a sentence: lower case, without its number.
pub fn clause(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "unknown error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_becomes_a_clause() {
        assert_eq!(clause(&std::io::Error::from_raw_os_error(28)), "no space left on device");
    }
}
