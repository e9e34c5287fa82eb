//! The manifest: what was written, with digest, origin, owner and reasons; sorted and byte-stable.
//!
//! It depends on the image's content only: neither the directory, the clock nor the user who built it shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::cause::{Because, Cause};
use crate::digest::Sha;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::language::Language;
use crate::packages::{self, Owners, Package};
use crate::plan::{Entry, Kind, Plan, Source};
use crate::write::FileDigests;

/// The version of this file's layout.
const VERSION: u32 = 1;

/// `manifest.json` of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// 1.
    pub version: u32,
    /// The time of every entry, in seconds since 1970.
    pub time: u32,
    /// SHA-256 of `init`.
    pub init: Sha,
    /// Defaults for init's options.
    pub limits: BTreeMap<String, String>,
    /// How submissions are compiled and run, by the language's name.
    #[serde(default)]
    pub languages: BTreeMap<String, Language>,
    /// The packages that own files of the image.
    pub packages: Vec<Package>,
    /// Every path, sorted by its bytes.
    pub entries: Vec<Record>,
}

/// One path of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where.
    pub path: ImagePath,
    /// Permission bits in octal, such as `0755`; owner and group are always root.
    pub mode: String,
    /// What stands there.
    #[serde(flatten)]
    pub kind: RecordKind,
    /// The package that owns it on the build host, as `name:architecture`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub package: Option<String>,
    /// Why it is there; the first reason brought it in.
    pub why: Vec<Cause>,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum RecordKind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// Of the content.
        sha256: Sha,
        /// Where it came from: a path inside the sysroot, or absent when capsule or the recipe wrote it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        origin: Option<String>,
    },
    /// A symbolic link.
    Symlink {
        /// Its text.
        target: String,
    },
}

impl Manifest {
    /// Of a plan that was written with these digests.
    pub fn new(plan: &Plan, digests: &FileDigests, owners: Option<&Owners>, settings: Settings) -> Manifest {
        let owner = |path: &ImagePath| packages::owner(owners?, path);
        let entries: Vec<Record> = plan
            .entries()
            .map(|(path, entry)| {
                record(path, entry, digests, if comes_from_host(entry) { owner(path) } else { None })
            })
            .collect();
        let packages: BTreeSet<Package> = plan
            .entries()
            .filter(|(_, entry)| comes_from_host(entry))
            .filter_map(|(path, _)| owner(path).cloned())
            .collect();
        let Settings { time, init, limits, languages } = settings;
        let packages = packages.into_iter().collect();
        Manifest { version: VERSION, time, init, limits, languages, packages, entries }
    }

    /// Reads the manifest of a bundle.
    pub fn load(bundle: &Path) -> Result<Manifest, Error> {
        let (path, bytes) = read(bundle)?;
        Manifest::parse(&bytes, &path)
    }

    /// Parses a manifest; `path` is only named in errors.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Manifest, Error> {
        let wrong = |what: String| Error::Manifest { path: path.to_path_buf(), what };
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
        if manifest.version != VERSION {
            return Err(wrong(format!("its version is {}, not {VERSION}", manifest.version)));
        }
        Ok(manifest)
    }

    /// The file's bytes: one line for each entry, so that two manifests can be compared by eye.
    pub fn to_json(&self) -> Result<String, Error> {
        let json = |value: Result<String, serde_json::Error>| {
            value.map_err(|e| Error::Manifest { path: PathBuf::from(FILE_NAME), what: e.to_string() })
        };
        let mut text = format!(
            "{{\n\"version\": {},\n\"time\": {},\n\"init\": \"{}\",\n",
            self.version, self.time, self.init
        );
        text += &format!("\"limits\": {},\n", json(serde_json::to_string(&self.limits))?);
        let languages = self.languages.iter().map(|(name, language)| {
            let language = json(serde_json::to_string(language))?;
            Ok(format!("{}: {language}", json(serde_json::to_string(name))?))
        });
        let languages = languages.collect::<Result<Vec<_>, Error>>()?;
        text += &format!("\"languages\": {{{}}},\n", languages.join(",\n"));
        text += &format!(
            "\"packages\": {},\n",
            lines(
                &self
                    .packages
                    .iter()
                    .map(|p| json(serde_json::to_string(p)))
                    .collect::<Result<Vec<_>, _>>()?
            )
        );
        text += &format!(
            "\"entries\": {}\n}}\n",
            lines(
                &self
                    .entries
                    .iter()
                    .map(|e| json(serde_json::to_string(e)))
                    .collect::<Result<Vec<_>, _>>()?
            )
        );
        Ok(text)
    }

    /// The record of `path`.
    pub fn get(&self, path: &ImagePath) -> Option<&Record> {
        self.entries.binary_search_by(|record| record.path.cmp(path)).ok().map(|at| &self.entries[at])
    }

    /// What a person named: binaries and includes, in the image's order.
    pub fn requested(&self) -> impl Iterator<Item = &Record> {
        self.entries
            .iter()
            .filter(|record| record.why.iter().any(|cause| cause.because == Because::Requested))
    }
}

