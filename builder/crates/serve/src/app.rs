//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use judge::judging::Session;
use run::Cancel;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::board::Board;
use crate::kept::Kept;
use crate::metrics::Metrics;
use crate::pool::{Begins, Load, Pool, Refused, Way};
use crate::queue::Queue;
use crate::settings::{Settings, Tenant};
use crate::shelf::{Shelf, Unready};
use crate::work::{Done, Work};
use crate::workshop::Workshop;

/// What all requests share.
pub(crate) struct App {
    pub(crate) settings: Arc<Settings>,
    /// capsule's own.
    pub(crate) version: &'static str,
    pub(crate) workshop: Workshop,
    pub(crate) pool: Arc<Pool>,
    pub(crate) board: Board,
    pub(crate) shelf: Shelf,
    /// What waits for workers, if submissions are theirs to do.
    pub(crate) queue: Option<Queue>,
    /// What clients of go-judge's API keep here.
    pub(crate) kept: Kept,
    pub(crate) metrics: Metrics,
    pub(crate) started: Instant,
    /// Whether no new request is to come here.
    pub(crate) is_draining: AtomicBool,
    /// Differs from start to start.
    first_id: u128,
    requests: AtomicU64,
}

/// Before another try, when the slots and the queue are full.
const PAUSE: Duration = Duration::from_millis(100);

/// Why work is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy {
    pub(crate) refused: Refused,
    /// When it may be worth to come back.
    pub(crate) retry_after: Duration,
}

/// Tries again while the slots and the queue are full. It is an error that the service ends.
pub(crate) async fn when_there_is_room<T, F: Future<Output = Result<T, Busy>>>(
    attempt: impl Fn() -> F,
) -> Result<T, Busy> {
    loop {
        match attempt().await {
            Err(Busy { refused: Refused::Full | Refused::TenantFull, .. }) => sleep(PAUSE).await,
            done => return done,
        }
    }
}

/// Calls a job off when the request that waits for it is gone.
struct CallOff<'a> {
    app: &'a App,
    cancel: Arc<Cancel>,
    is_over: bool,
}

impl Drop for CallOff<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.app.call_off(&self.cancel);
        }
    }
}

