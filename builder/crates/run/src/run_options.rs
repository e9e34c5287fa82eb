//! The options of `capsule run` that are not init's, taken from among those that are. Pure.

use std::ffi::OsString;

use init::contract::OPTIONS;

/// Compares the bundle's tree with its manifest first. It has no value.
const VERIFY: &str = "--verify";
const REPORT: &str = "--report";

/// What a command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RunOptions {
    /// The options for init, in their order.
    pub(crate) init: Vec<OsString>,
    /// Whether `--verify` was given.
    pub(crate) verify: bool,
    /// The last `--report`; it is among the options for init, too.
    pub(crate) report: Option<OsString>,
}

impl RunOptions {
    /// Reads `args`. What is no option of init's passes as it is: init names it.
    pub(crate) fn parse(args: Vec<OsString>) -> RunOptions {
        let mut found = RunOptions::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if arg == VERIFY {
                found.verify = true;
                continue;
            }
            let (is_report, has_value) = (arg == REPORT, takes_value(&arg));
            found.init.push(arg);
            let Some(value) = has_value.then(|| args.next()).flatten() else { continue };
            if is_report {
                found.report = Some(value.clone());
            }
            found.init.push(value);
        }
        found
    }
}

fn takes_value(name: &OsString) -> bool {
    OPTIONS.iter().any(|option| name == option.name && option.value.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (String, bool, Option<OsString>) {
        let RunOptions { init, verify, report } =
            RunOptions::parse(line.split(' ').map(OsString::from).collect());
        (init.join(" ".as_ref()).to_string_lossy().into_owned(), verify, report)
    }

    #[test]
    fn only_what_is_an_option_counts() {
        assert_eq!(
            parsed("--report a --tty --verify --report b"),
            ("--report a --tty --report b".to_owned(), true, Some("b".into()))
        );
        assert_eq!(
            parsed("--stdin --verify --frob --report"),
            ("--stdin --verify --frob --report".to_owned(), false, None)
        );
    }
}
