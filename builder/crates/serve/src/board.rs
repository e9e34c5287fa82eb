//! The submissions of this service: the store that remembers them, who wants to know of changes, and what can be called off.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use run::Cancel;
use tokio::sync::broadcast;

use crate::later::Later;
use crate::store::Store;

/// Changes that a slow reader may miss before it has to look at all.
const CHANGES: usize = 1024;

/// The submissions of this service.
pub(crate) struct Board {
    pub(crate) store: Store,
    /// For what the store fails at.
    pub(crate) later: Later,
    changes: broadcast::Sender<Arc<str>>,
    open: Mutex<BTreeMap<String, Arc<Cancel>>>,
}

impl Board {
    pub(crate) fn new(store: Store, later: Later) -> Board {
        Board { store, later, changes: broadcast::channel(CHANGES).0, open: Mutex::default() }
    }

    /// Tells of changes, each by the id of its submission.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Arc<str>> {
        self.changes.subscribe()
    }

    /// Something has happened to a submission.
    pub(crate) fn changed(&self, id: &str) {
        let _nobody_listens = self.changes.send(id.into());
    }

    /// What waits or runs.
    pub(crate) fn open(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Cancel>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
