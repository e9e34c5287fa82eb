//! Artifacts of earlier compile steps, by what went into them: the files, their names, the language with its flags, the
//! limits of the step, and the bundle's digest. The same submission again is not compiled again.
//!
//! An entry is written next to its place and renamed. Whoever compiles holds a lock, so that two processes with the same
//! submission compile it once. A submission can write to its own entry only, by what its compile step makes.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use bundle::digest::Sha;
use recipe::language::Language;
use recipe::placeholder::Names;
use serde_json::json;

use super::kept::Kept;
use super::request::StepOption;
use super::submission::Submission;
use crate::error::Error;

/// All entries of a directory together; the oldest ones are removed above it.
const MOST_BYTES: u64 = 1 << 30;
/// A process that holds a lock for longer than any compile step is stopped, or its host is: then this one compiles, too.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// How often a lock is tried.
const PERIOD: Duration = Duration::from_millis(10);
/// What a process that was killed has not renamed is removed after this time.
const UNFINISHED: Duration = Duration::from_secs(3600);
const ENTRY: &str = ".artifact";
const NEW: &str = ".new-";

/// A directory of artifacts.
#[derive(Debug)]
pub struct ArtifactCache {
    place: PathBuf,
    most: u64,
    /// Whether each owner of submissions has a directory of its own: the time of a compile step then tells nobody what
    /// another one has compiled.
    is_apart: bool,
}

/// The right to make one entry.
pub(super) struct Claim<'a> {
    cache: &'a ArtifactCache,
    /// The owner's directory, or that of all.
    place: PathBuf,
    entry: PathBuf,
    /// Given back when this ends.
    _lock: Option<File>,
}

impl ArtifactCache {
    /// Opens a directory, and makes it if it is not there.
    ///
    /// # Errors
    /// It cannot be made, or other users can write to it: what they put there would be run as a submission's own.
    pub fn open(place: &Path) -> Result<ArtifactCache, Error> {
        let fail = |error| Error::write(place, error);
        DirBuilder::new().recursive(true).mode(0o700).create(place).map_err(fail)?;
        let facts = fs::metadata(place).map_err(fail)?;
        if facts.uid() != rustix::process::geteuid().as_raw() || facts.mode() & 0o022 != 0 {
            let error = io::Error::other("other users can write to it, so it cannot keep artifacts");
            return Err(fail(error));
        }
        Ok(ArtifactCache { place: place.to_path_buf(), most: MOST_BYTES, is_apart: false })
    }

    /// The same for submissions that have owners ([`Submission::of_owner`]): each has so many bytes of its own, and what
    /// has no owner is not kept.
    ///
    /// # Errors
    /// As [`ArtifactCache::open`].
    pub fn open_apart(place: &Path, most: u64) -> Result<ArtifactCache, Error> {
        Ok(ArtifactCache { most, is_apart: true, ..ArtifactCache::open(place)? })
    }

    /// The place of what was compiled under this key. `None` if it is not kept.
    pub(super) fn claim(&self, key: &Sha, owner: Option<&str>) -> Option<Claim<'_>> {
        let place = match (self.is_apart, owner) {
            (false, _) => self.place.clone(),
            (true, None) => return None,
            // An owner's name may be anything, and a directory's not.
            (true, Some(owner)) => self.place.join(&Sha::of(owner.as_bytes()).as_str()[..16]),
        };
        if self.is_apart {
            DirBuilder::new().recursive(true).mode(0o700).create(&place).ok()?;
        }
        let entry = place.join(format!("{}{ENTRY}", key.as_str()));
        Some(Claim { cache: self, place, entry, _lock: None })
    }

    fn lock(path: &Path) -> Option<File> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).ok()?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Some(file),
                Err(TryLockError::WouldBlock) if start.elapsed() < LONGEST_WAIT => thread::sleep(PERIOD),
                Err(_) => return None,
            }
        }
    }

    /// Removes the entries that were used least recently until the rest is small enough, and what is unfinished.
    fn trim(place: &Path, most: u64) {
        let mut entries = Vec::new();
        for entry in fs::read_dir(place).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(facts) = entry.metadata() else { continue };
            let used = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if name.ends_with(ENTRY) {
                entries.push((used, facts.len(), entry.path()));
            } else if name.starts_with(NEW) && used.elapsed().is_ok_and(|age| age > UNFINISHED) {
                let _another_process_may_do_the_same = fs::remove_file(entry.path());
            }
        }
        entries.sort();
        let mut bytes: u64 = entries.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in entries {
            if bytes <= most {
                return;
            }
            let _another_process_may_do_the_same = fs::remove_file(path);
            bytes -= size;
        }
    }
}

