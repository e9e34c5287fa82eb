//! Problems that tenants have uploaded: archives by the digest of their bytes, and those of them that are ready to judge.
//!
//! A problem never changes. It is read, and its checker compiled, when a submission wants it; a few stay ready.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bundle::FileError;
use bundle::digest::Sha;
use judge::judging::Session;
use tempfile::{NamedTempFile, TempDir};

use crate::error::Error;

/// Problems that stay ready, with their checkers and their unpacked tests.
const MOST_READY: usize = 32;
const ARCHIVE: &str = ".zip";

/// Why a problem is not ready to judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unready {
    /// Something is wrong with it.
    #[error("{0}")]
    Mistake(String),
    /// The sandbox failed, or the service ends: another time it may be ready.
    #[error("{0}")]
    Passing(String),
}

/// The problems of all tenants.
pub(crate) struct Shelf {
    place: PathBuf,
    /// Bytes that a tenant may have here.
    most: u64,
    /// Where nothing is kept: the directory goes with the service.
    _scratch: Option<TempDir>,
    ready: Mutex<Ready>,
    /// The archives that this process was given, in order of arrival. File times would give another order after the clock is
    /// stepped.
    arrivals: Mutex<Vec<PathBuf>>,
    /// Of two archives that come at once, the second one sees the first one's bytes.
    puts: Mutex<()>,
}

#[derive(Default)]
struct Ready {
    slots: BTreeMap<PathBuf, Arc<Mutex<Option<Arc<Session>>>>>,
    /// The one that was used longest ago is first.
    order: VecDeque<PathBuf>,
}

impl Shelf {
    /// In the directory of the store, or in one that goes with the service.
    pub(crate) fn open(data: Option<&Path>, most: u64) -> Result<Shelf, Error> {
        let (place, scratch) = match data {
            Some(data) => (data.join("problems"), None),
            None => {
                let scratch = tempfile::tempdir().map_err(Error::Start)?;
                (scratch.path().to_path_buf(), Some(scratch))
            }
        };
        make(&place).map_err(|error| FileError::write(&place, error))?;
        let (ready, arrivals, puts) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Shelf { place, most, _scratch: scratch, ready, arrivals, puts })
    }

    /// Keeps an archive, and gives its id and whether it is new. The same bytes again are the same problem.
    pub(crate) fn put(&self, tenant: &str, archive: &[u8]) -> io::Result<(String, bool)> {
        let (id, directory) = (Sha::of(archive), self.of(tenant));
        make(&directory)?;
        let _alone = self.puts.lock().unwrap_or_else(PoisonError::into_inner);
        if self.find(tenant, id.as_str()).is_none() && bytes_in(&directory) + archive.len() as u64 > self.most
        {
            let what = format!("this tenant's problems may have {} bytes together; remove one", self.most);
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, what));
        }
        let mut file = NamedTempFile::new_in(&directory).map_err(without_place)?;
        file.write_all(archive).map_err(without_place)?;
        file.as_file().sync_all()?;
        let path = directory.join(id.as_str().to_owned() + ARCHIVE);
        let is_new = match file.persist_noclobber(&path) {
            Ok(_) => true,
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error.error),
        };
        if is_new {
            self.arrivals().push(path);
        }
        Ok((id.as_str().to_owned(), is_new))
    }

    /// Where a tenant's problem is; `None` for one that it does not have, and for what is not an id.
    pub(crate) fn find(&self, tenant: &str, id: &str) -> Option<PathBuf> {
        let path = self.of(tenant).join(Sha::parse(id)?.as_str().to_owned() + ARCHIVE);
        path.exists().then_some(path)
    }

    /// The ids of a tenant's problems.
    pub(crate) fn list(&self, tenant: &str) -> Vec<String> {
        let entries = fs::read_dir(self.of(tenant)).into_iter().flatten().flatten();
        let id = |name: String| name.strip_suffix(ARCHIVE).map(str::to_owned);
        let mut ids: Vec<String> =
            entries.filter_map(|entry| id(entry.file_name().to_string_lossy().into_owned())).collect();
        ids.sort();
        ids
    }

    /// Removes a tenant's problem; what is judged with it goes on.
    pub(crate) fn remove(&self, tenant: &str, id: &str) -> io::Result<bool> {
        let Some(path) = self.find(tenant, id) else { return Ok(false) };
        self.ready().forget(&path);
        self.arrivals().retain(|other| *other != path);
        fs::remove_file(path).map(|()| true)
    }

    /// Keeps so many of a tenant's archives, this one among them, and removes those that came first. For a shelf whose
    /// archives can be had again.
    pub(crate) fn trim(&self, tenant: &str, most: usize, new: &str) {
        let mut ids: Vec<String> = self.list(tenant).into_iter().filter(|id| id != new).collect();
        let arrivals = self.arrivals().clone();
        ids.sort_by_key(|id| {
            let path = self.find(tenant, id)?;
            arrivals.iter().position(|arrival| *arrival == path)
        });
        let surplus = (ids.len() + 1).saturating_sub(most);
        for id in &ids[..surplus.min(ids.len())] {
            // Another one may remove it, too.
            let _gone = self.remove(tenant, id);
        }
    }

    /// The problem, ready to judge. Whoever asks for one that another one makes ready waits for it.
    pub(crate) fn ready_to_judge(
        &self,
        path: &Path,
        open: impl FnOnce(&Path) -> Result<Session, Unready>,
    ) -> Result<Arc<Session>, Unready> {
        let slot = self.ready().slot(path);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*slot {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(open(path)?);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }

    /// A tenant's name may be anything, and a directory's not.
    fn of(&self, tenant: &str) -> PathBuf {
        self.place.join(&Sha::of(tenant.as_bytes()).as_str()[..16])
    }

    fn arrivals(&self) -> std::sync::MutexGuard<'_, Vec<PathBuf>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> std::sync::MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ready {
    fn slot(&mut self, path: &Path) -> Arc<Mutex<Option<Arc<Session>>>> {
        let slot = self.slots.entry(path.to_path_buf()).or_default().clone();
        self.order.retain(|other| other != path);
        self.order.push_back(path.to_path_buf());
        if self.order.len() > MOST_READY
            && let Some(oldest) = self.order.pop_front()
        {
            self.slots.remove(&oldest);
        }
        slot
    }

    fn forget(&mut self, path: &Path) {
        self.order.retain(|other| other != path);
        self.slots.remove(path);
    }
}

