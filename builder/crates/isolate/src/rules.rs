//! The rules of `-d`: which directory is shown where.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use crate::misuse::Misuse;

/// What a rule shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outside {
    /// `IN=`: nothing.
    Nothing,
    /// `DIR`: the same path outside.
    Same,
    /// `IN=/OUT`
    Path(PathBuf),
    /// `IN=./OUT`, below the box's directory.
    InBox(PathBuf),
    /// `IN=TYPE:fs`: a fresh file system.
    FileSystem(String),
    /// `DIR:tmp`: a directory of the box's own, with this name below `tmp` there.
    Temporary(OsString),
}

/// The words after a rule's colons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) writable: bool,
    pub(crate) devices: bool,
    pub(crate) no_exec: bool,
    pub(crate) maybe: bool,
    pub(crate) flat: bool,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Relative to the root.
    pub(crate) inside: PathBuf,
    pub(crate) outside: Outside,
    pub(crate) flags: Flags,
    /// Whether it holds without the caller's asking.
    pub(crate) is_default: bool,
}

/// All of them, in the order in which they are mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    with_defaults: bool,
}

/// What every program sees unless the caller says otherwise.
const DEFAULTS: [&str; 9] = [
    "box=./box:rw",
    "bin",
    "dev:dev:norec",
    "dev/shm=tmpfs:fs:rw",
    "lib",
    "lib64:maybe",
    "proc=proc:fs",
    "tmp:tmp",
    "usr",
];

impl Default for Rules {
    fn default() -> Rules {
        let rules = DEFAULTS.iter().filter_map(|text| read(OsStr::new(text)));
        let rules = rules.map(|rule| Rule { is_default: true, ..rule }).collect();
        Rules { rules, with_defaults: true }
    }
}

impl Rules {
    /// Adds a rule; one for the same place inside is replaced, and the new one stands where it stood.
    pub(crate) fn set(&mut self, text: &OsStr) -> Result<(), Misuse> {
        if let Some(word) = unknown_word(text) {
            return Err(Misuse(format!("Unknown directory option {word}")));
        }
        let rule = read(text)
            .ok_or_else(|| Misuse(format!("Invalid directory rule specified: {}", text.to_string_lossy())))?;
        match self.rules.iter_mut().find(|other| other.inside == rule.inside) {
            Some(other) => *other = rule,
            None => self.rules.push(rule),
        }
        Ok(())
    }

    pub(crate) fn without_defaults(&mut self) {
        self.with_defaults = false;
    }

    /// Those that hold.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        let holds = |rule: &&Rule| self.with_defaults || !rule.is_default;
        self.rules.iter().filter(holds).filter(|rule| rule.outside != Outside::Nothing)
    }
}

const FS: &str = "fs";
const TMP: &str = "tmp";

/// The words after the first colon. As in isolate, no path of a rule has a colon in it.
fn words(text: &OsStr) -> impl Iterator<Item = &[u8]> {
    text.as_bytes().split(|byte| *byte == b':').skip(1)
}

fn unknown_word(text: &OsStr) -> Option<String> {
    const KNOWN: [&str; 7] = ["rw", "dev", "noexec", "maybe", FS, TMP, "norec"];
    let unknown = words(text).find(|word| !KNOWN.iter().any(|known| known.as_bytes() == *word));
    unknown.map(|word| String::from_utf8_lossy(word).into_owned())
}

