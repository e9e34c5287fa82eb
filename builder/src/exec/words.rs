//! The words of `capsule exec` behind the bundle: our own options, init's, and the source. Pure.
//!
//! `--memory 128M` is init's option for the run step, `--compile-memory 1G` the same for the compile step.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use init::sys::Args;
use init::text::Text;

use super::{Destination, Exec};
use crate::error::Error;

/// Options of init without a value; the first is for the run step only.
const FLAGS: [&str; 2] = [TTY, "userns"];
const TTY: &str = "tty";

/// As much of what is wrong is said.
const LONGEST_LINE: usize = 512;

/// Options of init that exec gives itself.
const OURS: [&str; 3] = ["root", "rootfs-digest", "cwd"];

/// Reads `words`; `arguments` stood behind `--`.
pub fn parse(bundle: PathBuf, words: Vec<OsString>, arguments: Vec<OsString>) -> Result<Exec, Error> {
    let (mut language, mut source, mut report) = (None, None, None);
    let (mut compile, mut run) = (Vec::new(), Vec::new());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let Some(option) = word.to_str().and_then(|word| word.strip_prefix("--")) else {
            if source.replace(PathBuf::from(&word)).is_some() {
                return Err(usage(format!("`{}` is a second source file", word.display()), "one at a time"));
            }
            continue;
        };
        let for_compile = option.strip_prefix("compile-");
        let (name, list) = match for_compile {
            Some(name) => (name, &mut compile),
            None => (option, &mut run),
        };
        if FLAGS.contains(&name) && (name != TTY || for_compile.is_none()) {
            list.push((name.to_owned(), OsString::new()));
            continue;
        }
        if OURS.contains(&name) || (for_compile.is_some() && [TTY, "report", "lang"].contains(&name)) {
            return Err(usage(format!("`--{option}` is not for exec"), "exec decides that itself"));
        }
        let value =
            words.next().ok_or_else(|| usage(format!("`--{option}` needs a value"), "put it behind"))?;
        match name {
            "lang" => language = Some(value.to_string_lossy().into_owned()),
            "report" => report = Some(Destination::parse(&value)?),
            _ => list.push((name.to_owned(), value)),
        }
    }
    let source = source.ok_or_else(|| {
        usage("no source file".to_owned(), "as in `capsule exec BUNDLE --lang cpp sol.cpp < input`")
    })?;
    // init is started from here: a bundle named without a slash must not be looked up on PATH.
    let bundle = std::path::absolute(&bundle).map_err(|error| Error::read(&bundle, error))?;
    Ok(Exec { bundle, language, source, compile, run, report, arguments })
}

/// Holds init's own reading against the options of both steps, before anything starts.
pub fn check(request: &Exec) -> Result<(), Error> {
    check_step(&request.compile, "--compile-")?;
    check_step(&request.run, "--")
}

fn check_step(options: &[(String, OsString)], prefix: &str) -> Result<(), Error> {
    let mut words: Vec<OsString> = ["--root", "/"].map(OsString::from).into();
    words.extend(options.iter().flat_map(init_words));
    words.extend(["--", "/"].map(OsString::from));
    let mut pointers = vec![std::ptr::null(); words.len() + 1];
    let mut line: Vec<u8> = words.into_iter().flat_map(|word| [word.into_vec(), vec![0]].concat()).collect();
    let words = Args::terminated(&mut line, &mut pointers).expect("every word ends, and has its place");
    let Err(mistake) = init::options::parse(words) else { return Ok(()) };
    let mut room = [0; LONGEST_LINE];
    let mut text = Text::new(&mut room);
    mistake.render(&mut text);
    let said = String::from_utf8_lossy(text.as_bytes());
    let what = said.trim_start_matches("init: ").replacen("`--", &format!("`{prefix}"), 1);
    Err(usage(what, "options are those of `capsule run`; `--compile-OPTION` is for the compile step"))
}

/// An option as init reads it.
pub(super) fn init_words((name, value): &(String, OsString)) -> Vec<OsString> {
    let option = OsString::from(format!("--{name}"));
    if FLAGS.contains(&name.as_str()) { vec![option] } else { vec![option, value.clone()] }
}

pub(super) fn usage(what: String, hint: &'static str) -> Error {
    Error::sandbox(Error::Usage { what, hint })
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
        assert_eq!((exec.language.as_deref(), exec.source), (Some("cpp"), "s.cpp".into()));
        assert_eq!(exec.report, Some(Destination::Fd(3)));
        assert_eq!(exec.arguments, words("a b"));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(refused("--lang cpp").contains("no source file"));
        assert!(refused("a.c b.c").contains("`b.c` is a second source file"));
        assert!(refused("a.c --memory").contains("`--memory` needs a value"));
        assert!(refused("a.c --root /").contains("`--root` is not for exec"));
        assert!(refused("a.c --compile-tty").contains("`--compile-tty` is not for exec"));
        assert!(refused("a.c --report fd:x").contains("fd:x"));
    }
}