/// Of all files in a directory.
fn bytes_in(place: &Path) -> u64 {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|facts| facts.len()).sum()
}

/// The error of a temporary file includes its path, which clients must not learn.
fn without_place(error: io::Error) -> io::Error {
    error.kind().into()
}

fn make(place: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_finds_its_own_problems_only() {
        let shelf = Shelf::open(None, u64::MAX).unwrap();
        let (id, is_new) = shelf.put("a", b"bytes").unwrap();
        assert_eq!((shelf.put("a", b"bytes").unwrap(), is_new), ((id.clone(), false), true));
        assert!(shelf.find("a", &id).is_some() && shelf.find("b", &id).is_none());
        assert!(shelf.find("a", "../../etc/passwd").is_none() && shelf.find("a", &"0".repeat(64)).is_none());
        assert_eq!((shelf.list("a"), shelf.list("b").len()), (vec![id.clone()], 0));
        assert!(!shelf.remove("b", &id).unwrap() && shelf.remove("a", &id).unwrap());
        assert!(shelf.find("a", &id).is_none());
    }

    #[test]
    fn a_tenant_has_no_more_than_its_bytes_and_another_one_its_own() {
        let shelf = Shelf::open(None, 10).unwrap();
        let (id, _) = shelf.put("a", b"1234567").unwrap();
        let refused = shelf.put("a", b"12345").unwrap_err();
        assert_eq!(refused.to_string(), "this tenant's problems may have 10 bytes together; remove one");
        // The same again takes no more room.
        assert!(shelf.put("a", b"1234567").is_ok() && shelf.put("b", b"12345").is_ok());
        assert!(shelf.remove("a", &id).unwrap() && shelf.put("a", b"12345").is_ok());
    }

    #[test]
    fn the_archives_that_came_first_go_and_never_the_one_that_is_wanted() {
        let shelf = Shelf::open(None, u64::MAX).unwrap();
        let ids: Vec<String> = (0..4u8).map(|byte| shelf.put("a", &[byte]).unwrap().0).collect();
        let day = std::time::Duration::from_secs(86400);
        // As on a machine whose clock goes back by a day after each of them.
        for (age, id) in ids.iter().enumerate() {
            let file = fs::File::options().write(true).open(shelf.find("a", id).unwrap()).unwrap();
            file.set_modified(std::time::SystemTime::now() - day * age as u32).unwrap();
        }
        shelf.trim("a", 2, &ids[3]);
        let mut left = [ids[2].clone(), ids[3].clone()];
        left.sort();
        assert_eq!(shelf.list("a"), left);
        shelf.trim("a", 0, &ids[2]);
        assert_eq!(shelf.list("a"), [ids[2].clone()]);
    }

    #[test]
    fn only_the_problems_that_were_used_last_stay_ready() {
        let mut ready = Ready::default();
        for number in 0..=MOST_READY {
            ready.slot(Path::new(&number.to_string()));
            ready.slot(Path::new("0"));
        }
        assert!(ready.slots.contains_key(Path::new("0")) && !ready.slots.contains_key(Path::new("1")));
        assert_eq!(ready.slots.len(), MOST_READY);
    }
}
