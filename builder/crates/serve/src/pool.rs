//! The slots, in which programs run, the jobs that wait for one, and the threads that do the jobs.
//!
//! ```text
//!   put ──► waiting ──► a thread: prepares ──► slot: the program runs ──► collects, answers
//! ```
//!
//! There is one thread more than there are slots: while programs run, it prepares the next job or finishes the last one, so
//! that no slot waits for that. A run lives no longer than the thread that began it, and the thread no longer than this
//! process: so nothing is left of a job when the service is killed.

mod way;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use run::Cancel;

pub(crate) use way::Way;

use crate::fair::Fair;
use crate::settings::Tenant;

use way::Place;

/// What a job does.
pub(crate) type Do = Box<dyn FnOnce(&Way<'_>) + Send>;

/// When a job begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// When there is a slot, which it has from then on.
    InSlot,
    /// Before, to prepare its program: it enters a slot by itself ([`Way::enter`]).
    Ahead,
}

/// A job.
struct Job {
    tenant: String,
    cancel: Arc<Cancel>,
    begins: Begins,
    run: Do,
}

/// The slots and the queue in front of them.
pub(crate) struct Pool {
    state: Mutex<State>,
    /// A job has come, has left its slot or has ended, or none will come any more.
    changed: Condvar,
    most: usize,
    slots: usize,
    /// Of each slot, where it has some of its own.
    cpus: Vec<String>,
}

#[derive(Default)]
struct State {
    waiting: Fair<Job>,
    /// Of each thread: the job that it does.
    running: Vec<Option<Arc<Cancel>>>,
    /// The slots without a job.
    free: Vec<usize>,
    /// The tenants of the jobs that have begun ahead, and wait for a slot.
    ahead: Vec<String>,
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
    /// Slots with a job, and jobs that have left theirs and are not over: their results are not written yet.
    pub(crate) busy: usize,
    pub(crate) waiting: usize,
}

impl Pool {
    /// Starts the threads; `cpus` are those of each slot.
    pub(crate) fn start(slots: usize, most: usize, cpus: &[String]) -> io::Result<Arc<Pool>> {
        let threads = slots + 1;
        let state =
            State { running: vec![None; threads], free: (0..slots).rev().collect(), ..State::default() };
        let (state, changed, cpus) = (Mutex::new(state), Condvar::new(), cpus.to_vec());
        let pool = Arc::new(Pool { state, changed, most, slots, cpus });
        for number in 0..threads {
            let pool = Arc::clone(&pool);
            thread::Builder::new().name(format!("slot-{number}")).spawn(move || pool.work(number))?;
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
        begins: Begins,
        cancel: Arc<Cancel>,
        run: Do,
    ) -> Result<(), Refused> {
        let mut state = self.state();
        self.has_room(&state, tenant)?;
        state.waiting.put(&tenant.name, 0, Job { tenant: tenant.name.clone(), cancel, begins, run });
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
            let job = Job { tenant: tenant.name.clone(), cancel, begins: Begins::InSlot, run };
            state.waiting.put(&tenant.name, priority, job);
            drop(state);
            self.changed.notify_all();
        }
    }

    fn has_room(&self, state: &State, tenant: &Tenant) -> Result<(), Refused> {
        if state.is_closed {
            return Err(Refused::Closing);
        }
        let ahead = state.ahead.iter().filter(|other| **other == tenant.name).count();
        // With a free slot it does not wait, however small the queue is.
        let free = state.free.len();
        if tenant.queue.is_some_and(|most| state.waiting.of(&tenant.name) + ahead >= most + free) {
            return Err(Refused::TenantFull);
        }
        if state.waits() >= self.most + free { Err(Refused::Full) } else { Ok(()) }
    }

    /// What the slots do now.
    pub(crate) fn load(&self) -> Load {
        let state = self.state();
        Load { slots: self.slots, busy: state.busy().min(self.slots), waiting: state.waits() }
    }

