//! Patterns for names of data: terminals, locales, time zones, character sets. `*` matches anything, slashes too.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};

/// Longest pattern in bytes; the longest names of data have some forty.
const LONGEST: usize = 256;

/// A name, or a glob that matches names.
#[derive(Debug, Clone)]
pub struct NamePattern {
    text: String,
    glob: GlobMatcher,
}

/// Whether upper and lower case are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They differ: file names.
    Told,
    /// They are the same: names of character sets.
    Ignored,
}

impl NamePattern {
    /// Compiles `text`; the message says what is wrong with it.
    pub fn new(text: &str, case: Case) -> Result<NamePattern, String> {
        let shown = text.escape_debug();
        if text.is_empty() || text.len() > LONGEST || text.contains(char::is_control) {
            return Err(format!("`{shown}` is not a name"));
        }
        if text.starts_with('/') || text.split('/').any(|part| part.is_empty() || part == "." || part == "..")
        {
            return Err(format!("`{shown}` is a path, and a name is wanted"));
        }
        let glob = GlobBuilder::new(text).case_insensitive(case == Case::Ignored).build();
        let glob = glob.map_err(|error| format!("`{shown}` is not a glob: {}", error.kind()))?;
        Ok(NamePattern { text: text.to_owned(), glob: glob.compile_matcher() })
    }

    /// A name or glob that is written in this program.
    pub fn known(text: &str) -> NamePattern {
        NamePattern::new(text, Case::Told).expect("a name")
    }

    /// Whether a name fits.
    pub fn matches(&self, name: &str) -> bool {
        self.glob.is_match(name)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_told_where_names_are_files() {
        assert!(NamePattern::known("xterm*").matches("xterm-256color"));
        assert!(!NamePattern::known("XTERM").matches("xterm"));
        assert!(NamePattern::new("latin1", Case::Ignored).expect("a name").matches("LATIN1"));
    }

    #[test]
    fn what_is_no_name_says_why() {
        for (text, why) in [
            ("", "is not a name"),
            ("a\nb", "is not a name"),
            ("/etc", "is a path"),
            ("a/../b", "is a path"),
            ("[", "is not a glob"),
        ] {
            let message = NamePattern::new(text, Case::Told).expect_err(text);
            assert!(message.contains(why), "{message}");
        }
    }
}