/// What a run needs of a manifest: what it says of the whole. The entries are many.
#[derive(Debug, Deserialize)]
pub struct Head {
    version: u32,
    /// Defaults for init's options.
    pub limits: BTreeMap<String, String>,
    /// How submissions are compiled and run, by the language's name.
    #[serde(default)]
    pub languages: BTreeMap<String, Language>,
}

impl Head {
    /// Reads it, and little more of the file than that.
    pub fn load(bundle: &Path) -> Result<Head, Error> {
        let (path, file) = open(bundle)?;
        let bytes = beginning(file).map_err(|error| Error::read(&path, error))?;
        let wrong = |what: String| Error::Manifest { path: path.clone(), what };
        let head: Head = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        if head.version != VERSION {
            return Err(wrong(format!("its version is {}, not {VERSION}", head.version)));
        }
        Ok(head)
    }
}

/// What stands behind the head in a manifest that [`Manifest::to_json`] wrote. No string in JSON has a bare line end.
const BEHIND_HEAD: &[u8] = b",\n\"packages\": [";

/// The head as a JSON object of its own; a manifest that was laid out by somebody else, as a whole.
fn beginning(mut file: impl Read) -> io::Result<Vec<u8>> {
    /// Languages take a few hundred bytes each.
    const PART: u64 = 32 << 10;
    let mut bytes = Vec::new();
    while file.by_ref().take(PART).read_to_end(&mut bytes)? > 0 {
        if let Some(end) = memmem::find(&bytes, BEHIND_HEAD) {
            bytes.truncate(end);
            bytes.push(b'}');
            break;
        }
    }
    Ok(bytes)
}

/// SHA-256 of a bundle's manifest: by it a report names the image.
pub fn digest(bundle: &Path) -> Result<Sha, Error> {
    Ok(Sha::of(&read(bundle)?.1))
}

/// The manifest's path and bytes.
fn read(bundle: &Path) -> Result<(PathBuf, Vec<u8>), Error> {
    let (path, mut file) = open(bundle)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| Error::read(&path, error))?;
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

/// The manifest's name in a bundle.
pub const FILE_NAME: &str = "manifest.json";

/// What the manifest says beside the entries.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The time of every entry.
    pub time: u32,
    /// Of the init binary.
    pub init: Sha,
    /// Defaults for init's options.
    pub limits: BTreeMap<String, String>,
    /// How submissions are compiled and run.
    pub languages: BTreeMap<String, Language>,
}

impl Record {
    /// Bytes of a regular file; 0 for anything else.
    pub fn size(&self) -> u64 {
        match &self.kind {
            RecordKind::File { size, .. } => *size,
            _ => 0,
        }
    }
}

fn record(path: &ImagePath, entry: &Entry, digests: &FileDigests, owner: Option<&Package>) -> Record {
    let kind = match &entry.kind {
        Kind::Directory => RecordKind::Directory,
        Kind::Symlink(target) => RecordKind::Symlink { target: target.clone() },
        Kind::File(source) => RecordKind::File {
            size: source.size(),
            sha256: digests[path].sha.clone(),
            origin: origin(source),
        },
    };
    Record {
        path: path.clone(),
        mode: format!("{:04o}", entry.mode),
        kind,
        package: owner.map(Package::id),
        why: entry.causes.clone(),
    }
}

fn origin(source: &Source) -> Option<String> {
    match source {
        Source::Host { origin, .. } => Some(origin.to_string()),
        Source::Own { .. } | Source::Inline(_) => None,
    }
}

/// Files and links are the build host's unless the recipe or the sandbox wrote them.
fn comes_from_host(entry: &Entry) -> bool {
    match &entry.kind {
        Kind::Directory => false,
        Kind::File(source) => matches!(source, Source::Host { .. }),
        Kind::Symlink(_) => !matches!(entry.causes[0].because, Because::Recipe | Because::Sandbox),
    }
}

fn lines(items: &[String]) -> String {
    if items.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", items.join(",\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAID_OUT: &str = "{\n\"version\": 1,\n\"limits\": {\"memory\":\"1M\"},\n\"languages\": {\"b\": {},\n\"packages\": {}},\n";

    #[test]
    fn of_a_manifest_of_ours_only_the_head_is_read() {
        // What follows would be no JSON, and is not looked at.
        let text = format!("{LAID_OUT}\"packages\": [\n{}", "x".repeat(100_000));
        let head = String::from_utf8(beginning(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(head, format!("{}}}", LAID_OUT.strip_suffix(",\n").unwrap()));
        assert!(serde_json::from_str::<serde_json::Value>(&head).is_ok());
    }

    #[test]
    fn a_manifest_that_somebody_laid_out_anew_is_read_as_a_whole() {
        let text = format!("{}\"packages\":[]}}", LAID_OUT.replace('\n', ""));
        assert_eq!(beginning(text.as_bytes()).unwrap(), text.as_bytes());
    }
}
