//! The generated scripts: one askama struct for each template, and the escaper that makes shell words.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use askama::Template;

use crate::digest::Sha;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::plan::{Entry, Kind, Plan, Source};
use crate::write::FileDigests;

/// `build.sh`: the plan as commands that a person can read and run.
pub fn build_script(plan: &Plan, digests: &FileDigests, sysroot: &Path) -> Result<String, Error> {
    let sysroot = utf8(sysroot)?;
    let sources = plan.files().filter_map(|(path, _, source)| {
        let original = source.original(&digests[path]);
        Some(source_line(original.sha.as_str(), source)?.map_err(unfit(source)))
    });
    let steps = plan.entries().filter(|(path, _)| !path.is_root()).map(|(path, entry)| step(path, entry));
    let script = BuildScript {
        sysroot,
        sources: sources.collect::<Result<_, _>>()?,
        steps: steps.collect::<Result<_, _>>()?,
    };
    script.render().map_err(|e| Error::Render { template: "build.sh", what: e.to_string() })
}

/// `run.sh`: starts init on the bundle that it lies in.
pub fn run_script(limits: &BTreeMap<String, String>, digest: &Sha) -> Result<String, Error> {
    RunScript { limits, digest: digest.as_str() }
        .render()
        .map_err(|e| Error::Render { template: "run.sh", what: e.to_string() })
}

/// `install.sh`: puts the bundle that it lies in at its place on a host.
pub fn install_script() -> Result<String, Error> {
    InstallScript.render().map_err(|e| Error::Render { template: "install.sh", what: e.to_string() })
}

#[derive(Template)]
#[template(path = "install.sh")]
struct InstallScript;

#[derive(Template)]
#[template(path = "build.sh")]
struct BuildScript<'a> {
    sysroot: &'a str,
    sources: Vec<String>,
    steps: Vec<Step<'a>>,
}

#[derive(Template)]
#[template(path = "run.sh")]
struct RunScript<'a> {
    limits: &'a BTreeMap<String, String>,
    digest: &'a str,
}

/// One entry as commands. Paths start with `./`, so that none can be taken for an option.
enum Step<'a> {
    Directory { path: String, mode: String, why: String },
    Copy { from: &'a str, patch: Option<(u64, String)>, path: String, mode: String, why: String },
    CopyOwn { from: &'a str, path: String, mode: String, why: String },
    Write { content: &'a str, path: String, mode: String, why: String },
    WriteBytes { octal: String, path: String, mode: String, why: String },
    Link { target: &'a str, path: String, why: String },
}

fn step<'a>(path: &ImagePath, entry: &'a Entry) -> Result<Step<'a>, Error> {
    let mode = format!("{:04o}", entry.mode);
    let why = entry.causes[0].to_string();
    let place = format!("./{}", path.relative());
    Ok(match &entry.kind {
        Kind::Directory => Step::Directory { path: place, mode, why },
        Kind::Symlink(target) => Step::Link { target, path: place, why },
        Kind::File(Source::Host { origin, patch, .. }) => {
            let patch = patch.as_ref().map(|patch| (patch.offset, octal(patch.bytes)));
            Step::Copy { from: origin.as_str(), patch, path: place, mode, why }
        }
        Kind::File(Source::Own { path: from, .. }) => {
            Step::CopyOwn { from: utf8(from)?, path: place, mode, why }
        }
        Kind::File(Source::Inline(bytes)) => match text(bytes) {
            Some(content) => Step::Write { content, path: place, mode, why },
            None => Step::WriteBytes { octal: octal(bytes), path: place, mode, why },
        },
    })
}

/// A line for `sha256sum --check`; its format escapes a backslash and marks the line with one.
fn source_line(sha: &str, source: &Source) -> Option<Result<String, ()>> {
    let name = match source {
        Source::Host { origin, .. } => origin.relative(),
        Source::Own { path, .. } => match path.to_str().filter(|path| !path.contains('\n')) {
            Some(path) => path,
            None => return Some(Err(())),
        },
        Source::Inline(_) => return None,
    };
    let line = if name.contains('\\') {
        format!("\\{sha}  {}", name.replace('\\', "\\\\"))
    } else {
        format!("{sha}  {name}")
    };
    Some(Ok(line))
}

fn unfit(source: &Source) -> impl FnOnce(()) -> Error + use<> {
    let path = source.file().unwrap_or(Path::new("")).to_path_buf();
    move |()| Error::Unfit { path, unfit: crate::image_path::Unfit::Control }
}

fn utf8(path: &Path) -> Result<&str, Error> {
    path.to_str()
        .ok_or_else(|| Error::Unfit { path: path.to_path_buf(), unfit: crate::image_path::Unfit::NotText })
}

/// What a word of the shell can hold.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// What `printf %b` makes the bytes of (XCU printf, `\0` and up to three octal digits).
fn octal(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        letter if letter.is_ascii_alphabetic() => char::from(*letter).to_string(),
        other => format!("\\0{other:03o}"),
    };
    bytes.iter().map(one).collect()
}

/// Makes one word of the POSIX shell of any text without NUL (XCU 2.2.2).
#[derive(Debug, Clone, Copy)]
pub struct ShellWord;

impl askama::filters::Escaper for ShellWord {
    fn write_escaped_str<W: fmt::Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+,-".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            return dest.write_str(text);
        }
        // Inside single quotes everything is itself but the single quote.
        write!(dest, "'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use askama::filters::Escaper;
    use proptest::prelude::*;

    fn word(text: &str) -> String {
        let mut word = String::new();
        ShellWord.write_escaped_str(&mut word, text).expect("written");
        word
    }

    #[test]
    fn plain_words_stay_readable() {
        assert_eq!(word("/usr/lib/x86_64-linux-gnu/libc.so.6"), "/usr/lib/x86_64-linux-gnu/libc.so.6");
        assert_eq!(word(""), "''");
        assert_eq!(word("it's $HOME"), "'it'\\''s $HOME'");
    }

    #[test]
    fn the_shell_makes_any_bytes_of_octal_numbers() {
        let all: Vec<u8> = (0..=255).chain(*b"07/.x").collect();
        let script = format!("printf %b {}", word(&octal(&all)));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("sh runs");
        assert_eq!(output.stdout, all);
        assert_eq!((text(b"a\0b"), text(b"\xff"), text(b"a b")), (None, None, Some("a b")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_shell_reads_back_what_was_written(text in "[^\0]{0,40}") {
            let script = format!("printf %s {}", word(&text));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("sh runs");
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }
}