impl Claim<'_> {
    /// Has the right to make the entry. A process that makes it just now is waited for.
    pub(super) fn lock(&mut self) {
        let name = self.entry.file_name().unwrap_or_default().to_string_lossy();
        // One of a few files, which are never removed: a lock on a file that is removed excludes nobody.
        self._lock = ArtifactCache::lock(&self.place.join(format!("{}.lock", &name[..2])));
    }

    /// The entry, if there is one and it is whole. It counts as used now. It is renamed to its place, so that to read it needs
    /// no lock.
    pub(super) fn load(&self) -> Option<Kept> {
        let mut file = File::open(&self.entry).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let kept = Kept::parse(&bytes);
        match kept {
            Some(_) => {
                let _only_its_age = file.set_modified(SystemTime::now());
            }
            None => {
                let _compiled_anew_anyway = fs::remove_file(&self.entry);
            }
        }
        kept
    }

    /// Keeps an artifact. A full disk or a directory that was removed is no reason to have no verdict.
    pub(super) fn store(&self, kept: &Kept) {
        let written = (|| {
            let mut file = tempfile::Builder::new().prefix(NEW).tempfile_in(&self.place)?;
            kept.write(&mut file)?;
            file.persist(&self.entry).map_err(|error| error.error)
        })();
        if written.is_ok() {
            ArtifactCache::trim(&self.place, self.cache.most);
        }
    }
}

/// The key of a submission: everything that its artifact depends on.
pub(super) fn key(
    bundle: &Sha,
    language: &Language,
    names: &Names,
    submission: &Submission,
    options: &[StepOption],
) -> Sha {
    let files: Vec<_> = submission
        .files()
        .iter()
        .map(|file| (&file.path, Sha::of(&file.content).as_str().to_owned()))
        .collect();
    let Names { source, units, output, main, flags } = names;
    let options: Vec<_> =
        options.iter().map(|(name, value)| (name, value.as_encoded_bytes().to_vec())).collect();
    let parts = json!({
        "version": 1,
        "bundle": bundle.as_str(),
        "language": language,
        "names": [json!(source), json!(units), json!(output), json!(main), json!(flags)],
        "files": files,
        "options": options,
    });
    Sha::of(parts.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn cache() -> (tempfile::TempDir, ArtifactCache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = ArtifactCache::open(&directory.path().join("new/cache")).unwrap();
        (directory, cache)
    }

    fn kept(text: &str) -> Kept {
        let workspace = tempfile::tempdir().unwrap();
        fs::write(workspace.path().join("main"), text).unwrap();
        Kept::read(workspace.path(), "{}", b"").unwrap()
    }

    #[test]
    fn an_entry_is_found_again_and_a_damaged_one_is_not() {
        let (_directory, cache) = cache();
        let claim = cache.claim(&Sha::of(b"key"), None).unwrap();
        assert_eq!(claim.load(), None);
        claim.store(&kept("program"));
        assert_eq!(claim.load(), Some(kept("program")));
        let mut bytes = fs::read(&claim.entry).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&claim.entry, bytes).unwrap();
        assert_eq!(claim.load(), None);
        assert!(!claim.entry.exists());
    }

    #[test]
    fn one_process_has_a_claim_at_a_time() {
        let (_directory, cache) = cache();
        let mut first = cache.claim(&Sha::of(b"key"), None).unwrap();
        first.lock();
        let path = cache.place.join(format!("{}.lock", &Sha::of(b"key").as_str()[..2]));
        let other = OpenOptions::new().append(true).open(path).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop(first);
        assert!(other.try_lock().is_ok());
    }

    #[test]
    fn the_oldest_entries_are_removed() {
        let (_directory, cache) = cache();
        let keys = [Sha::of(b"1"), Sha::of(b"2"), Sha::of(b"3")];
        for (age, key) in keys.iter().enumerate() {
            let claim = cache.claim(key, None).unwrap();
            claim.store(&kept("program"));
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1000 - age as u64);
            File::options().write(true).open(&claim.entry).unwrap().set_modified(time).unwrap();
        }
        let size = fs::metadata(&cache.claim(&keys[0], None).unwrap().entry).unwrap().len();
        ArtifactCache::trim(&cache.place, 2 * size);
        let left = keys.clone().map(|key| cache.claim(&key, None).unwrap().entry.exists());
        assert_eq!(left, [true, true, false]);
    }

    #[test]
    fn what_one_owner_compiled_is_not_there_for_another() {
        let directory = tempfile::tempdir().unwrap();
        let cache = ArtifactCache::open_apart(&directory.path().join("cache"), 1 << 20).unwrap();
        let key = Sha::of(b"key");
        let of = |owner: &str| cache.claim(&key, Some(owner)).unwrap();
        of("a").store(&kept("program"));
        assert_eq!((of("a").load(), of("b").load()), (Some(kept("program")), None));
        // Another one has no less room than before.
        of("b").store(&kept("program"));
        let small = ArtifactCache { most: 0, ..cache };
        small.claim(&key, Some("a")).unwrap().store(&kept("program"));
        let left = |owner: &str| small.claim(&key, Some(owner)).unwrap().entry.exists();
        assert_eq!((left("a"), left("b")), (false, true));
        assert!(small.claim(&key, None).is_none());
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let said = ArtifactCache::open(directory.path()).unwrap_err().to_string();
        assert!(said.contains("other users can write to it"), "{said}");
    }
}