fn read(text: &OsStr) -> Option<Rule> {
    let has = |name: &str| words(text).any(|word| word == name.as_bytes());
    let paths = text.as_bytes().split(|byte| *byte == b':').next().unwrap_or_default();
    let (inside, outside) = match paths.iter().position(|byte| *byte == b'=') {
        Some(at) => (&paths[..at], Some(&paths[at + 1..])),
        None => (paths, None),
    };
    let inside = inside_path(inside)?;
    let mut flags = Flags {
        writable: has("rw"),
        devices: has("dev"),
        no_exec: has("noexec"),
        maybe: has("maybe"),
        flat: has("norec"),
    };
    let outside = match outside {
        _ if has(FS) && has(TMP) => return None,
        Some(name) if has(FS) => {
            let name = std::str::from_utf8(name).ok()?;
            (!name.is_empty() && !name.contains('/')).then(|| Outside::FileSystem(name.to_owned()))?
        }
        None if has(FS) => return None,
        None if has(TMP) => {
            flags.writable = true;
            // Flat, so that nothing is made in a directory that a program could write to in an earlier run.
            let name =
                inside.as_os_str().as_bytes().iter().map(|byte| if *byte == b'/' { b':' } else { *byte });
            Outside::Temporary(OsString::from_vec(name.collect()))
        }
        Some(_) if has(TMP) => return None,
        Some(b"") => Outside::Nothing,
        Some(path) if path.starts_with(b"/") => Outside::Path(OsStr::from_bytes(path).into()),
        Some(path) => Outside::InBox(OsStr::from_bytes(path.strip_prefix(b"./")?).into()),
        None => Outside::Same,
    };
    Some(Rule { inside, outside, flags, is_default: false })
}

/// A path inside, relative to the root, that cannot lead out of it.
fn inside_path(text: &[u8]) -> Option<PathBuf> {
    let path = Path::new(OsStr::from_bytes(text));
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (!inside.as_os_str().is_empty()).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Option<(String, Outside, String)> {
        let Rule { inside, outside, flags, .. } = read(text.as_ref())?;
        let words = [
            (flags.writable, "rw"),
            (flags.devices, "dev"),
            (flags.no_exec, "noexec"),
            (flags.maybe, "maybe"),
            (flags.flat, "norec"),
        ];
        let words: Vec<&str> = words.into_iter().filter(|(set, _)| *set).map(|(_, word)| word).collect();
        Some((inside.display().to_string(), outside, words.join(" ")))
    }

    #[test]
    fn the_forms_of_a_rule() {
        let is = |text: &str, inside: &str, outside, words: &str| {
            assert_eq!(rule(text), Some((inside.to_owned(), outside, words.to_owned())), "{text}");
        };
        is("/etc:noexec", "etc", Outside::Same, "noexec");
        is("/tmp=/a/home:rw", "tmp", Outside::Path("/a/home".into()), "rw");
        is("box=./box:rw", "box", Outside::InBox("box".into()), "rw");
        is("//a/./b=", "a/b", Outside::Nothing, "");
        is("proc=proc:fs", "proc", Outside::FileSystem("proc".into()), "");
        is("/dev/shm:tmp", "dev/shm", Outside::Temporary("dev:shm".into()), "rw");
        is("x=/y:dev:maybe:norec", "x", Outside::Path("/y".into()), "dev maybe norec");
        for wrong in ["", "/", "../a", "a/../b", "a=b", "a=proc", "a:fs", "a=/b:fs", "a=/b:tmp", "a=x:fs:tmp"]
        {
            assert_eq!(rule(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_rule_replaces_one_for_the_same_place_and_keeps_its_position() {
        let mut rules = Rules::default();
        rules.set("/usr=/opt/usr".as_ref()).expect("good");
        rules.set("lib=".as_ref()).expect("good");
        rules.set("more".as_ref()).expect("good");
        let places: Vec<String> = rules.iter().map(|rule| rule.inside.display().to_string()).collect();
        assert_eq!(places, ["box", "bin", "dev", "dev/shm", "lib64", "proc", "tmp", "usr", "more"]);
        rules.without_defaults();
        let places: Vec<String> = rules.iter().map(|rule| rule.inside.display().to_string()).collect();
        assert_eq!(places, ["usr", "more"]);
        assert_eq!(rules.set("a:frob".as_ref()), Err(Misuse("Unknown directory option frob".into())));
    }
}
