//! A worker: a process that does the submissions of a service, on its machine or another.
//!
//! ```text
//!   NATS ──id──► job: begin ──► slot: Attempt ──► end      every question goes to the service, over HTTP
//!                     └─ renew, until the attempt has ended ─┘
//! ```
//!
//! A worker keeps nothing: what it has is a lease on a submission. When it cannot renew that in time, as when the service or
//! the network is away, it ends the program (`lease`), because another worker may be at it.

mod job;
mod lease;
mod link;
mod problems;

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustix::system::uname;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cpus;
use crate::error::Error;
use crate::id::new_id;
use crate::journal;
use crate::notify;
use crate::pool::Pool;
use crate::queue::{Bus, Jobs, Trouble};
use crate::settings::{QueueAddress, Settings};
use crate::shelf::Shelf;
use crate::wire::{Hello, Welcome};
use crate::workshop::Workshop;

use job::Open;
use link::Link;

/// After a failure of the queue or of the service.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the server of the queue holds a question for the next message.
const WAIT: Duration = Duration::from_secs(5);
/// Of a lease, after so much a worker says that it lives.
const PART: u32 = 4;

/// What all jobs of a worker share.
pub(crate) struct Worker {
    name: String,
    settings: Settings,
    workshop: Workshop,
    shelf: Shelf,
    pool: Arc<Pool>,
    link: Link,
    open: Open,
    /// The service may be another one than was said hello to.
    doubt: Notify,
}

/// Works until SIGTERM or SIGINT, then ends what runs. `ready` is called with the service's address when that has answered.
///
/// # Errors
/// The bundle cannot run here, a setting is missing, or the service has another bundle.
pub fn work(bundle: &Path, settings: Settings, ready: impl FnOnce(&str)) -> Result<(), Error> {
    let missing = |key: &str, what: &str| Error::Setting {
        origin: "the settings".to_owned(),
        what: format!("a worker needs `{key}`: {what}"),
    };
    let queue = settings.nats.clone().ok_or_else(|| missing("nats", "the address of the queue"))?;
    let token =
        settings.worker_token.clone().ok_or_else(|| missing("worker-token", "the same as the service's"))?;
    // Threads start after this, and never before: they have the mount namespace of the one that starts them.
    let workshop = Workshop::open(bundle, &settings)?;
    let cpus = if settings.pin { cpus::divided(settings.slots) } else { Vec::new() };
    let worker = Arc::new(Worker {
        name: name()?,
        pool: Pool::start(settings.slots, settings.slots, &cpus).map_err(Error::Start)?,
        shelf: Shelf::open(None, u64::MAX)?,
        link: Link::new(settings.service.clone(), token),
        open: Open::default(),
        doubt: Notify::new(),
        workshop,
        settings,
    });
    let runtime = runtime().map_err(Error::Start)?;
    let worked = runtime.block_on(work_all(Arc::clone(&worker), queue, ready));
    runtime.shutdown_timeout(PAUSE);
    worked
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).thread_name("queue").enable_all().build()
}

/// Differs from that of every other worker, and of this one's next start.
fn name() -> Result<String, Error> {
    let id = new_id().map_err(Error::Start)?;
    let host = uname().nodename().to_string_lossy().into_owned();
    Ok(format!("{host}-{}", &id[..8]))
}

