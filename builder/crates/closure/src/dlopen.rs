//! Libraries that programs open while they run: `.note.dlopen` notes (UAPI.12) and a table for files without notes.

use std::ffi::OsString;

use serde::Deserialize;

use crate::elf::ElfFacts;

/// The lowest priority of the notes that are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum DlopenLevel {
    /// No note.
    None,
    /// `required` only.
    Required,
    /// `required` and `recommended`, and the built-in table.
    #[default]
    Recommended,
    /// Every note.
    Suggested,
}

impl DlopenLevel {
    /// All levels, the one that brings least first.
    pub const ALL: [DlopenLevel; 4] =
        [DlopenLevel::None, DlopenLevel::Required, DlopenLevel::Recommended, DlopenLevel::Suggested];

    /// Its name in recipes and on the command line, which is the note's own.
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
pub struct DlopenNote {
    /// Alternatives, the preferred one first; one of them is enough.
    pub sonames: Vec<OsString>,
    /// Its priority.
    pub level: DlopenLevel,
    /// How a manifest names it: the note's priority, or the name in the built-in table.
    pub origin: String,
}

/// A library that an object without a note opens.
struct KnownDlopen {
    /// The object, by `DT_SONAME`.
    opener: &'static str,
    soname: &'static str,
    /// Why, for the manifest.
    name: &'static str,
}

/// Known from the sources of these objects, which do not have notes.
const KNOWN: &[KnownDlopen] = &[
    // glibc, misc/unwind-link.c: pthread_exit(3) and pthread_cancel(3) abort the program without it.
    KnownDlopen { opener: "libc.so.6", soname: "libgcc_s.so.1", name: "pthread_exit of glibc" },
];

/// Objects that open what the administrator configured (nsswitch.conf, gconv-modules): neither a table nor a lint can
/// know more about it.
const CONFIGURED: &[&str] = &["libc.so.6", "libdl.so.2", "ld-linux-x86-64.so.2", "ld-linux.so.2"];

/// The libraries that an object opens, in the order of its notes, then of the built-in table.
pub fn dlopen_notes(facts: &ElfFacts) -> Vec<DlopenNote> {
    let noted = facts.dlopen_texts.iter().flat_map(|json| parse(json));
    let built_in = KNOWN.iter().filter(|known| is_named(facts, known.opener)).map(|known| DlopenNote {
        sonames: vec![known.soname.into()],
        level: DlopenLevel::Recommended,
        origin: known.name.to_owned(),
    });
    noted.chain(built_in).collect()
}

/// Whether the libraries that an object opens are known, or cannot be known.
pub(crate) fn is_explained(facts: &ElfFacts) -> bool {
    !facts.dlopen_texts.is_empty() || CONFIGURED.iter().any(|name| is_named(facts, name))
}

fn is_named(facts: &ElfFacts, name: &str) -> bool {
    facts.soname.as_deref().is_some_and(|soname| soname == name)
}

/// One object of a note's array; unknown keys are ignored (UAPI.12).
#[derive(Deserialize)]
struct NoteEntry {
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

/// Reads a note's text. A damaged note is ignored: the program runs with it too.
fn parse(json: &[u8]) -> Vec<DlopenNote> {
    let entries: Vec<NoteEntry> = serde_json::from_slice(json).unwrap_or_default();
    let with_names = entries.into_iter().filter(|entry| !entry.soname.is_empty());
    with_names.map(|entry| note(entry.soname, entry.priority)).collect()
}

fn note(sonames: Vec<String>, priority: Priority) -> DlopenNote {
    let (level, origin) = match priority {
        Priority::Required => (DlopenLevel::Required, "required"),
        Priority::Recommended => (DlopenLevel::Recommended, "recommended"),
        Priority::Suggested => (DlopenLevel::Suggested, "suggested"),
    };
    DlopenNote {
        sonames: sonames.into_iter().map(OsString::from).collect(),
        level,
        origin: origin.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_alternatives_and_a_priority() {
        let notes = parse(
            br#"[{"feature":"a","soname":["libx.so.2","libx.so.1"],"priority":"required"},{"soname":["liby.so"]}]"#,
        );
        let expected = [
            note(vec!["libx.so.2".into(), "libx.so.1".into()], Priority::Required),
            note(vec!["liby.so".into()], Priority::Recommended),
        ];
        assert_eq!(notes, expected);
    }

    #[test]
    fn a_damaged_note_is_ignored() {
        for text in [&b"["[..], b"{}", b"[{\"soname\":1}]", b"[{\"soname\":[]}]", b"\xff", b""] {
            assert_eq!(parse(text), []);
        }
    }
}
