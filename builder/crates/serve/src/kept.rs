//! Files that clients keep here from one request to the next, by ids that cannot be guessed. They are in memory, and end with
//! the service.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::id::new_id;

/// A file that nobody asked for in this time is forgotten.
const IDLE: Duration = Duration::from_secs(3600);

/// Bytes that a file counts beside its content: an empty one takes room, too.
const LEAST: usize = 256;

/// The files of all tenants.
pub(crate) struct Kept {
    /// Bytes that a tenant may have here.
    most: u64,
    files: Mutex<BTreeMap<String, File>>,
}

struct File {
    tenant: String,
    name: String,
    content: Arc<[u8]>,
    used: Instant,
}

impl Kept {
    pub(crate) fn new(most: u64) -> Kept {
        Kept { most, files: Mutex::default() }
    }

    /// Keeps a file, and gives its id; the error says that there is no room.
    pub(crate) fn put(&self, tenant: &str, name: &str, content: Vec<u8>) -> Result<String, String> {
        let id = new_id().map_err(|error| error.to_string())?;
        let mut files = self.files();
        let now = Instant::now();
        files.retain(|_, file| now.duration_since(file.used) < IDLE);
        let own = files.values().filter(|file| file.tenant == tenant);
        let bytes: u64 = own.map(|file| size(&file.name, &file.content)).sum();
        if bytes + size(name, &content) > self.most {
            return Err(format!(
                "the files that are kept may have {} bytes together, and each counts {LEAST} more than it has: delete some",
                self.most
            ));
        }
        let file =
            File { tenant: tenant.to_owned(), name: name.to_owned(), content: content.into(), used: now };
        files.insert(id.clone(), file);
        Ok(id)
    }

    /// A tenant's file: its name and its content.
    pub(crate) fn get(&self, tenant: &str, id: &str) -> Option<(String, Arc<[u8]>)> {
        let mut files = self.files();
        let file = files.get_mut(id).filter(|file| file.tenant == tenant)?;
        file.used = Instant::now();
        Some((file.name.clone(), Arc::clone(&file.content)))
    }

    /// A tenant's files: their names by their ids.
    pub(crate) fn list(&self, tenant: &str) -> BTreeMap<String, String> {
        let files = self.files();
        let own = files.iter().filter(|(_, file)| file.tenant == tenant);
        own.map(|(id, file)| (id.clone(), file.name.clone())).collect()
    }

    /// Forgets a tenant's file; says whether there was one.
    pub(crate) fn remove(&self, tenant: &str, id: &str) -> bool {
        let mut files = self.files();
        let is_own = files.get(id).is_some_and(|file| file.tenant == tenant);
        is_own && files.remove(id).is_some()
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(name: &str, content: &[u8]) -> u64 {
    (LEAST + name.len() + content.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_its_own_files_and_its_own_room() {
        let kept = Kept::new(10 + LEAST as u64);
        let id = kept.put("a", "n", b"12345".to_vec()).unwrap();
        assert_eq!(kept.get("a", &id).map(|(name, _)| name).as_deref(), Some("n"));
        assert!(kept.get("b", &id).is_none() && !kept.remove("b", &id) && kept.list("b").is_empty());
        let full = kept.put("a", "n", b"1234".to_vec()).unwrap_err();
        assert!(full.starts_with("the files that are kept may have 266 bytes together"), "{full}");
        assert!(kept.put("b", "n", b"1234".to_vec()).is_ok());
        assert!(kept.remove("a", &id) && !kept.remove("a", &id));
        assert!(kept.put("a", "n", b"1234".to_vec()).is_ok());
    }

    #[test]
    fn empty_files_take_room_too() {
        let kept = Kept::new(2 * LEAST as u64);
        assert!(kept.put("a", "", Vec::new()).is_ok() && kept.put("a", "", Vec::new()).is_ok());
        assert!(kept.put("a", "", Vec::new()).is_err());
    }

    #[test]
    fn a_file_that_nobody_asks_for_is_forgotten() {
        let kept = Kept::new(1000);
        let id = kept.put("a", "n", Vec::new()).unwrap();
        if let Some(past) = Instant::now().checked_sub(IDLE) {
            kept.files().get_mut(&id).unwrap().used = past;
            kept.put("a", "m", Vec::new()).unwrap();
            assert!(kept.get("a", &id).is_none());
        }
    }
}
