//! The arguments of `capsule exec` after the bundle: its own options, init's, and the source. Pure.
//!
//! `--memory 128M` is init's option for the run step, `--compile-memory 1G` the same for the compile step.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use init::contract::{self, Args, OPTIONS, Text};

use super::destination::Destination;
use super::request::{ExecRequest, StepOption};
use crate::error::Error;

/// What an option for the compile step starts with.
const COMPILE: &str = "compile-";

/// Options of init that exec sets for both steps.
const SET_BY_EXEC: [&str; 3] = ["root", "rootfs-digest", "known-bad"];
/// Options that make sense for the run step only: the compile step starts where the files are and has no terminal, and one
/// report has both steps.
const RUN_ONLY: [&str; 6] = ["cwd", "tty", "report", "lang", "entry", VERIFY];
/// Our own option without a value.
const VERIFY: &str = "verify";

/// At most this many bytes of a wrong value are shown.
const LONGEST_LINE: usize = 512;

/// Reads `args`; `arguments` are the submission's, after `--`.
pub fn parse(bundle: PathBuf, args: Vec<OsString>, arguments: Vec<OsString>) -> Result<ExecRequest, Error> {
    // init is started from here: a bundle named without a slash must not be looked up on PATH.
    let bundle = std::path::absolute(&bundle).map_err(|error| Error::sandbox(Error::read(&bundle, error)))?;
    let mut found = Found::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let long = if arg == "-n" { Some("--no-input") } else { arg.to_str() };
        match long.and_then(|arg| arg.strip_prefix("--")) {
            Some(option) => found.option(option, &mut args)?,
            None => found.sources.push(arg.into()),
        }
    }
    let Found { language, sources, entry, verify, report, compile, run } = found;
    if sources.is_empty() {
        let hint = "as in `capsule exec BUNDLE --lang cpp sol.cpp < input`";
        return Err(Error::usage("no source file".to_owned(), hint));
    }
    Ok(ExecRequest { bundle, language, sources, entry, compile, run, verify, report, arguments })
}

/// What was read so far.
#[derive(Default)]
struct Found {
    language: Option<String>,
    sources: Vec<PathBuf>,
    entry: Option<PathBuf>,
    verify: bool,
    report: Option<Destination>,
    compile: Vec<StepOption>,
    run: Vec<StepOption>,
}

impl Found {
    fn option(&mut self, option: &str, rest: &mut impl Iterator<Item = OsString>) -> Result<(), Error> {
        let for_compile = option.strip_prefix(COMPILE);
        let name = for_compile.unwrap_or(option);
        if SET_BY_EXEC.contains(&name) || (for_compile.is_some() && RUN_ONLY.contains(&name)) {
            let what = format!("`--{option}` is not an option of exec");
            return Err(Error::usage(what, "exec decides that itself"));
        }
        let value = match name == VERIFY || is_flag(name) {
            true => OsString::new(),
            false => rest.next().ok_or_else(|| {
                Error::usage(format!("`--{option}` needs a value"), "put the value after the option")
            })?,
        };
        match (name, for_compile) {
            ("lang", None) => self.language = Some(value.to_string_lossy().into_owned()),
            ("entry", None) => self.entry = Some(value.into()),
            (VERIFY, None) => self.verify = true,
            ("report", None) => self.report = Some(Destination::parse(&value)?),
            (_, None) => self.run.push((name.to_owned(), value)),
            (_, Some(_)) => self.compile.push((name.to_owned(), value)),
        }
        Ok(())
    }
}

/// Whether init's option of this name takes no value.
fn is_flag(name: &str) -> bool {
    let same = |option: &&contract::OptionSpec| option.name.strip_prefix("--") == Some(name);
    OPTIONS.iter().find(same).is_some_and(|option| option.value.is_none())
}

/// Parses the options of both steps as init will, before anything starts.
pub(super) fn check(request: &ExecRequest) -> Result<(), Error> {
    check_step(&request.compile, "--compile-")?;
    check_step(&request.run, "--")
}

fn check_step(options: &[StepOption], prefix: &str) -> Result<(), Error> {
    let mut args: Vec<OsString> = ["--root", "/"].map(OsString::from).into();
    args.extend(options.iter().flat_map(to_init_args));
    args.extend(["--", "/"].map(OsString::from));
    let mut pointers = vec![std::ptr::null(); args.len() + 1];
    let mut line: Vec<u8> = args.into_iter().flat_map(|arg| [arg.into_vec(), vec![0]].concat()).collect();
    let args = Args::terminated(&mut line, &mut pointers).expect("every argument ends, and has its place");
    let Err(error) = contract::parse(args) else { return Ok(()) };
    let mut room = [0; LONGEST_LINE];
    let mut text = Text::new(&mut room);
    error.render(&mut text);
    let text = String::from_utf8_lossy(text.as_bytes());
    let what = text.trim_start_matches("init: ").replace("`--", &format!("`{prefix}"));
    Err(Error::usage(
        what,
        "`capsule exec --help` lists the options; `--compile-OPTION` is for the compile step",
    ))
}

/// An option as init reads it.
pub(super) fn to_init_args((name, value): &StepOption) -> Vec<OsString> {
    let option = OsString::from(format!("--{name}"));
    if is_flag(name) { vec![option] } else { vec![option, value.clone()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    fn refused(text: &str) -> String {
        parse("/b".into(), words(text), Vec::new()).expect_err(text).to_string()
    }

    #[test]
    fn each_step_has_its_options() {
        let exec = parse(
            "/b".into(),
            words("--lang cpp --compile-memory 1G --compile-userns s.cpp --memory 8M --report fd:3"),
            words("a b"),
        );
        let exec = exec.expect("good");
        assert_eq!(exec.compile, [("memory".to_owned(), "1G".into()), ("userns".to_owned(), "".into())]);
        assert_eq!(exec.run, [("memory".to_owned(), "8M".into())]);
        assert_eq!((exec.language.as_deref(), exec.sources), (Some("cpp"), vec!["s.cpp".into()]));
        assert_eq!(exec.report, Some(Destination::Fd(3)));
        assert_eq!(exec.arguments, words("a b"));
    }

    #[test]
    fn files_and_options_may_be_mixed() {
        let exec =
            parse("/b".into(), words("a.py --entry lib/b.py lib --memory 1G"), Vec::new()).expect("good");
        assert_eq!(exec.sources, [PathBuf::from("a.py"), "lib".into()]);
        assert_eq!(exec.entry, Some("lib/b.py".into()));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(refused("--lang cpp").contains("no source file"));
        assert!(refused("a.c --memory").contains("`--memory` needs a value"));
        assert!(refused("a.c --root /").contains("`--root` is not an option of exec"));
        assert!(refused("a.c --compile-cwd /").contains("`--compile-cwd` is not an option of exec"));
        assert!(refused("a.c --compile-tty").contains("`--compile-tty` is not an option of exec"));
        assert!(refused("a.c --report fd:x").contains("fd:x"));
    }
}
