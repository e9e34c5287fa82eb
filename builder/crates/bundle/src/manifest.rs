//! `manifest.json`: every path of the image with its digest, origin, package and provenance, sorted.
//!
//! The bytes depend on the image only: no clock, no user and no directory of the build is in them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use recipe::image_path::ImagePath;
use recipe::language::Language;
use serde::{Deserialize, Serialize};

use crate::bounded::{self, LARGEST_LIST};
use crate::digest::Sha;
use crate::error::Error;
use crate::layout;
use crate::package::{Distribution, Package};
use crate::provenance::{Provenance, ProvenanceKind};

/// The version of the format.
const VERSION: u32 = 1;

/// `manifest.json` of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// 1.
    pub version: u32,
    /// The modification time of every entry, in seconds since 1970.
    pub time: u32,
    /// The machine that the image is for, by our name: `x86-64`. Manifests without it are for x86-64.
    #[serde(default = "first_architecture")]
    pub architecture: String,
    /// SHA-256 of the bundle's init; absent in a bundle for a machine that capsule has no init for.
    #[serde(default)]
    pub init: Option<Sha>,
    /// Defaults for options of `init run`: `memory` and `64M`.
    pub limits: BTreeMap<String, String>,
    /// How submissions are compiled and run, by the name of the language.
    #[serde(default)]
    pub languages: BTreeMap<String, Language>,
    /// The distribution that the packages are of, if the tree says so.
    #[serde(default)]
    pub distribution: Option<Distribution>,
    /// The packages that own files of the image.
    pub packages: Vec<Package>,
    /// Every path of the image, sorted by its bytes.
    pub entries: Vec<Record>,
}

/// One path of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The path in the image.
    pub path: ImagePath,
    /// Permission bits as four octal digits, such as `0755`. Owner and group are always root.
    pub mode: String,
    /// The type of the entry.
    #[serde(flatten)]
    pub kind: RecordKind,
    /// The package that owns it on the build host, as `name:architecture`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub package: Option<String>,
    /// Why it is in the image. Never empty; the first reason added it.
    pub why: Vec<Provenance>,
}

/// The types of entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum RecordKind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Length in bytes.
        size: u64,
        /// SHA-256 of the content.
        sha256: Sha,
        /// The path in the sysroot; absent if the content is from capsule or the recipe.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        origin: Option<String>,
    },
    /// A symbolic link.
    Symlink {
        /// The target as the link has it.
        target: String,
    },
}

impl Manifest {
    /// A manifest of `entries`, which are sorted by path, and of the packages that own some of them.
    pub fn new(settings: Settings, packages: Vec<Package>, entries: Vec<Record>) -> Manifest {
        let Settings { time, architecture, init, limits, languages, distribution } = settings;
        let version = VERSION;
        Manifest { version, time, architecture, init, limits, languages, distribution, packages, entries }
    }

    /// Reads the manifest of a bundle.
    ///
    /// # Errors
    /// The directory has no manifest, or one that cannot be read, is not valid or has another version.
    pub fn load(bundle: &Path) -> Result<Manifest, Error> {
        let (path, bytes) = read(bundle)?;
        Manifest::parse(&bytes, &path)
    }

    /// Parses a manifest; errors name `path`.
    ///
    /// # Errors
    /// The manifest is not valid or has another version.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Manifest, Error> {
        let invalid = |what: String| Error::Manifest { path: path.to_path_buf(), what };
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| invalid(e.to_string()))?;
        if manifest.version != VERSION {
            return Err(invalid(format!("its version is {}, not {VERSION}", manifest.version)));
        }
        Ok(manifest)
    }

    /// The text of the file: one line for each package and entry, so that diff(1) can compare two manifests.
    ///
    /// # Errors
    /// Not expected: JSON can represent every value.
    pub fn to_json(&self) -> Result<String, Error> {
        let languages =
            self.languages.iter().map(|(name, language)| Ok(format!("{}: {}", json(name)?, json(language)?)));
        let languages = languages.collect::<Result<Vec<_>, Error>>()?;
        Ok(format!(
            "{{\n\"version\": {},\n\"time\": {},\n\"architecture\": {},\n\"init\": {},\n\"limits\": {},\n\"languages\": {{{}}},\n\"distribution\": {},\n\"packages\": {},\n\"entries\": {}\n}}\n",
            self.version,
            self.time,
            json(&self.architecture)?,
            json(&self.init)?,
            json(&self.limits)?,
            languages.join(",\n"),
            json(&self.distribution)?,
            lines(&self.packages)?,
            lines(&self.entries)?,
        ))
    }

    /// The record of `path`, if the image has it.
    pub fn get(&self, path: &ImagePath) -> Option<&Record> {
        self.entries.binary_search_by(|record| record.path.cmp(path)).ok().map(|at| &self.entries[at])
    }

    /// The programs of the recipe's `binaries`, sorted by path.
    pub fn requested(&self) -> impl Iterator<Item = &Record> {
        self.entries
            .iter()
            .filter(|record| record.why.iter().any(|provenance| provenance.kind == ProvenanceKind::Requested))
    }
}

/// The part of a manifest that a run needs, without packages and entries.
#[derive(Debug, Deserialize)]
pub struct Head {
    version: u32,
    /// The machine that the image is for.
    #[serde(default = "first_architecture")]
    pub architecture: String,
    /// SHA-256 of the bundle's init, if it has one.
    #[serde(default)]
    pub init: Option<Sha>,
    /// Defaults for options of `init run`: `memory` and `64M`.
    pub limits: BTreeMap<String, String>,
    /// How submissions are compiled and run, by the name of the language.
    #[serde(default)]
    pub languages: BTreeMap<String, Language>,
}

