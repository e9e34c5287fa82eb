//! The slots: threads that each do one job at a time, and the jobs that wait for one.
//!
//! A run lives no longer than the thread that began it, and the thread no longer than this process: so nothing is left of
//! a job when the service is killed.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use run::Cancel;

use crate::fair::Fair;
use crate::settings::Tenant;

/// What a job does in its slot; the text has the slot's CPUs.
pub(crate) type Do = Box<dyn FnOnce(Option<&str>) + Send>;

/// A job.
struct Job {
    cancel: Arc<Cancel>,
    run: Do,
}

/// The slots and the queue in front of them.
pub(crate) struct Pool {
    state: Mutex<State>,
    /// A job has come, has ended, or none will come any more.
    changed: Condvar,
    most: usize,
    slots: usize,
}

#[derive(Default)]
struct State {
    waiting: Fair<Job>,
    /// Of each slot: the job that it does.
    running: Vec<Option<Arc<Cancel>>>,
    is_closed: bool,
}

/// Why a job is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many wait.
    Full,
    /// Too many of this tenant's wait.
    TenantFull,
    /// The service ends.
    Closing,
}

/// What the slots do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) slots: usize,
    pub(crate) busy: usize,
    pub(crate) waiting: usize,
}

impl Pool {
    /// Starts the threads; `cpus` are those of each slot.
    pub(crate) fn start(slots: usize, most: usize, cpus: &[String]) -> io::Result<Arc<Pool>> {
        let state = State { running: vec![None; slots], ..State::default() };
        let pool = Arc::new(Pool { state: Mutex::new(state), changed: Condvar::new(), most, slots });
        for slot in 0..slots {
            let (pool, cpus) = (Arc::clone(&pool), cpus.get(slot).cloned());
            thread::Builder::new()
                .name(format!("slot-{slot}"))
                .spawn(move || pool.work(slot, cpus.as_deref()))?;
        }
        Ok(pool)
    }

