//! A job's way into a slot and out of it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use run::Cancel;

use super::{Pool, State};

/// A job's way into a slot and out of it.
pub(crate) struct Way<'a> {
    pool: &'a Pool,
    tenant: String,
    cancel: Arc<Cancel>,
    place: Mutex<Place>,
    /// When it has got its slot.
    entered: OnceLock<Instant>,
}

/// Where a job is.
pub(super) enum Place {
    Ahead,
    Slot(usize),
    /// It has left its slot.
    Out,
}

impl<'a> Way<'a> {
    pub(super) fn new(pool: &'a Pool, tenant: String, cancel: Arc<Cancel>, place: Place) -> Way<'a> {
        let entered = OnceLock::new();
        if let Place::Slot(_) = place {
            entered.get_or_init(Instant::now);
        }
        Way { pool, tenant, cancel, place: Mutex::new(place), entered }
    }

    /// Waits for a slot, unless the job has one. A job that is called off waits no more, and gets none.
    pub(crate) fn enter(&self) {
        let mut place = self.place();
        if let Place::Slot(_) = *place {
            return;
        }
        let waits = |state: &mut State| state.free.is_empty() && !self.cancel.is_set();
        let waited = self.pool.changed.wait_while(self.pool.state(), waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if let Place::Ahead = *place {
            state.is_ahead_no_more(&self.tenant);
        }
        *place = Place::Out;
        if self.cancel.is_set() {
            return;
        }
        if let Some(slot) = state.free.pop() {
            *place = Place::Slot(slot);
            self.entered.get_or_init(Instant::now);
        }
    }

    /// When the job has got its slot, if it has had one.
    pub(crate) fn entered(&self) -> Option<Instant> {
        self.entered.get().copied()
    }

    /// Gives the slot back: no program of the job runs any more.
    pub(crate) fn leave(&self) {
        let before = std::mem::replace(&mut *self.place(), Place::Out);
        let mut state = self.pool.state();
        match before {
            Place::Ahead => state.is_ahead_no_more(&self.tenant),
            Place::Slot(slot) => state.free.push(slot),
            Place::Out => {}
        }
        drop(state);
        self.pool.changed.notify_all();
    }

    /// The CPUs of the job's slot, where each has its own. Then the job has a slot.
    pub(crate) fn cpus(&self) -> Option<&str> {
        if self.pool.cpus.is_empty() {
            return None;
        }
        self.enter();
        match *self.place() {
            Place::Slot(slot) => self.pool.cpus.get(slot).map(String::as_str),
            Place::Ahead | Place::Out => None,
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::super::tests::{busy, held, tenant};
    use super::super::{Begins::Ahead, Begins::InSlot, Do, Load, Refused};
    use super::*;

    /// A job that begins ahead, and says where it is.
    fn staged(said: &mpsc::Sender<&'static str>) -> (Do, mpsc::Sender<()>) {
        let (said, (free, wait)) = (said.clone(), mpsc::channel::<()>());
        let run = move |way: &Way<'_>| {
            said.send("begun").unwrap();
            way.enter();
            said.send("in its slot").unwrap();
            let _the_other_end_is_gone = wait.recv();
            way.leave();
            said.send("out").unwrap();
        };
        (Box::new(run), free)
    }

    #[test]
    fn one_job_begins_ahead_and_gets_the_slot_that_another_leaves() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        let (said, heard) = mpsc::channel();
        let (first, end_first) = staged(&said);
        pool.put(&tenant("a", None), Ahead, Arc::default(), first).unwrap();
        assert_eq!([heard.recv(), heard.recv()], [Ok("begun"), Ok("in its slot")]);
        let (second, end_second) = staged(&said);
        pool.put(&tenant("a", None), Ahead, Arc::default(), second).unwrap();
        assert_eq!(heard.recv(), Ok("begun"));
        // It waits as those do that have not begun.
        assert_eq!(pool.load(), Load { slots: 1, busy: 1, waiting: 1 });
        let full = pool.put(&tenant("a", Some(1)), Ahead, Arc::default(), Box::new(|_| ()));
        assert_eq!(full, Err(Refused::TenantFull));
        assert!(heard.try_recv().is_err());
        drop(end_first);
        let mut next = [heard.recv().unwrap(), heard.recv().unwrap()];
        next.sort_unstable();
        assert_eq!(next, ["in its slot", "out"]);
        drop(end_second);
        assert_eq!(heard.recv(), Ok("out"));
        pool.close(Duration::from_secs(60));
        assert_eq!(pool.load(), Load { slots: 1, busy: 0, waiting: 0 });
    }

    #[test]
    fn a_job_that_is_called_off_while_it_is_ahead_waits_for_no_slot() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        let (job, free) = held();
        pool.put(&tenant("a", None), InSlot, Arc::default(), job).unwrap();
        busy(&pool);
        let (cancel, (said, heard)) = (Arc::new(Cancel::default()), mpsc::channel());
        let job: Do = Box::new(move |way| {
            said.send(None).unwrap();
            way.enter();
            said.send(way.entered()).unwrap();
        });
        pool.put(&tenant("a", None), Ahead, Arc::clone(&cancel), job).unwrap();
        assert_eq!(heard.recv(), Ok(None));
        cancel.set();
        pool.wake();
        assert_eq!(heard.recv_timeout(Duration::from_secs(60)), Ok(None), "it waits for the slot");
        drop(free);
        pool.close(Duration::from_secs(60));
        assert_eq!(pool.load(), Load { slots: 1, busy: 0, waiting: 0 });
    }

    #[test]
    fn what_begins_in_its_slot_does_not_begin_before() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        let (job, free) = held();
        pool.put(&tenant("a", None), InSlot, Arc::default(), job).unwrap();
        busy(&pool);
        let (done, is_done) = mpsc::channel();
        pool.put(&tenant("a", None), InSlot, Arc::default(), Box::new(move |_| done.send(()).unwrap()))
            .unwrap();
        assert!(is_done.recv_timeout(Duration::from_millis(50)).is_err());
        drop(free);
        assert_eq!(is_done.recv(), Ok(()));
    }

    #[test]
    fn a_job_that_is_ahead_and_never_enters_leaves_nothing() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        let (job, free) = held();
        pool.put(&tenant("a", None), InSlot, Arc::default(), job).unwrap();
        busy(&pool);
        let (done, is_done) = mpsc::channel();
        pool.put(&tenant("a", None), Ahead, Arc::default(), Box::new(move |_| done.send(()).unwrap()))
            .unwrap();
        assert_eq!(is_done.recv(), Ok(()));
        drop(free);
        pool.close(Duration::from_secs(60));
        assert_eq!(pool.load(), Load { slots: 1, busy: 0, waiting: 0 });
    }
}
