//! The generated scripts: one askama struct for each template, and the escaper for shell words.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use askama::Template;
use bundle::digest::{FileDigests, Sha};
use bundle::sums;
use recipe::byte_text;
use recipe::image_path::ImagePath;

use crate::error::Error;
use crate::plan::entry::{Entry, EntryKind, FileSource, Plan};

/// `build.sh`: the plan as commands that a user can read and run. Names are in it as the kernel takes them, so it need not
/// be text.
pub(crate) fn build_script(plan: &Plan, digests: &FileDigests, sysroot: &Path) -> Result<Vec<u8>, Error> {
    let sysroot = &byte_text::from_os(sysroot.as_os_str());
    let sources = plan.files().filter_map(|(path, _, source)| {
        let original = source.original(&digests[path]);
        Some(source_line(original.sha.as_str(), source)?.map_err(unfit(source)))
    });
    let links = plan.hard_links();
    let below_root = plan.archive_order().into_iter().filter(|(path, _)| !path.is_root());
    let entries = below_root.map(|(path, entry)| match links.get(path).filter(|link| link.is_repeated()) {
        Some(link) => EntryCommands::HardLink {
            first: format!("./{}", link.first.relative()),
            path: format!("./{}", path.relative()),
            why: entry.provenance[0].to_string(),
        },
        None => commands(path, entry),
    });
    let script =
        BuildScript { sysroot, sources: sources.collect::<Result<_, _>>()?, entries: entries.collect() };
    let text = script.render().map_err(|e| Error::Render { template: "build.sh", what: e.to_string() })?;
    Ok(byte_text::to_bytes(&text).into_owned())
}

/// `run.sh`: runs a command in the bundle's sandbox.
pub(crate) fn run_script(limits: &BTreeMap<String, String>, digest: &Sha) -> Result<String, Error> {
    RunScript { limits, digest: digest.as_str() }
        .render()
        .map_err(|e| Error::Render { template: "run.sh", what: e.to_string() })
}

/// `install.sh`: installs the bundle on a host.
pub(crate) fn install_script() -> Result<String, Error> {
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
    entries: Vec<EntryCommands<'a>>,
}

#[derive(Template)]
#[template(path = "run.sh")]
struct RunScript<'a> {
    limits: &'a BTreeMap<String, String>,
    digest: &'a str,
}

/// The commands that make one entry. Paths start with `./`, so that none looks like an option.
enum EntryCommands<'a> {
    Directory { path: String, mode: String, why: String },
    Copy { from: &'a str, patch: Option<(u64, String)>, path: String, mode: String, why: String },
    CopyOwn { from: String, path: String, mode: String, why: String },
    Write { content: &'a str, path: String, mode: String, why: String },
    WriteBytes { octal: String, path: String, mode: String, why: String },
    Link { target: &'a str, path: String, why: String },
    HardLink { first: String, path: String, why: String },
}

fn commands<'a>(path: &ImagePath, entry: &'a Entry) -> EntryCommands<'a> {
    let mode = format!("{:04o}", entry.mode);
    let why = entry.provenance[0].to_string();
    let place = format!("./{}", path.relative());
    match &entry.kind {
        EntryKind::Directory => EntryCommands::Directory { path: place, mode, why },
        EntryKind::Symlink(target) => EntryCommands::Link { target, path: place, why },
        EntryKind::File(FileSource::Host { origin, patch, .. }) => {
            let patch = patch.as_ref().map(|patch| (patch.offset, octal(patch.bytes)));
            EntryCommands::Copy { from: origin.as_str(), patch, path: place, mode, why }
        }
        EntryKind::File(FileSource::Recipe { path: from, .. }) => {
            let from = byte_text::from_os(from.as_os_str()).into_owned();
            EntryCommands::CopyOwn { from, path: place, mode, why }
        }
        EntryKind::File(FileSource::Inline(bytes)) => match text(bytes) {
            Some(content) => EntryCommands::Write { content, path: place, mode, why },
            None => EntryCommands::WriteBytes { octal: octal(bytes), path: place, mode, why },
        },
    }
}

/// A line for `sha256sum --check`.
fn source_line(sha: &str, source: &FileSource) -> Option<Result<String, ()>> {
    let name = match source {
        FileSource::Host { origin, .. } => origin.relative().into(),
        FileSource::Recipe { path, .. } => byte_text::from_os(path.as_os_str()),
        FileSource::Inline(_) => return None,
    };
    if name.contains('\n') {
        return Some(Err(()));
    }
    Some(Ok(sums::line(sha, &name)))
}

fn unfit(source: &FileSource) -> impl FnOnce(()) -> Error + use<> {
    let path = source.file().unwrap_or(Path::new("")).to_path_buf();
    move |()| Error::Unfit { path, unfit: recipe::image_path::Unfit::Control }
}

/// The bytes as text, if a shell word can hold them: it cannot hold NUL. A character that stands for a byte in the rest of
/// the script cannot stand for itself.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0') && !byte_text::has_bytes(text))
}

/// An argument that `printf %b` turns into the bytes: `\0` and three octal digits for each (POSIX, printf utility).
fn octal(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        letter if letter.is_ascii_alphabetic() => char::from(*letter).to_string(),
        other => format!("\\0{other:03o}"),
    };
    bytes.iter().map(one).collect()
}

/// Writes any text without NUL as one word of the POSIX shell (POSIX, Shell Command Language, 2.2.2 Single-Quotes).
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShellWord;

impl askama::filters::Escaper for ShellWord {
    fn write_escaped_str<W: fmt::Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+,-".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            return dest.write_str(text);
        }
        // Between single quotes every character stands for itself, except the single quote.
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
    fn printf_turns_octal_numbers_into_any_bytes() {
        let all: Vec<u8> = (0..=255).chain(*b"07/.x").collect();
        let script = format!("printf %b {}", word(&octal(&all)));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("sh runs");
        assert_eq!(output.stdout, all);
        assert_eq!((text(b"a\0b"), text(b"\xff"), text(b"a b")), (None, None, Some("a b")));
        assert_eq!(text("\u{10FFE9}".as_bytes()), None);
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
