//! The report of a run that could not begin: a caller that waits for a report gets one, and none of an earlier run stays in
//! its place. Its fields are those of init's own report about a command line that is not valid.

use std::ffi::{OsStr, OsString};
use std::io;

use bundle::FileError;
use init::contract::report::{Status, VERSION};
use nix::errno::Errno;
use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::exec::{self, Destination};

/// The command that could not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// `capsule run` or `capsule shell`, whose report is init's.
    Run,
    /// `capsule exec`
    Exec,
    /// `capsule judge`
    Judge,
}

#[derive(Serialize)]
struct Report<'a> {
    version: u64,
    status: &'a str,
    error: Failure<'a>,
    /// The bundle's tree was to be compared, and was not, or is not as it was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
}

#[derive(Serialize)]
struct Failure<'a> {
    step: &'a str,
    call: &'a str,
    errno: String,
    message: &'a str,
}

/// Reports that a command line is not valid, where it says where the report goes; `options` end before `--`.
pub fn report_usage(refused: Refused, options: &[OsString], message: &str) {
    let Some(destination) = destination(options) else { return };
    match refused {
        Refused::Run => write(&destination, ["options", "parse"], Errno::EINVAL, message, false),
        Refused::Exec => exec::report_refused(&destination, message),
        Refused::Judge => {
            write_line(&destination, &json!({ "version": VERSION, "verdict": "IE", "error": message }))
        }
    }
}

/// Reports that init could not be started. `verify`: whether the tree was to be compared first.
pub(crate) fn report_start(options: &[OsString], verify: bool, error: &Error) {
    let Some(destination) = destination(options) else { return };
    let (place, errno) = match error {
        Error::Bundle(bundle::Error::File(FileError { error, .. })) => (["bundle", "read"], errno(error)),
        Error::Bundle(bundle::Error::NotABundle { .. }) => (["bundle", "read"], Errno::ENOENT),
        Error::Start { error, .. } => (["start", "execve"], errno(error)),
        Error::Changed { .. } => (["bundle", "verify"], Errno::EBADMSG),
        Error::Report { .. } => (["supervise", "read"], Errno::EBADMSG),
        _ => (["bundle", "read"], Errno::EINVAL),
    };
    write(&destination, place, errno, &error.to_string(), verify);
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EINVAL as i32))
}

/// The last `--report` with a value that can be used. What is wrong may be an option's name, so that any argument may be an
/// option.
fn destination(options: &[OsString]) -> Option<Destination> {
    let values = options.windows(2).filter(|pair| pair[0] == "--report").map(|pair| pair[1].as_os_str());
    // As clap reads it.
    let joined =
        options.iter().filter_map(|option| option.to_str()?.strip_prefix("--report=")).map(OsStr::new);
    values.chain(joined).filter_map(|value| Destination::parse(value).ok()).next_back()
}

fn write(destination: &Destination, [step, call]: [&str; 2], errno: Errno, message: &str, verify: bool) {
    let status = str::from_utf8(Status::SandboxError.name()).unwrap_or_default();
    let error = Failure { step, call, errno: format!("{errno:?}"), message };
    let report = Report { version: VERSION, status, error, verified: verify.then_some(false) };
    write_line(destination, &report);
}

fn write_line(destination: &Destination, report: &impl Serialize) {
    let line = serde_json::to_string(report).unwrap_or_default() + "\n";
    // The exit code is that of a failure already, and stderr has the message.
    let _unwritten = destination.write(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<Destination> {
        destination(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_last_report_that_can_be_used_is_found_whatever_else_is_wrong() {
        assert_eq!(found("B --frob --report r"), Some(Destination::Path("r".into())));
        assert_eq!(found("B --memory --report=r"), Some(Destination::Path("r".into())));
        assert_eq!(found("B --report - --report fd:x"), Some(Destination::Stdout));
        assert_eq!(found("B --report"), None);
    }
}