    /// Has jobs that wait look whether they are called off. Those that have not begun are dropped: else they would keep their
    /// requests, and their places in the queue, until a slot is free.
    pub(crate) fn wake(&self) {
        // One that has looked, and does not sleep yet, has this lock.
        let called_off = self.state().waiting.take_if(|job| job.cancel.is_set());
        self.changed.notify_all();
        drop(called_off);
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
                self.changed.notify_all();
            }
            if now >= deadline + GRACE {
                return;
            }
            let next = if now < deadline { deadline } else { deadline + GRACE };
            let wait = next - now;
            (state, _) = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work(&self, thread: usize) {
        loop {
            let mut state = self.state();
            let (job, place) = loop {
                match state.take(self.cpus.is_empty()) {
                    Some(taken) => break taken,
                    None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                }
            };
            state.running[thread] = Some(Arc::clone(&job.cancel));
            drop(state);
            let way = Way::new(self, job.tenant, Arc::clone(&job.cancel), place);
            // Where a panic unwinds, as in a debug build, the slot is not lost. A release aborts, and its sandboxes end with it:
            // whoever operates it starts it again, and kept submissions are done then.
            let run = std::panic::AssertUnwindSafe(|| (job.run)(&way));
            let _reported_by_its_caller = std::panic::catch_unwind(run);
            drop(way);
            self.state().running[thread] = None;
            self.changed.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many jobs wait for a slot.
    fn waits(&self) -> usize {
        self.waiting.len() + self.ahead.len()
    }

    /// How many jobs have begun, and do not wait for a slot.
    fn busy(&self) -> usize {
        self.running.iter().flatten().count().saturating_sub(self.ahead.len())
    }

    /// The next job, if there is a slot for it, or if it begins ahead and may.
    fn take(&mut self, may_be_ahead: bool) -> Option<(Job, Place)> {
        loop {
            // Those that are ahead come first.
            let has_slot = self.free.len() > self.ahead.len();
            let next = self.waiting.next()?;
            let may_begin = has_slot || may_be_ahead && next.begins == Begins::Ahead;
            if !may_begin && !next.cancel.is_set() {
                return None;
            }
            let job = self.waiting.take()?;
            if job.cancel.is_set() {
                continue;
            }
            let slot = if has_slot { self.free.pop() } else { None };
            if slot.is_none() {
                self.ahead.push(job.tenant.clone());
            }
            return Some((job, slot.map_or(Place::Ahead, Place::Slot)));
        }
    }

    fn is_ahead_no_more(&mut self, tenant: &str) {
        if let Some(place) = self.ahead.iter().position(|other| other == tenant) {
            self.ahead.swap_remove(place);
        }
    }
}

/// For what was called off to end.
const GRACE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::Begins::InSlot;
    use super::*;
    use std::sync::mpsc;

    pub(super) fn tenant(name: &str, queue: Option<usize>) -> Tenant {
        Tenant { name: name.to_owned(), queue }
    }

    /// A job that waits for the other end.
    pub(super) fn held() -> (Do, mpsc::Sender<()>) {
        let (free, wait) = mpsc::channel::<()>();
        let run = move |_: &Way<'_>| {
            let _the_other_end_is_gone = wait.recv();
        };
        (Box::new(run), free)
    }

    pub(super) fn busy(pool: &Pool) {
        while pool.load().busy == 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_the_rest_is_done() {
        let pool = Pool::start(1, 1, &["3".to_owned()]).unwrap();
        let (job, free) = held();
        assert_eq!(pool.put(&tenant("a", None), InSlot, Arc::default(), job), Ok(()));
        busy(&pool);
        let (done, is_done) = mpsc::channel();
        let job: Do = Box::new(move |way| done.send(way.cpus().map(str::to_owned)).unwrap());
        assert_eq!(
            pool.put(&tenant("a", Some(0)), InSlot, Arc::default(), Box::new(|_| ())),
            Err(Refused::TenantFull)
        );
        assert_eq!(pool.put(&tenant("a", Some(1)), InSlot, Arc::default(), job), Ok(()));
        assert_eq!(
            pool.put(&tenant("b", None), InSlot, Arc::default(), Box::new(|_| ())),
            Err(Refused::Full)
        );
        assert_eq!(pool.load(), Load { slots: 1, busy: 1, waiting: 1 });
        drop(free);
        assert_eq!(is_done.recv().unwrap().as_deref(), Some("3"));
        pool.close(Duration::from_secs(60));
        assert_eq!(
            pool.put(&tenant("a", None), InSlot, Arc::default(), Box::new(|_| ())),
            Err(Refused::Closing)
        );
    }

    #[test]
    fn a_tenant_without_a_queue_has_a_free_slot() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        let (job, free) = held();
        assert_eq!(pool.put(&tenant("a", Some(0)), InSlot, Arc::default(), job), Ok(()));
        busy(&pool);
        let another: Do = Box::new(|_| ());
        assert_eq!(
            pool.put(&tenant("a", Some(0)), InSlot, Arc::default(), another),
            Err(Refused::TenantFull)
        );
        drop(free);
    }

