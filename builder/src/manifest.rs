//! The manifest: what was written, with digest, origin, owner and reasons; sorted and byte-stable.
//!
//! It depends on the image's content only: neither the directory, the clock nor the user who built it shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cause::{Because, Cause};
use crate::digest::Sha;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::language::Language;
use crate::packages::{Owners, Package};
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
        let owner = |path: &ImagePath| owners.and_then(|owners| owners.get(path)).map(|owner| &owner.package);
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
        Manifest::load_with_digest(bundle).map(|(manifest, _)| manifest)
    }

    /// The same, with the file's SHA-256: what a run reports as its `rootfs`.
    pub fn load_with_digest(bundle: &Path) -> Result<(Manifest, Sha), Error> {
        let (path, bytes) = read(bundle)?;
        Manifest::parse(&bytes, &path).map(|manifest| (manifest, Sha::of(&bytes)))
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

/// What a run needs of a manifest: all but the entries, which are many.
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
    /// Reads it, and the SHA-256 of the whole manifest.
    pub fn load(bundle: &Path) -> Result<(Head, Sha), Error> {
        let (path, bytes) = read(bundle)?;
        let wrong = |what: String| Error::Manifest { path: path.clone(), what };
        let head: Head = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        if head.version != VERSION {
            return Err(wrong(format!("its version is {}, not {VERSION}", head.version)));
        }
        Ok((head, Sha::of(&bytes)))
    }
}

/// The manifest's path and bytes.
fn read(bundle: &Path) -> Result<(PathBuf, Vec<u8>), Error> {
    let path = bundle.join(FILE_NAME);
    match fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(e)
            if e.kind() == std::io::ErrorKind::NotFound || e.kind() == std::io::ErrorKind::NotADirectory =>
        {
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