impl App {
    pub(crate) fn new(
        settings: Settings,
        version: &'static str,
        workshop: Workshop,
        pool: Arc<Pool>,
        board: Board,
        shelf: Shelf,
    ) -> Arc<App> {
        let queue = settings.nats.is_some().then(|| Queue::new(settings.lease));
        let kept = Kept::new(settings.files);
        Arc::new(App {
            settings: Arc::new(settings),
            version,
            workshop,
            pool,
            board,
            shelf,
            queue,
            kept,
            metrics: Metrics::default(),
            started: Instant::now(),
            is_draining: AtomicBool::new(false),
            first_id: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros()),
            requests: AtomicU64::new(0),
        })
    }

    /// An id that no other request has, not even one of an earlier start.
    pub(crate) fn new_id(&self) -> String {
        format!("{:x}-{:x}", self.first_id, self.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether a submission of this tenant would be taken now.
    ///
    /// # Errors
    /// It would not.
    pub(crate) fn check(&self, tenant: &Tenant) -> Result<(), Refused> {
        self.pool.check(tenant)?;
        let Some(queue) = &self.queue else { return Ok(()) };
        let ledger = queue.ledger();
        let fleet = ledger.fleet(Instant::now());
        // As in the pool: with a free slot it does not wait.
        if fleet.waiting >= self.settings.queue + fleet.slots.saturating_sub(fleet.leased) {
            return Err(Refused::Full);
        }
        let is_full = tenant.queue.is_some_and(|most| ledger.of(&tenant.name) >= most);
        if is_full { Err(Refused::TenantFull) } else { Ok(()) }
    }

    /// What the slots do now, those of the workers too.
    pub(crate) fn load(&self) -> Load {
        let own = self.pool.load();
        let Some(fleet) = self.queue.as_ref().map(Queue::fleet) else { return own };
        Load {
            slots: own.slots + fleet.slots,
            busy: own.busy + fleet.leased,
            waiting: own.waiting + fleet.waiting,
        }
    }

    /// A tenant's problem, made ready in a slot; the inner error is why it is not.
    pub(crate) async fn problem(
        self: &Arc<App>,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Result<Arc<Session>, Unready>, Busy> {
        let Some(place) = self.shelf.find(&tenant.name, id) else {
            return Ok(Err(Unready::Passing("there is no such problem".to_owned())));
        };
        let (answer, answered) = oneshot::channel();
        let app = Arc::clone(self);
        let job = move |_: &Way<'_>| {
            let ready = app.shelf.ready_to_judge(&place, |place| app.workshop.open_problem(place));
            let _nobody_waits_any_more = answer.send(ready);
        };
        let put = self.pool.put(tenant, Begins::InSlot, Arc::default(), Box::new(job));
        put.map_err(|refused| Busy { refused, retry_after: self.pool.retry_after() })?;
        let ended = || Unready::Passing("the service ended before the problem was read".to_owned());
        Ok(answered.await.unwrap_or_else(|_| Err(ended())))
    }

    /// Waits for a slot and does a job there; one that begins ahead enters it by itself. If the caller stops to wait, it is
    /// called off. `None` if the service ended before.
    pub(crate) async fn in_slot<T: Send + 'static>(
        self: &Arc<App>,
        tenant: &Tenant,
        begins: Begins,
        job: impl FnOnce(&Way<'_>, &Arc<Cancel>) -> T + Send + 'static,
    ) -> Result<Option<T>, Busy> {
        self.in_slot_until(tenant, begins, Arc::default(), job).await
    }

    /// The same for a job that the caller may call off, too.
    pub(crate) async fn in_slot_until<T: Send + 'static>(
        self: &Arc<App>,
        tenant: &Tenant,
        begins: Begins,
        cancel: Arc<Cancel>,
        job: impl FnOnce(&Way<'_>, &Arc<Cancel>) -> T + Send + 'static,
    ) -> Result<Option<T>, Busy> {
        let (answer, answered) = oneshot::channel();
        let (app, seen, since) = (Arc::clone(self), Arc::clone(&cancel), Instant::now());
        let timed = move |way: &Way<'_>| {
            let done = job(way, &seen);
            // A job that needed no slot has waited for none.
            if let Some(entered) = way.entered() {
                app.metrics.waited(entered.saturating_duration_since(since));
            }
            let _nobody_waits_any_more = answer.send(done);
        };
        let put = self.pool.put(tenant, begins, Arc::clone(&cancel), Box::new(timed));
        put.map_err(|refused| Busy { refused, retry_after: self.pool.retry_after() })?;
        let mut call_off = CallOff { app: self, cancel, is_over: false };
        // Nothing is sent by a job that panics, and none that the end of the service calls off.
        let done = answered.await.ok();
        call_off.is_over = true;
        Ok(done)
    }

    /// Calls a job off that waits, or of which programs run.
    pub(crate) fn call_off(&self, cancel: &Cancel) {
        cancel.set();
        self.pool.wake();
    }

    /// Waits for a slot and runs a program there.
    pub(crate) async fn run(self: &Arc<App>, tenant: &Tenant, work: Work) -> Result<Done, Busy> {
        let (app, owner) = (Arc::clone(self), tenant.name.clone());
        let run = move |way: &Way<'_>, cancel: &Arc<Cancel>| {
            let done = app.workshop.run(&work, &owner, way, cancel);
            app.metrics.ran(&done);
            done
        };
        let ended = || Done::failed("the service ended before the program did".to_owned());
        Ok(self.in_slot(tenant, Begins::Ahead, run).await?.unwrap_or_else(ended))
    }
}
