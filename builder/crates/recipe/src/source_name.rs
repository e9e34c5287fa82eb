//! What a submission's file is called.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::java_source;

/// The name of the submission's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SourceName {
    /// Always this.
    Fixed(String),
    /// It depends on the text, as Java's does on its public class.
    Rule {
        /// Regular expressions with one group each; the first that matches decides.
        #[serde(rename = "match")]
        patterns: Vec<String>,
        /// The name, with `{1}` for the group.
        name: String,
        /// The name when none matches.
        otherwise: String,
    },
    /// As the language itself says.
    Scanned {
        /// The language's rules.
        scan: Scan,
        /// The name when the text declares nothing.
        otherwise: String,
    },
}

/// A language whose declarations capsule reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scan {
    /// The file has the name of its public type.
    Java,
}

impl Scan {
    /// All of them, for a recipe.
    pub(crate) const ALL: [Scan; 1] = [Scan::Java];

    /// Its name in a recipe.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Scan::Java => "java",
        }
    }
}

impl SourceName {
    /// The name when the text says nothing else.
    pub fn usual(&self) -> &str {
        match self {
            SourceName::Fixed(name)
            | SourceName::Rule { otherwise: name, .. }
            | SourceName::Scanned { otherwise: name, .. } => name,
        }
    }

    /// The name that the text itself asks for.
    pub fn declared(&self, text: &str) -> Option<String> {
        Some(self.of(text)).filter(|name| name != self.usual())
    }

    pub(crate) fn of(&self, text: &str) -> String {
        match self {
            SourceName::Fixed(name) => name.clone(),
            SourceName::Rule { patterns, name, otherwise } => {
                let group = patterns.iter().find_map(|pattern| {
                    let found = Regex::new(pattern).ok()?.captures(text)?;
                    found.get(1).map(|group| group.as_str().to_owned())
                });
                // The group is the submission's own text: only what is a plain name becomes one.
                group
                    .map(|group| name.replace("{1}", &group))
                    .filter(|name| is_plain(name))
                    .unwrap_or_else(|| otherwise.clone())
            }
            SourceName::Scanned { scan: Scan::Java, otherwise } => {
                let declared = java_source::scan(text).file.map(|name| format!("{name}.java"));
                declared.filter(|name| is_plain(name)).unwrap_or_else(|| otherwise.clone())
            }
        }
    }

    /// The class where a program of these texts starts, where the language has such a thing. The first text with one wins.
    pub(crate) fn main<'t>(&self, mut texts: impl Iterator<Item = &'t [u8]>) -> Option<String> {
        match self {
            SourceName::Scanned { scan: Scan::Java, .. } => {
                texts.find_map(|text| java_source::scan(&String::from_utf8_lossy(text)).main)
            }
            _ => None,
        }
    }
}

/// Whether `name` is a plain file name: not a path, not an option, and not hidden.
pub(crate) fn is_plain(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    starts_well && name.len() <= 128 && name.chars().all(|c| c.is_alphanumeric() || "_-.+$".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_the_text_is_a_plain_one_or_none() {
        let rule = SourceName::Rule {
            patterns: vec![r"public\s+class\s+(\S+)".to_owned()],
            name: "{1}.java".to_owned(),
            otherwise: "Main.java".to_owned(),
        };
        assert_eq!(rule.of("public  class Sol {"), "Sol.java");
        assert_eq!(rule.of("class Sol {"), "Main.java");
        assert_eq!(rule.of("public class ../../etc/x"), "Main.java");
        assert_eq!(rule.of("public class -J-agent"), "Main.java");
        assert_eq!(rule.of("public class .hidden"), "Main.java");
    }
}
