//! One submission that a worker does: from its message to its result.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use run::Cancel;
use serde_json::json;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{sleep, sleep_until, timeout_at};

use super::lease::Lease;
use super::{PAUSE, Worker, link, problems};
use crate::journal;
use crate::perform::{Attempt, Finished};
use crate::pool::Way;
use crate::queue::Job;
use crate::settings::Tenant;
use crate::wire::{Agreed, Answer, Ask, Ended, Held, Told};

/// Events that wait to be sent on; only who looks on misses those that do not fit.
const MOST_EVENTS: usize = 10_000;

/// What a worker does now, by the ids of the submissions.
#[derive(Default)]
pub(super) struct Open(Mutex<BTreeMap<String, Doing>>);

/// An attempt that a worker makes.
#[derive(Clone, Default)]
struct Doing {
    cancel: Arc<Cancel>,
    /// The lease may be over: the service is to be asked at once.
    doubt: Arc<Notify>,
}

impl Open {
    /// A message says that a submission was called off. Whoever has the queue can send one: only the service's answer to a
    /// renewal ends a program.
    pub(super) fn doubt(&self, id: &str) {
        if let Some(doing) = self.all().get(id) {
            doing.doubt.notify_one();
        }
    }

    pub(super) fn call_all_off(&self) {
        self.all().values().for_each(|doing| doing.cancel.set());
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Doing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the service gave this worker to do.
struct Given {
    held: Held,
    tenant: String,
    work: String,
}

/// Asks the service what to do with a message, and does it.
pub(super) async fn run(worker: &Arc<Worker>, lease: Duration, job: Job) {
    let asked = Instant::now();
    let ask =
        Ask { worker: worker.name.clone(), id: job.id.clone(), bundle: worker.workshop.digest().to_owned() };
    match worker.link.ask("begin", &ask).await {
        Ok(Answer::Gone) => job.done().await,
        Ok(Answer::Later { after_ms }) => job.later(Duration::from_millis(after_ms).min(lease)).await,
        Ok(Answer::Yours { attempt, tenant, work }) => {
            let held = Held { worker: worker.name.clone(), id: job.id.clone(), attempt };
            run_held(worker, Lease::new(lease, asked), &job, Given { held, tenant, work }).await;
            job.done().await;
        }
        Err(link::Error::Refused(what)) => {
            journal::tell(&json!({ "submission": job.id, "error": what }));
            job.later(lease).await;
        }
        Err(link::Error::Foreign(_)) => {
            // Said hello to, the service says so again, and this worker ends.
            worker.doubt.notify_one();
            job.later(PAUSE).await;
        }
        Err(link::Error::Away(_)) => job.later(PAUSE).await,
    }
}

/// Does a submission, as long as the service agrees, and tells it what came of it.
async fn run_held(worker: &Arc<Worker>, lease: Lease, job: &Job, given: Given) {
    let held = given.held.clone();
    let doing = Doing::default();
    worker.open.all().insert(held.id.clone(), doing.clone());
    let (sender, mut events) = mpsc::channel(MOST_EVENTS);
    let mut ended = start(worker, given, &doing.cancel, sender);
    // The events end with the attempt.
    let supervised = supervise(worker, lease, job, &held, &doing, &mut ended);
    let (finished, ()) = tokio::join!(supervised, pass_on(worker, &held, &mut events));
    worker.open.all().remove(&held.id);
    if let Some(Finished { result, failure }) = finished {
        deliver(worker, &Ended { held, result, failure }).await;
    }
}

/// Has a slot do it; the channel brings what came of it.
fn start(
    worker: &Arc<Worker>,
    given: Given,
    cancel: &Arc<Cancel>,
    events: mpsc::Sender<(String, String)>,
) -> oneshot::Receiver<Finished> {
    let (sender, receiver) = oneshot::channel();
    let (own, seen) = (Arc::clone(worker), Arc::clone(cancel));
    let runtime = tokio::runtime::Handle::current();
    let run = move |way: &Way<'_>| {
        let Given { held: _, tenant, work } = given;
        let fetched = runtime.block_on(problems::fetch(&own, &tenant, &work));
        let finished = match fetched {
            Err(why) => Finished::failed(why),
            Ok(()) => Attempt {
                workshop: &own.workshop,
                shelf: &own.shelf,
                tenant: &tenant,
                way,
                cancel: &seen,
                tell: &|kind, data| {
                    let _only_for_who_looks_on = events.try_send((kind.to_owned(), data.to_owned()));
                },
                ran: &|_| {},
            }
            .perform(&work),
        };
        let _nobody_waits_any_more = sender.send(finished);
    };
    // There is a slot: a worker takes no more messages than it has of them.
    worker.pool.put_kept(&Tenant { name: String::new(), queue: None }, 0, Arc::clone(cancel), Box::new(run));
    receiver
}

/// Waits for the attempt, and renews the lease. `None` if the submission is not this worker's any more: its program is ended
/// then.
async fn supervise(
    worker: &Worker,
    mut lease: Lease,
    job: &Job,
    held: &Held,
    Doing { cancel, doubt }: &Doing,
    ended: &mut oneshot::Receiver<Finished>,
) -> Option<Finished> {
    loop {
        tokio::select! {
            finished = &mut *ended => return finished.ok().filter(|_| !cancel.is_set()),
            () = sleep_until(lease.due(Instant::now()).into()) => {}
            () = doubt.notified() => {}
        }
        let asked = Instant::now();
        let answer = timeout_at(lease.end().into(), worker.link.ask("renew", held)).await;
        let is_lost = match answer {
            Ok(Ok(Agreed { agreed: true })) => {
                lease.renewed(asked);
                job.renew().await;
                false
            }
            Ok(Ok(Agreed { agreed: false })) => true,
            Ok(Err(_)) | Err(_) => Instant::now() >= lease.end(),
        };
        if is_lost {
            journal::tell(
                &json!({ "submission": held.id, "attempt": held.attempt, "error": "the lease is lost" }),
            );
            cancel.set();
            // The slot is free, and the sandbox gone, when the thread says so.
            let _ended_without_a_result = ended.await;
            return None;
        }
    }
}

/// Sends on what happens, some at a time, until nothing more can.
async fn pass_on(worker: &Worker, held: &Held, events: &mut mpsc::Receiver<(String, String)>) {
    let mut some = Vec::new();
    while events.recv_many(&mut some, MOST_EVENTS).await > 0 {
        let told = Told { held: held.clone(), events: std::mem::take(&mut some) };
        let _lost: Result<Agreed, _> = worker.link.ask("tell", &told).await;
    }
}

/// Tells the service what came of an attempt, until it knows: the result may be the only one.
async fn deliver(worker: &Worker, ended: &Ended) {
    loop {
        match worker.link.ask::<Agreed>("end", ended).await {
            Ok(_) => return,
            Err(link::Error::Refused(what) | link::Error::Foreign(what)) => {
                // The lease ends, and the submission is done again.
                return journal::tell(&json!({ "submission": ended.held.id, "error": what }));
            }
            Err(link::Error::Away(_)) => sleep(PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_makes_a_worker_ask_and_ends_nothing() {
        let (open, doing) = (Open::default(), Doing::default());
        open.all().insert("1".to_owned(), doing.clone());
        open.doubt("2");
        open.doubt("1");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(doing.doubt.notified());
        assert!(!doing.cancel.is_set());
        open.call_all_off();
        assert!(doing.cancel.is_set());
    }
}
