//! An installed Debian package, as manifest and bill of materials have it.

use serde::{Deserialize, Serialize};

/// An installed Debian package (deb-control(5)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// The name, without architecture.
    pub name: String,
    /// The complete version: `epoch:upstream-revision` (deb-version(7)).
    pub version: String,
    /// `amd64`, `all`, …
    pub architecture: String,
    /// The source package it was built from, where its name or version is another one (deb-control(5), `Source`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<SourcePackage>,
}

/// A Debian source package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourcePackage {
    /// The name.
    pub name: String,
    /// The version; that of the package by default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
}

/// The distribution that the packages come from (os-release(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// `ID`: `debian`.
    pub id: String,
    /// `VERSION_ID`: `12`; absent in one that is not released yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
}

impl SourcePackage {
    /// Parses the field `Source`: a name, or `name (version)`.
    pub fn parse(field: &str) -> SourcePackage {
        match field.split_once(" (").and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?))) {
            Some((name, version)) => {
                SourcePackage { name: name.to_owned(), version: Some(version.to_owned()) }
            }
            None => SourcePackage { name: field.to_owned(), version: None },
        }
    }
}

impl Distribution {
    /// Parses os-release(5); `None` without an `ID`.
    pub fn parse(os_release: &str) -> Option<Distribution> {
        let value = |key: &str| {
            let mut lines = os_release.lines().filter_map(|line| line.trim().split_once('='));
            // A later assignment wins, as in the shell that the file is written for.
            let last = lines.rfind(|(name, _)| *name == key)?.1;
            let value = last.trim_matches(['"', '\'']);
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
            (!value.is_empty() && value.chars().all(is_plain)).then(|| value.to_owned())
        };
        Some(Distribution { id: value("ID")?, version: value("VERSION_ID") })
    }
}

impl Package {
    /// `name:architecture`: two architectures of a package can be installed at the same time.
    pub fn id(&self) -> String {
        format!("{}:{}", self.name, self.architecture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_a_version_where_it_is_another_one() {
        let source = |name: &str, version: Option<&str>| SourcePackage {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        };
        assert_eq!(SourcePackage::parse("glibc"), source("glibc", None));
        assert_eq!(SourcePackage::parse("gcc-12 (12.2.0-14)"), source("gcc-12", Some("12.2.0-14")));
    }

    #[test]
    fn a_distribution_is_read_as_a_shell_reads_it() {
        let read = |text| Distribution::parse(text).map(|one| (one.id, one.version));
        let debian = Some(("debian".to_owned(), Some("12".to_owned())));
        assert_eq!(read("ID=other\nNAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n"), debian);
        assert_eq!(read("ID='sid'\n"), Some(("sid".to_owned(), None)));
        assert_eq!((read("NAME=x\n"), read("ID=$(x)\n")), (None, None));
    }
}
