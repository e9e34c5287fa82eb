//! Compilers and libraries that are not from packages of the build host: `[toolchain]`.

use std::fmt;
use std::path::PathBuf;

use crate::image_path::ImagePath;

/// A directory of the build host that an image gets at a place of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The directory. `capsule pack fetch` makes it if the toolchain has packages.
    pub directory: ImagePath,
    /// Its path in the image.
    pub to: ImagePath,
    /// What it is made of; empty for a directory that the user brings.
    pub packages: Vec<Package>,
    /// The version of Python that packages of PyPI are for, such as `3.11`; by default that of the `pip` that is called.
    pub python: Option<String>,
    /// The file with the digests: next to the pack, with its name and the ending `.lock`.
    pub lock: PathBuf,
}

/// A package of a registry, or an archive. A version that is not given is whichever is newest when the lock is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Package {
    /// `pypi:NAME` or `pypi:NAME==VERSION`: the text after the colon is a requirement as pip takes it.
    Pypi(String),
    /// `npm:NAME` or `npm:NAME@VERSION`: the text after the colon is as npm takes it.
    Npm(String),
    /// `https://…` or `http://…`.
    Url(String),
    /// `file:/PATH`: an archive of the build host.
    File(PathBuf),
}

impl Package {
    /// Parses one element of `fetch`.
    pub fn parse(text: &str) -> Option<Package> {
        let name = |name: &str| {
            // An argument that starts with a dash would be an option of pip or npm.
            let is_name = !name.is_empty() && !name.starts_with('-');
            let is_plain = !name.contains(|c: char| c.is_whitespace() || c.is_control());
            (is_name && is_plain).then(|| name.to_owned())
        };
        if text.starts_with("https://") || text.starts_with("http://") {
            return Some(Package::Url(name(text)?));
        }
        match text.split_once(':')? {
            ("pypi", rest) => Some(Package::Pypi(name(rest)?)),
            ("npm", rest) if is_npm(rest) => Some(Package::Npm(name(rest)?)),
            ("file", rest) if rest.starts_with('/') => Some(Package::File(PathBuf::from(rest))),
            _ => None,
        }
    }
}

/// Whether a text is `[@SCOPE/]NAME[@VERSION]`. npm would take a directory or a repository, too, and the name becomes a path.
fn is_npm(text: &str) -> bool {
    let is_plain = |part: &str, more: &str| {
        let is_known = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c) || more.contains(c);
        !part.is_empty() && !part.starts_with(['.', '-']) && part.chars().all(is_known)
    };
    let (scope, rest) = match text.strip_prefix('@').map(|text| text.split_once('/')) {
        Some(Some((scope, rest))) => (scope, rest),
        Some(None) => return false,
        None => ("none", text),
    };
    let (name, version) = rest.split_once('@').unwrap_or((rest, "none"));
    is_plain(scope, "") && is_plain(name, "") && is_plain(version, "^+*=<>")
}

/// As the recipe has it.
impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Package::Pypi(name) => write!(f, "pypi:{name}"),
            Package::Npm(name) => write!(f, "npm:{name}"),
            Package::Url(url) => f.write_str(url),
            Package::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_printed_as_it_was_written() {
        for text in [
            "pypi:numpy==2.1.0",
            "npm:typescript@5",
            "npm:@types/node",
            "npm:@types/node@^20.1",
            "https://example.org/a.tar.gz",
            "file:/opt/a.zip",
        ] {
            assert_eq!(Package::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_a_client_would_take_for_an_option_is_not_a_package() {
        for text in
            ["numpy", "pypi:", "pypi:--index-url=x", "npm:-g", "npm:a b", "file:a.zip", "ftp://x/a.zip"]
        {
            assert_eq!(Package::parse(text), None, "{text}");
        }
    }

    #[test]
    fn npm_is_asked_for_packages_of_its_registry_alone() {
        for text in [
            "../lib",
            "/srv/tool",
            "user/repo",
            "https://example.org/a.tgz",
            "é",
            "@a",
            "@a/",
            "a@",
            "@a/../b",
        ] {
            assert_eq!(Package::parse(&format!("npm:{text}")), None, "{text}");
        }
    }
}
