//! `#!` lines, read as the kernel (fs/binfmt_script.c) and env(1) read them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The first line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shebang {
    /// The interpreter's path.
    pub(crate) interpreter: PathBuf,
    /// The rest of the line, which the kernel passes as one argument.
    pub(crate) argument: Option<OsString>,
}

/// How many interpreters of interpreters the kernel follows; one more is ELOOP (fs/exec.c, `exec_binprm`).
pub(crate) const MAX_NESTING: usize = 5;

/// Reads the `#!` line at the start of `head`; `None` when the kernel would not execute such a file.
///
/// `head` is the first 256 bytes of the file (BINPRM_BUF_SIZE): the kernel reads no more of a line (execve(2)).
pub fn parse(head: &[u8]) -> Option<Shebang> {
    let rest = head.strip_prefix(b"#!")?;
    let line = rest.split(|&b| b == b'\n').next()?;
    let line = trim_blanks(line);
    let end = line.iter().position(|b| is_blank(*b) || *b == 0).unwrap_or(line.len());
    let (interpreter, rest) = line.split_at(end);
    let argument = trim_blanks(rest.split(|&b| b == 0).next().unwrap_or_default());
    (!interpreter.is_empty()).then(|| Shebang {
        interpreter: Path::new(OsStr::from_bytes(interpreter)).to_owned(),
        argument: (!argument.is_empty()).then(|| OsStr::from_bytes(argument).to_owned()),
    })
}

impl Shebang {
    /// The program that env(1) would start, when the interpreter is env: a name to look up on PATH, or a path.
    pub fn env_program(&self) -> Option<OsString> {
        if self.interpreter.file_name() != Some(OsStr::new("env")) {
            return None;
        }
        let argument = self.argument.as_deref()?.as_bytes();
        // The kernel passes one argument, which only -S splits: `env -i python` is an unknown option of env.
        let arguments = match split_string_option(argument) {
            Some(text) => split_arguments(text),
            None => vec![argument.to_vec()],
        };
        program_of(&arguments)
    }
}

/// The text after `-S`, `-vS` or `--split-string=`.
fn split_string_option(argument: &[u8]) -> Option<&[u8]> {
    if let Some(text) = argument.strip_prefix(b"--split-string") {
        return Some(text.strip_prefix(b"=").unwrap_or(text));
    }
    let letters = argument.strip_prefix(b"-")?;
    let at = letters.iter().position(|&b| b == b'S')?;
    letters[..at].iter().all(|b| matches!(b, b'v' | b'i' | b'0')).then(|| &letters[at + 1..])
}

/// The first argument that is neither an option of env(1) nor a `NAME=value`.
fn program_of(arguments: &[Vec<u8>]) -> Option<OsString> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_slice() {
            b"--" => {}
            b"-u" | b"--unset" | b"-C" | b"--chdir" => {
                arguments.next();
            }
            option if option.starts_with(b"-") => {}
            assignment if assignment.contains(&b'=') => {}
            program => return Some(OsStr::from_bytes(program).to_owned()),
        }
    }
    None
}

/// Arguments as `env -S` splits them: blanks, quotes, and a backslash before a character. `#` starts a comment.
fn split_arguments(text: &[u8]) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (Some(open), close) if open == close => quote = None,
            (None, b'\'' | b'"') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (None, b'#') if word.is_none() => break,
            (None, blank) if is_blank(blank) => words.extend(word.take()),
            (_, b'\\') => match (quote, bytes.next()) {
                // `\_` is a blank: a separator outside double quotes.
                (None, Some(b'_')) => words.extend(word.take()),
                (Some(b'"'), Some(b'_')) => word.get_or_insert_default().push(b' '),
                (_, Some(next)) => word.get_or_insert_default().push(next),
                (_, None) => {}
            },
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim_blanks(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !is_blank(*b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !is_blank(*b)).map_or(start, |at| at + 1);
    &bytes[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Shebang {
        parse(text.as_bytes()).unwrap()
    }

    fn env(text: &str) -> Option<String> {
        line(text).env_program().map(|program| program.into_string().unwrap())
    }

    #[test]
    fn the_rest_of_the_line_is_one_argument() {
        let expected = Shebang { interpreter: "/bin/sh".into(), argument: Some("-e -u".into()) };
        assert_eq!(line("#! \t/bin/sh  -e -u \nexit\n"), expected);
        assert_eq!(line("#!/bin/sh").argument, None);
    }

    #[test]
    fn a_line_without_an_interpreter_is_ignored() {
        assert_eq!(parse(b"#!\n/bin/sh"), None);
        assert_eq!(parse(b"#!   "), None);
        assert_eq!(parse(b" #!/bin/sh"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn env_names_its_program() {
        assert_eq!(env("#!/usr/bin/env python3\n").as_deref(), Some("python3"));
        assert_eq!(env("#!/usr/bin/env -S python3 -u\n").as_deref(), Some("python3"));
        assert_eq!(env("#!/usr/bin/env -S -i A=1 -u HOME -- /opt/run x\n").as_deref(), Some("/opt/run"));
        assert_eq!(env("#!/usr/bin/env -vS 'my program' x\n").as_deref(), Some("my program"));
        assert_eq!(env("#!/usr/bin/env --split-string=perl\\_-w\n").as_deref(), Some("perl"));
    }

    #[test]
    fn env_without_a_program_does_not_name_one() {
        assert_eq!(env("#!/usr/bin/env\n"), None);
        assert_eq!(env("#!/usr/bin/env -S A=1\n"), None);
        assert_eq!(line("#!/bin/sh env").env_program(), None);
    }
}
