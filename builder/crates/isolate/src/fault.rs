//! A failure of the sandbox or of its caller: exit code 2, never a verdict.

use std::fmt::Display;
use std::io;

/// One line, as it stands on stderr and in the meta file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

impl Fault {
    /// What failed, and why.
    pub(crate) fn because(what: impl Display, why: impl Into<io::Error>) -> Fault {
        let why = why.into();
        Fault(format!("{what}: {}", reason(&why)))
    }
}

impl From<String> for Fault {
    fn from(line: String) -> Fault {
        Fault(line)
    }
}

/// strerror(3) of an error of the system's, without Rust's number after it.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_systems_own() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(Fault::because("open(\"x\")", error).0, "open(\"x\"): No such file or directory");
    }
}
