//! Libraries that are opened while a program runs: `.note.dlopen` notes (UAPI.12) and rules for files without notes.

use std::ffi::OsString;

use serde::Deserialize;

use crate::elf::ElfFacts;

/// The lowest priority that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum DlopenLevel {
    /// Nothing.
    None,
    /// `required` only.
    Required,
    /// `required` and `recommended`, and the built-in rules.
    #[default]
    Recommended,
    /// Everything that a note names.
    Suggested,
}

impl DlopenLevel {
    /// All levels, the one that brings least first.
    pub const ALL: [DlopenLevel; 4] =
        [DlopenLevel::None, DlopenLevel::Required, DlopenLevel::Recommended, DlopenLevel::Suggested];

    /// Its name in recipes and on the command line: the note's own word.
    pub fn word(self) -> &'static str {
        match self {
            DlopenLevel::None => "none",
            DlopenLevel::Required => "required",
            DlopenLevel::Recommended => "recommended",
            DlopenLevel::Suggested => "suggested",
        }
    }
}

/// One library, or one of several, that an object may open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Alternatives, the preferred one first; one of them is enough.
    pub sonames: Vec<OsString>,
    /// How much it is wanted.
    pub level: DlopenLevel,
    /// What to call it in a manifest: the note's priority, or the rule's name.
    pub origin: String,
}

/// What a library without a note is known to open.
struct Rule {
    /// The object, by `DT_SONAME`.
    opener: &'static str,
    soname: &'static str,
    /// Why, for the manifest.
    name: &'static str,
}

/// Found by reading the sources: none of these has a note.
const RULES: &[Rule] = &[
    // glibc, misc/unwind-link.c: pthread_exit and pthread_cancel abort the program without it.
    Rule { opener: "libc.so.6", soname: "libgcc_s.so.1", name: "pthread_exit of glibc" },
];

/// Objects that open what a person configured: no rule can name it, and no lint should.
const CONFIGURED: &[&str] = &["libc.so.6", "libdl.so.2", "ld-linux-x86-64.so.2", "ld-linux.so.2"];

/// What an object says it opens, in the order of its notes, then by our rules.
pub fn wishes(facts: &ElfFacts) -> Vec<Wish> {
    let noted = facts.dlopen_notes.iter().flat_map(|json| parse(json));
    let known = RULES.iter().filter(|rule| is_named(facts, rule.opener)).map(|rule| Wish {
        sonames: vec![rule.soname.into()],
        level: DlopenLevel::Recommended,
        origin: rule.name.to_owned(),
    });
    noted.chain(known).collect()
}

/// Whether a note or a rule tells what the object opens.
pub fn is_explained(facts: &ElfFacts) -> bool {
    !facts.dlopen_notes.is_empty() || CONFIGURED.iter().any(|name| is_named(facts, name))
}

fn is_named(facts: &ElfFacts, name: &str) -> bool {
    facts.soname.as_deref().is_some_and(|soname| soname == name)
}

/// One object of a note's array; keys that we do not know are to be ignored.
#[derive(Deserialize)]
struct Entry {
    soname: Vec<String>,
    #[serde(default)]
    priority: Priority,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Priority {
    Required,
    #[default]
    Recommended,
    Suggested,
}

/// Reads a note's text. Damaged notes say nothing: the program runs with them as well.
fn parse(json: &[u8]) -> Vec<Wish> {
    let entries: Vec<Entry> = serde_json::from_slice(json).unwrap_or_default();
    let with_names = entries.into_iter().filter(|entry| !entry.soname.is_empty());
    with_names.map(|entry| wish(entry.soname, entry.priority)).collect()
}

fn wish(sonames: Vec<String>, priority: Priority) -> Wish {
    let (level, origin) = match priority {
        Priority::Required => (DlopenLevel::Required, "required"),
        Priority::Recommended => (DlopenLevel::Recommended, "recommended"),
        Priority::Suggested => (DlopenLevel::Suggested, "suggested"),
    };
    Wish { sonames: sonames.into_iter().map(OsString::from).collect(), level, origin: origin.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_alternatives_and_a_priority() {
        let wishes = parse(
            br#"[{"feature":"a","soname":["libx.so.2","libx.so.1"],"priority":"required"},{"soname":["liby.so"]}]"#,
        );
        let expected = [
            wish(vec!["libx.so.2".into(), "libx.so.1".into()], Priority::Required),
            wish(vec!["liby.so".into()], Priority::Recommended),
        ];
        assert_eq!(wishes, expected);
    }

    #[test]
    fn a_damaged_note_says_nothing() {
        for text in [&b"["[..], b"{}", b"[{\"soname\":1}]", b"[{\"soname\":[]}]", b"\xff", b""] {
            assert_eq!(parse(text), []);
        }
    }
}
