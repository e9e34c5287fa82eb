//! Command lines that clap need not see, or not with all commands in mind.
//!
//! A judge starts `run` and `exec` for each submission, and everything after the bundle is init's to read: to build
//! clap's tree of all commands for that takes longer than everything else that this program does then.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;
use run::refusal::Refused;

use super::query_args::{ClosureArgs, ClosureLine};

/// A command line that is passed on as it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PassedOn {
    /// Which command.
    pub(super) command: Passing,
    /// The bundle.
    pub(super) bundle: PathBuf,
    /// Everything after it, up to `--`.
    pub(super) options: Vec<OsString>,
}

/// The commands that pass options on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passing {
    /// `capsule run`
    Run,
    /// `capsule exec`
    Exec,
}

/// The arguments of isolate: after `capsule isolate`, and after the program's name where that is `isolate`.
pub(super) fn isolate(args: &[OsString]) -> Option<&[OsString]> {
    let [program, rest @ ..] = args else { return None };
    if Path::new(program).file_name().is_some_and(|name| name == "isolate") {
        return Some(rest);
    }
    rest.split_first().filter(|(command, _)| *command == "isolate").map(|(_, rest)| rest)
}

/// `run` or `exec` with the bundle first; `None` where clap has to read the line or to explain it.
pub(super) fn passed_on(args: &[OsString]) -> Option<PassedOn> {
    let [_, command, bundle, options @ ..] = args else { return None };
    let is_option = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"-");
    let is_help = |arg: &OsString| arg == "--help" || arg.as_encoded_bytes().starts_with(b"-h");
    if bundle.is_empty() || is_option(bundle) || options.iter().any(is_help) {
        return None;
    }
    let command = match command.to_str()? {
        "run" => Passing::Run,
        "exec" => Passing::Exec,
        _ => return None,
    };
    Some(PassedOn { command, bundle: bundle.into(), options: options.to_vec() })
}

/// A `closure` that is valid; for another one clap has to say what is wrong, or to explain it.
pub(super) fn closure(args: &[OsString]) -> Option<ClosureArgs> {
    let [_, rest @ ..] = args else { return None };
    let line = (rest.first()? == "closure").then(|| ClosureLine::try_parse_from(rest))?;
    line.ok().map(|line| line.args)
}

/// Whether the exit code of this command may be a submission's.
pub(super) fn sandboxed(args: &[OsString]) -> Option<Refused> {
    match args.get(1)?.to_str()? {
        "run" | "shell" => Some(Refused::Run),
        "exec" => Some(Refused::Exec),
        "judge" => Some(Refused::Judge),
        _ => None,
    }
}

/// The commands after whose first `--` another program's arguments come.
const SPLIT: [&str; 3] = ["run", "trace", "exec"];

/// The arguments of capsule itself, and those after the first `--` of a command that starts another program.
pub(super) fn split_command(mut args: Vec<OsString>) -> (Vec<OsString>, Option<Vec<OsString>>) {
    if !args.get(1).is_some_and(|command| SPLIT.iter().any(|split| command == split)) {
        return (args, None);
    }
    match args.iter().position(|arg| arg == "--") {
        Some(at) => {
            let command = args.split_off(at + 1);
            args.pop();
            (args, Some(command))
        }
        None => (args, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_bundle_with_options_is_passed_on_unread() {
        let passed = passed_on(&args("capsule run B --cpu-time 1s --memroy")).expect("run");
        assert_eq!((passed.command, passed.bundle), (Passing::Run, "B".into()));
        assert_eq!(passed.options, args("--cpu-time 1s --memroy"));
        assert_eq!(passed_on(&args("capsule exec B")).map(|passed| passed.command), Some(Passing::Exec));
    }

    #[test]
    fn isolate_has_a_command_line_of_its_own() {
        assert_eq!(isolate(&args("capsule isolate --run -- x")), Some(&args("--run -- x")[..]));
        assert_eq!(isolate(&args("/usr/local/bin/isolate --init")), Some(&args("--init")[..]));
        assert_eq!(isolate(&args("capsule run isolate")), None);
    }

    #[test]
    fn clap_reads_the_rest() {
        for line in [
            "run",
            "run --tty B",
            "run B --help",
            "run B -h",
            "run B x --help",
            "shell B",
            "verify B",
            "build B",
        ] {
            assert_eq!(passed_on(&args(&format!("capsule {line}"))), None, "{line}");
        }
        assert_eq!(passed_on(&["capsule", "run", ""].map(OsString::from)), None);
    }

    #[test]
    fn a_closure_is_read_alone_unless_clap_has_to_speak() {
        for line in ["closure /bin/ls", "closure git --sysroot /r /usr/lib", "closure -- -odd"] {
            assert!(closure(&args(&format!("capsule {line}"))).is_some(), "{line}");
        }
        for line in
            ["closure", "closure --help", "closure -h ls", "closure --frob ls", "explain B", "help closure"]
        {
            assert!(closure(&args(&format!("capsule {line}"))).is_none(), "{line}");
        }
    }

    #[test]
    fn the_command_of_run_starts_after_the_first_double_dash() {
        let (ours, command) = split_command(args("capsule run B --cpu-time 1s -- ls -- -l"));
        assert_eq!(ours, args("capsule run B --cpu-time 1s"));
        assert_eq!(command, Some(args("ls -- -l")));
    }
}