    /// Has a job wait for a slot.
    ///
    /// # Errors
    /// It is not taken, and nothing of it is kept.
    pub(crate) fn put(
        &self,
        tenant: &Tenant,
        priority: i8,
        cancel: Arc<Cancel>,
        run: Do,
    ) -> Result<(), Refused> {
        let mut state = self.state();
        self.has_room(&state, tenant)?;
        state.waiting.put(&tenant.name, priority, Job { cancel, run });
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Whether a job of this tenant would be taken now.
    ///
    /// # Errors
    /// It would not.
    pub(crate) fn check(&self, tenant: &Tenant) -> Result<(), Refused> {
        self.has_room(&self.state(), tenant)
    }

    /// Has a job wait that was taken before, and that is done after the next start if the service ends now.
    pub(crate) fn put_kept(&self, tenant: &Tenant, priority: i8, cancel: Arc<Cancel>, run: Do) {
        let mut state = self.state();
        if !state.is_closed {
            state.waiting.put(&tenant.name, priority, Job { cancel, run });
            drop(state);
            self.changed.notify_all();
        }
    }

    fn has_room(&self, state: &State, tenant: &Tenant) -> Result<(), Refused> {
        if state.is_closed {
            return Err(Refused::Closing);
        }
        if tenant.queue.is_some_and(|most| state.waiting.of(&tenant.name) >= most) {
            return Err(Refused::TenantFull);
        }
        // With a free slot it does not wait, however small the queue is.
        let free = state.running.iter().filter(|job| job.is_none()).count();
        if state.waiting.len() >= self.most + free { Err(Refused::Full) } else { Ok(()) }
    }

    /// What the slots do now.
    pub(crate) fn load(&self) -> Load {
        let state = self.state();
        let busy = state.running.iter().flatten().count();
        Load { slots: self.slots, busy, waiting: state.waiting.len() }
    }

    /// How long the oldest job that runs or waits has been here; for a caller that is to come back later.
    pub(crate) fn retry_after(&self) -> Duration {
        let Load { slots, waiting, .. } = self.load();
        Duration::from_secs((waiting / slots.max(1)).clamp(1, 60) as u64)
    }

    /// Takes no more jobs, waits until all are done, and after this time calls off what is left.
    pub(crate) fn close(&self, patience: Duration) {
        let mut state = self.state();
        state.is_closed = true;
        let deadline = Instant::now() + patience;
        let is_done = |state: &State| state.waiting.len() == 0 && state.running.iter().all(Option::is_none);
        while !is_done(&state) {
            let now = Instant::now();
            if now >= deadline {
                while let Some(job) = state.waiting.take() {
                    job.cancel.set();
                }
                state.running.iter().flatten().for_each(|cancel| cancel.set());
            }
            if now >= deadline + GRACE {
                return;
            }
            let next = if now < deadline { deadline } else { deadline + GRACE };
            let wait = next - now;
            (state, _) = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work(&self, slot: usize, cpus: Option<&str>) {
        loop {
            let mut state = self.state();
            let job = loop {
                match state.waiting.take() {
                    Some(job) if job.cancel.is_set() => continue,
                    Some(job) => break job,
                    None => {
                        state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            state.running[slot] = Some(Arc::clone(&job.cancel));
            drop(state);
            // Where a panic unwinds, as in a debug build, the slot is not lost. A release aborts, and its sandboxes end with it:
            // whoever operates it starts it again, and kept submissions are done then.
            let run = std::panic::AssertUnwindSafe(|| (job.run)(cpus));
            let _reported_by_its_caller = std::panic::catch_unwind(run);
            self.state().running[slot] = None;
            self.changed.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For what was called off to end.
const GRACE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn tenant(name: &str, queue: Option<usize>) -> Tenant {
        Tenant { name: name.to_owned(), queue }
    }

    /// A job that waits for the other end.
    fn held() -> (Do, mpsc::Sender<()>) {
        let (free, wait) = mpsc::channel::<()>();
        let run = move |_: Option<&str>| {
            let _the_other_end_is_gone = wait.recv();
        };
        (Box::new(run), free)
    }

    fn busy(pool: &Pool) {
        while pool.load().busy == 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_the_rest_is_done() {
        let pool = Pool::start(1, 1, &["3".to_owned()]).unwrap();
        let (job, free) = held();
        assert_eq!(pool.put(&tenant("a", None), 0, Arc::default(), job), Ok(()));
        busy(&pool);
        let (done, is_done) = mpsc::channel();
        let job: Do = Box::new(move |cpus| done.send(cpus.map(str::to_owned)).unwrap());
        assert_eq!(
            pool.put(&tenant("a", Some(0)), 0, Arc::default(), Box::new(|_| ())),
            Err(Refused::TenantFull)
        );
        assert_eq!(pool.put(&tenant("a", Some(1)), 0, Arc::default(), job), Ok(()));
        assert_eq!(pool.put(&tenant("b", None), 0, Arc::default(), Box::new(|_| ())), Err(Refused::Full));
        assert_eq!(pool.load(), Load { slots: 1, busy: 1, waiting: 1 });
        drop(free);
        assert_eq!(is_done.recv().unwrap().as_deref(), Some("3"));
        pool.close(Duration::from_secs(60));
        assert_eq!(pool.put(&tenant("a", None), 0, Arc::default(), Box::new(|_| ())), Err(Refused::Closing));
    }

    #[test]
    fn a_job_that_is_called_off_while_it_waits_is_never_done() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        let (job, free) = held();
        pool.put(&tenant("", None), 0, Arc::default(), job).unwrap();
        busy(&pool);
        let (cancel, (done, is_done)) = (Arc::new(Cancel::default()), mpsc::channel());
        pool.put(&tenant("", None), 0, Arc::clone(&cancel), Box::new(move |_| done.send(()).unwrap()))
            .unwrap();
        cancel.set();
        drop(free);
        assert!(is_done.recv().is_err());
    }

    #[test]
    fn where_a_panic_unwinds_the_slot_is_not_lost() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        pool.put(&tenant("", None), 0, Arc::default(), Box::new(|_| panic!("on purpose"))).unwrap();
        let (done, is_done) = mpsc::channel();
        pool.put(&tenant("", None), 0, Arc::default(), Box::new(move |_| done.send(()).unwrap())).unwrap();
        assert_eq!(is_done.recv(), Ok(()));
    }

    #[test]
    fn a_shutdown_calls_off_what_does_not_end() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        let cancel = Arc::new(Cancel::default());
        let seen = Arc::clone(&cancel);
        let job: Do = Box::new(move |_| {
            while !seen.is_set() {
                thread::yield_now();
            }
        });
        pool.put(&tenant("", None), 0, cancel, job).unwrap();
        pool.close(Duration::from_millis(1));
        assert_eq!(pool.load().busy, 0);
    }
}
