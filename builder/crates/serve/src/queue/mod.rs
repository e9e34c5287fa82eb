//! The way of submissions to the workers of other processes and machines.
//!
//! NATS carries messages that name a submission, and nothing else: it may lose one, or bring one twice, as nats-server 2.9
//! does after a kill even with what was acknowledged. The store of the service decides. A worker that has a message asks the
//! service whether the submission is its own (`ledger`), and gets it with a lease; its result counts only with the number of
//! its attempt.

mod bus;
mod ledger;
mod trouble;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

pub(crate) use bus::{Bus, Job, Jobs};
pub(crate) use ledger::{Begin, Expired, Fleet, Ledger};
pub(crate) use trouble::Trouble;

/// The submissions that wait for workers, and what is to be told to these.
pub(crate) struct Queue {
    pub(crate) lease: Duration,
    ledger: Mutex<Ledger>,
    called_off: Mutex<Vec<String>>,
    changed: Notify,
}

impl Queue {
    pub(crate) fn new(lease: Duration) -> Queue {
        Queue {
            lease,
            ledger: Mutex::new(Ledger::new(lease)),
            called_off: Mutex::default(),
            changed: Notify::new(),
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a submission wait for a worker.
    pub(crate) fn put(&self, tenant: &str, priority: i8, id: &str, avoid: Option<&str>) {
        self.ledger().put(tenant, priority, id, avoid);
        self.changed.notify_one();
    }

    /// A submission is finished.
    pub(crate) fn settle(&self, id: &str) {
        self.ledger().remove(id);
        self.changed.notify_one();
    }

    /// A submission was called off: the worker that holds it is to end it.
    pub(crate) fn call_off(&self, id: &str) {
        if self.ledger().remove(id) {
            self.called_off().push(id.to_owned());
        }
        self.changed.notify_one();
    }

    /// What was called off since this was last asked.
    pub(crate) fn take_called_off(&self) -> Vec<String> {
        std::mem::take(&mut self.called_off())
    }

    /// What the workers do now.
    pub(crate) fn fleet(&self) -> Fleet {
        self.ledger().fleet(Instant::now())
    }

    /// Returns when something has changed.
    pub(crate) async fn changes(&self) {
        self.changed.notified().await;
    }

    fn called_off(&self) -> MutexGuard<'_, Vec<String>> {
        self.called_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