    #[test]
    fn a_job_that_is_called_off_while_it_waits_is_never_done() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        let (job, free) = held();
        pool.put(&tenant("", None), InSlot, Arc::default(), job).unwrap();
        busy(&pool);
        let (cancel, (done, is_done)) = (Arc::new(Cancel::default()), mpsc::channel());
        pool.put(&tenant("", None), InSlot, Arc::clone(&cancel), Box::new(move |_| done.send(()).unwrap()))
            .unwrap();
        cancel.set();
        drop(free);
        assert!(is_done.recv().is_err());
    }

    #[test]
    fn a_job_that_is_called_off_while_it_waits_gives_its_place_to_another() {
        let pool = Pool::start(1, 1, &[]).unwrap();
        let (job, free) = held();
        pool.put(&tenant("", None), InSlot, Arc::default(), job).unwrap();
        busy(&pool);
        let (cancel, (done, is_done)) = (Arc::new(Cancel::default()), mpsc::channel::<()>());
        let job: Do = Box::new(move |_| done.send(()).unwrap());
        pool.put(&tenant("", None), InSlot, Arc::clone(&cancel), job).unwrap();
        cancel.set();
        pool.wake();
        assert_eq!(is_done.try_recv(), Err(mpsc::TryRecvError::Disconnected), "it is kept");
        assert_eq!(pool.load(), Load { slots: 1, busy: 1, waiting: 0 });
        assert_eq!(pool.put(&tenant("", None), InSlot, Arc::default(), Box::new(|_| ())), Ok(()));
        drop(free);
        pool.close(Duration::from_secs(60));
    }

    #[test]
    fn where_a_panic_unwinds_the_slot_is_not_lost() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        pool.put(&tenant("", None), InSlot, Arc::default(), Box::new(|_| panic!("on purpose"))).unwrap();
        let (done, is_done) = mpsc::channel();
        pool.put(&tenant("", None), InSlot, Arc::default(), Box::new(move |_| done.send(()).unwrap()))
            .unwrap();
        assert_eq!(is_done.recv(), Ok(()));
    }

    #[test]
    fn a_job_is_busy_until_its_result_is_written() {
        let pool = Pool::start(1, 9, &[]).unwrap();
        let ((said, heard), (end, ends)) = (mpsc::channel(), mpsc::channel::<()>());
        let job: Do = Box::new(move |way| {
            way.leave();
            said.send("left").unwrap();
            let _the_other_end_is_gone = ends.recv();
        });
        pool.put(&tenant("", None), InSlot, Arc::default(), job).unwrap();
        assert_eq!(heard.recv(), Ok("left"));
        assert_eq!(pool.load(), Load { slots: 1, busy: 1, waiting: 0 });
        // Its slot is free for another one.
        let (done, is_done) = mpsc::channel();
        let next: Do = Box::new(move |_| done.send(()).unwrap());
        pool.put(&tenant("", None), InSlot, Arc::default(), next).unwrap();
        assert_eq!(is_done.recv(), Ok(()));
        drop(end);
        pool.close(Duration::from_secs(60));
        assert_eq!(pool.load().busy, 0);
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
        pool.put(&tenant("", None), InSlot, cancel, job).unwrap();
        pool.close(Duration::from_millis(1));
        assert_eq!(pool.load().busy, 0);
    }
}
