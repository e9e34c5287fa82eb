//! Library names as small numbers: a search asks for the same few hundred names again and again.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::sync::{Arc, PoisonError, RwLock};

/// A name that has been seen; equal ids are equal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NameId(u32);

impl NameId {
    /// An index for tables.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// All names that were seen. Shared by all threads.
#[derive(Default)]
pub struct Names(RwLock<Table>);

#[derive(Default)]
struct Table {
    ids: HashMap<Arc<OsStr>, NameId>,
    texts: Vec<Arc<OsStr>>,
}

impl Names {
    /// The id of a name, a new one when it has not been seen.
    pub fn id(&self, text: &OsStr) -> NameId {
        if let Some(&id) = self.0.read().unwrap_or_else(PoisonError::into_inner).ids.get(text) {
            return id;
        }
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // A file's strings are bounded by its size, so 2^32 names would need more memory than the files have.
        let next = NameId(table.texts.len() as u32);
        let text: Arc<OsStr> = text.into();
        let id = *table.ids.entry(Arc::clone(&text)).or_insert(next);
        if id == next {
            table.texts.push(text);
        }
        id
    }

    /// The name.
    pub fn text(&self, id: NameId) -> Arc<OsStr> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).texts[id.index()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_id() {
        let names = Names::default();
        let (a, b) = (names.id("a".as_ref()), names.id("b".as_ref()));
        assert_ne!(a, b);
        assert_eq!(names.id("a".as_ref()), a);
        assert_eq!(&*names.text(b), "b");
    }
}
