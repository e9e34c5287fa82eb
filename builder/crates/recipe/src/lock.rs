//! A pack's lock file: which version of each package of a toolchain was brought, with the digests.

use serde::{Deserialize, Serialize};

use crate::toolchain::{Package, Toolchain};

const HEAD: &str = "# `capsule pack fetch` made this file, and compares with it. Keep it next to the pack.\n";

/// What `NAME.lock` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The digest of the directory: every path, with its kind and content.
    pub tree: String,
    /// The version of Python that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// The version of Python for which pip chose, where none was asked for: its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python_of_pip: Option<String>,
    /// What the pack asked for, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetch: Vec<String>,
    /// The files that this brought, in the order in which they are unpacked.
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<LockedFile>,
}

/// One file of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFile {
    /// What brings exactly this file again, as in `fetch`: `pypi:numpy==2.1.0`.
    pub package: String,
    /// The file's name.
    pub name: String,
    /// The digest of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl LockedFile {
    /// Whether its name can be one in the cache, and its package one that is fetched.
    pub fn is_sound(&self) -> bool {
        is_plain(&self.name) && is_digest(&self.sha256) && Package::parse(&self.package).is_some()
    }
}

impl Lock {
    /// Reads the text of a lock file.
    ///
    /// # Errors
    /// What is wrong with it, for a message.
    pub fn parse(text: &str) -> Result<Lock, String> {
        let lock: Lock = toml::from_str(text).map_err(|error| error.message().replace('\n', ", "))?;
        // A name becomes a path of the cache.
        match lock.files.iter().find(|file| !file.is_sound()) {
            Some(file) => Err(format!(
                "`{}` is not the name of a file with a package and a SHA-256",
                file.name.escape_debug()
            )),
            None => Ok(lock),
        }
    }

    /// The text of the file.
    ///
    /// # Panics
    /// Never: strings and lists of them are TOML.
    pub fn text(&self) -> String {
        HEAD.to_owned() + &toml::to_string(self).expect("strings and tables of strings")
    }

    /// Whether it is about what the pack asks for now.
    pub fn fits(&self, toolchain: &Toolchain) -> bool {
        self.python == toolchain.python
            && self.fetch.iter().eq(toolchain
                .packages
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .iter())
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(|c: char| c == '/' || c.is_control())
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let file = LockedFile {
            package: "pypi:a==1".to_owned(),
            name: "a-1-py3-none-any.whl".to_owned(),
            sha256: "0".repeat(64),
        };
        Lock {
            tree: "1".repeat(64),
            python: None,
            python_of_pip: Some("3.11".to_owned()),
            fetch: vec!["pypi:a".to_owned()],
            files: vec![file],
        }
    }

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        assert_eq!(Lock::parse(&lock().text()), Ok(lock()));
        let own = Lock { python_of_pip: None, fetch: Vec::new(), files: Vec::new(), ..lock() };
        assert_eq!(Lock::parse(&own.text()), Ok(own));
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for name in ["../a.whl", ".", "", "/a"] {
            let mut lock = lock();
            name.clone_into(&mut lock.files[0].name);
            assert!(Lock::parse(&lock.text()).is_err(), "{name}");
        }
        let mut lock = lock();
        lock.files[0].sha256.truncate(63);
        assert!(Lock::parse(&lock.text()).is_err());
    }
}