async fn work_all(worker: Arc<Worker>, queue: QueueAddress, ready: impl FnOnce(&str)) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Start)?;
    let (end, ends) = oneshot::channel();
    let mut all = pin!(live(&worker, queue, ready, ends));
    tokio::select! {
        ended = all.as_mut() => return ended,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    notify::tell("STOPPING=1");
    let _it_lives = end.send(());
    tokio::select! {
        ended = tokio::time::timeout(worker.settings.drain, all.as_mut()) => {
            if let Ok(ended) = ended {
                return ended;
            }
        }
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // What is called off ends here, and is done by another worker when its lease ends.
    worker.open.call_all_off();
    let pool = Arc::clone(&worker.pool);
    let _does_not_panic = tokio::task::spawn_blocking(move || pool.close(Duration::ZERO)).await;
    Ok(())
}

/// Takes jobs until it is told to end, then waits for those that it has.
async fn live(
    worker: &Arc<Worker>,
    queue: QueueAddress,
    ready: impl FnOnce(&str),
    mut ends: oneshot::Receiver<()>,
) -> Result<(), Error> {
    let lease = tokio::select! {
        lease = greet(worker) => lease?,
        _ = &mut ends => return Ok(()),
    };
    ready(&worker.settings.service.to_string());
    notify::tell("READY=1");
    let mut jobs = JoinSet::new();
    let ended = {
        let taking = pin!(take_all(worker, &queue, lease, &mut jobs));
        let greeting = pin!(greet_on(worker, lease));
        tokio::select! {
            () = taking => Ok(()),
            error = greeting => Err(error),
            _ = &mut ends => Ok(()),
        }
    };
    if ended.is_err() {
        // Another worker does it, with the service's bundle.
        worker.open.call_all_off();
    }
    while jobs.join_next().await.is_some() {}
    ended
}

fn hello(worker: &Worker) -> Hello {
    Hello {
        worker: worker.name.clone(),
        slots: worker.settings.slots,
        bundle: worker.workshop.digest().to_owned(),
    }
}

/// Says hello until the service answers, and gives the lease.
async fn greet(worker: &Worker) -> Result<Duration, Error> {
    let mut is_told = false;
    loop {
        match worker.link.ask("hello", &hello(worker)).await {
            Ok(Welcome { lease_ms }) => return Ok(Duration::from_millis(lease_ms)),
            Err(link::Error::Refused(what) | link::Error::Foreign(what)) => {
                return Err(refused(worker, what));
            }
            Err(link::Error::Away(what)) if !is_told => {
                is_told = true;
                journal::tell(&json!({ "service": worker.settings.service.to_string(), "error": what }));
            }
            Err(link::Error::Away(_)) => {}
        }
        sleep(PAUSE).await;
    }
}

fn refused(worker: &Worker, what: String) -> Error {
    Error::Setting { origin: format!("the service at {}", worker.settings.service), what }
}

/// Says that this worker lives, until a service with another bundle is at its address.
async fn greet_on(worker: &Worker, lease: Duration) -> Error {
    loop {
        tokio::select! {
            () = sleep(lease / PART) => {}
            () = worker.doubt.notified() => {}
        }
        match worker.link.ask::<Welcome>("hello", &hello(worker)).await {
            Err(link::Error::Foreign(what)) => return refused(worker, what),
            // The next one may be heard.
            Ok(_) | Err(link::Error::Refused(_) | link::Error::Away(_)) => {}
        }
    }
}

/// Takes a message for each free slot.
async fn take_all(worker: &Arc<Worker>, queue: &QueueAddress, lease: Duration, under_way: &mut JoinSet<()>) {
    let mut trouble = Trouble::new(&queue.server);
    let free = Arc::new(Semaphore::new(worker.settings.slots));
    let bus = loop {
        match Bus::open(queue).await {
            Ok(bus) => break bus,
            Err(why) => trouble.tell(&why),
        }
        sleep(PAUSE).await;
    };
    let heard = bus.hear(|id| worker.open.doubt(id));
    let taken = async {
        let mut jobs = Jobs::new(&bus);
        while let Ok(slot) = Arc::clone(&free).acquire_owned().await {
            while under_way.try_join_next().is_some() {}
            match jobs.next(WAIT).await {
                Ok(Some(job)) => {
                    trouble.is_over();
                    let own = Arc::clone(worker);
                    under_way.spawn(async move {
                        let _until_its_end = slot;
                        job::run(&own, lease, job).await;
                    });
                }
                Ok(None) => trouble.is_over(),
                Err(why) => {
                    trouble.tell(&why);
                    sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::join!(heard, taken);
}