impl Head {
    /// Reads the head of a bundle that is to be run.
    ///
    /// # Errors
    /// As [`Manifest::load`], or the bundle has no runner.
    pub fn load_to_run(bundle: &Path) -> Result<Head, Error> {
        let head = Head::load(bundle)?;
        if head.init.is_none() && !bundle.join(layout::INIT).exists() {
            return Err(Error::NoRunner { path: bundle.to_path_buf(), architecture: head.architecture });
        }
        Ok(head)
    }

    /// Reads the head of a bundle's manifest, and little more of the file.
    ///
    /// # Errors
    /// As [`Manifest::load`].
    pub fn load(bundle: &Path) -> Result<Head, Error> {
        let (path, file) = open(bundle)?;
        Head::read(file, &path)
    }

    /// Reads the head from the start of a manifest; errors name `path`.
    ///
    /// # Errors
    /// The manifest cannot be read, is not valid or has another version.
    pub fn read(file: impl Read, path: &Path) -> Result<Head, Error> {
        let bytes = head_bytes(file.take(LARGEST_LIST)).map_err(|error| Error::read(path, error))?;
        let invalid = |what: String| Error::Manifest { path: path.to_path_buf(), what };
        let head: Head = serde_json::from_slice(&bytes).map_err(|e| invalid(e.to_string()))?;
        if head.version != VERSION {
            return Err(invalid(format!("its version is {}, not {VERSION}", head.version)));
        }
        Ok(head)
    }
}

/// The first line after the head in a manifest that [`Manifest::to_json`] wrote. A JSON string contains no newline (RFC
/// 8259, section 7), so no value of the head can start a line.
const AFTER_HEAD: &[u8] = b"\"packages\": [";

/// The head as a JSON object of its own; all of a manifest that has another layout.
fn head_bytes(file: impl Read) -> io::Result<Vec<u8>> {
    let mut file = BufReader::with_capacity(32 << 10, file);
    let mut bytes = Vec::new();
    loop {
        let start = bytes.len();
        if file.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(bytes);
        }
        if let (Some(head), true) =
            (bytes[..start].strip_suffix(b",\n"), bytes[start..].starts_with(AFTER_HEAD))
        {
            return Ok([head, b"}"].concat());
        }
    }
}

/// SHA-256 of a bundle's manifest, by which a report identifies the image.
///
/// # Errors
/// The directory has no manifest, or it cannot be read.
pub fn digest(bundle: &Path) -> Result<Sha, Error> {
    Ok(Sha::of(&read(bundle)?.1))
}

/// The manifest's path and bytes.
fn read(bundle: &Path) -> Result<(PathBuf, Vec<u8>), Error> {
    let (path, file) = open(bundle)?;
    let bytes = bounded::read_open(file, LARGEST_LIST).map_err(|error| Error::read(&path, error))?;
    Ok((path, bytes))
}

fn open(bundle: &Path) -> Result<(PathBuf, File), Error> {
    let path = bundle.join(FILE_NAME);
    match File::open(&path) {
        Ok(file) => Ok((path, file)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(Error::NotABundle { path: bundle.to_path_buf(), missing: FILE_NAME })
        }
        Err(error) => Err(Error::read(&path, error)),
    }
}

/// The name of the file in a bundle.
pub const FILE_NAME: &str = "manifest.json";

/// The values of a manifest besides packages and entries.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The modification time of every entry, in seconds since 1970.
    pub time: u32,
    /// The machine that the image is for.
    pub architecture: String,
    /// SHA-256 of the bundle's init, if it has one.
    pub init: Option<Sha>,
    /// Defaults for options of `init run`: `memory` and `64M`.
    pub limits: BTreeMap<String, String>,
    /// How submissions are compiled and run.
    pub languages: BTreeMap<String, Language>,
    /// The distribution that the packages are of.
    pub distribution: Option<Distribution>,
}

impl Record {
    /// The length of a regular file in bytes; 0 for other types.
    pub fn size(&self) -> u64 {
        match &self.kind {
            RecordKind::File { size, .. } => *size,
            _ => 0,
        }
    }
}

/// The only machine that there was when manifests did not name one.
fn first_architecture() -> String {
    "x86-64".to_owned()
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|e| Error::Manifest { path: PathBuf::from(FILE_NAME), what: e.to_string() })
}

/// A JSON array with one line for each item.
fn lines(items: &[impl Serialize]) -> Result<String, Error> {
    if items.is_empty() {
        return Ok("[]".to_owned());
    }
    let items = items.iter().map(json).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("[\n{}\n]", items.join(",\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAID_OUT: &str = "{\n\"version\": 1,\n\"limits\": {\"memory\":\"1M\"},\n\"languages\": {\"b\": {},\n\"packages\": {}},\n";

    #[test]
    fn only_the_head_of_a_manifest_is_read() {
        // The rest is not JSON: it is not read.
        let text = format!("{LAID_OUT}\"packages\": [\n{}", "x".repeat(100_000));
        let head = String::from_utf8(head_bytes(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(head, format!("{}}}", LAID_OUT.strip_suffix(",\n").unwrap()));
        assert!(serde_json::from_str::<serde_json::Value>(&head).is_ok());
    }

    #[test]
    fn a_manifest_with_another_layout_is_read_completely() {
        let text = format!("{}\"packages\":[]}}", LAID_OUT.replace('\n', ""));
        assert_eq!(head_bytes(text.as_bytes()).unwrap(), text.as_bytes());
    }
}
