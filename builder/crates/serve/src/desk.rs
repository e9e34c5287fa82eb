//! Submissions from their acknowledgement to their result: the store remembers them, the pool does them.
//!
//! An attempt that fails by the sandbox's fault is repeated; a submission that fails that often is dead, with its last
//! failure as the result. A service that is killed has its unfinished submissions done by the next one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bundle::digest::Sha;
use run::Cancel;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::app::{App, Busy};
use crate::id::new_id;
use crate::journal;
use crate::perform::{Attempt, Finished};
use crate::pool::Way;
use crate::queue::{Begin, Expired};
use crate::settings::Tenant;
use crate::store::{End, New, Put, Row, State, Store};
use crate::whole::whole;
use crate::wire::{Answer, Held};
use crate::work::Work;

/// Attempts of a submission that the sandbox fails at,
const MOST_FAILURES: u32 = 3;
/// and of one during which the service or the worker ended: whoever operates it may have killed it, or the submission may have.
const MOST_STARTS: u32 = 10;
/// How an event says that an attempt was lost.
const LOST: &str = "its worker was not heard of any more";

/// What a client hands in.
pub(crate) struct Handed {
    pub(crate) key: Option<String>,
    /// As the client sent it.
    pub(crate) digest: Sha,
    pub(crate) front: &'static str,
    pub(crate) priority: i8,
    pub(crate) work: Work,
    pub(crate) extra: String,
}

/// Why a submission is not taken.
#[derive(Debug)]
pub(crate) enum Refusal {
    Busy(Busy),
    /// The same key was used for something else.
    Conflict,
    /// It cannot be kept.
    Store(String),
}

/// Asks the store, on a thread that may wait for a disk.
pub(crate) async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    question: impl FnOnce(&Store) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, String> {
    let app = Arc::clone(app);
    let answer = spawn_blocking(move || question(&app.board.store)).await;
    answer.map_err(|error| error.to_string())?.map_err(|error| format!("the store failed: {error}"))
}

/// Takes a submission. When this returns, it is on the disk: the id, and whether it is new.
pub(crate) async fn hand_in(
    app: &Arc<App>,
    tenant: &Tenant,
    handed: Handed,
) -> Result<(String, bool), Refusal> {
    app.check(tenant)
        .map_err(|refused| Refusal::Busy(Busy { refused, retry_after: app.pool.retry_after() }))?;
    // What is on the disk must have its turn, too, although the client goes away in between.
    let kept = whole(keep(Arc::clone(app), tenant.clone(), handed));
    kept.await.unwrap_or_else(|what| Err(Refusal::Store(what)))
}

/// Writes a submission down, and queues it.
async fn keep(app: Arc<App>, tenant: Tenant, handed: Handed) -> Result<(String, bool), Refusal> {
    let id = new_id().map_err(|error| Refusal::Store(error.to_string()))?;
    let (own, name, priority) = (id.clone(), tenant.name.clone(), handed.priority);
    let put = ask(&app, move |store| {
        let work = serde_json::to_string(&handed.work);
        let work = work.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        store.put(&New {
            id: &own,
            tenant: &name,
            key: handed.key.as_deref(),
            digest: handed.digest.as_str(),
            front: handed.front,
            priority: handed.priority,
            work: &work,
            extra: &handed.extra,
        })
    });
    match put.await.map_err(Refusal::Store)? {
        Put::New => {
            queue(&app, &tenant, priority, id.clone());
            Ok((id, true))
        }
        Put::Known(id) => Ok((id, false)),
        Put::Conflict => Err(Refusal::Conflict),
    }
}

/// Takes up what an earlier service has not finished.
pub(crate) fn take_up(app: &Arc<App>) -> rusqlite::Result<usize> {
    let rows = app.board.store.unfinished()?;
    let count = rows.len();
    for Row { id, tenant, priority, attempt, state, worker, .. } in rows {
        let is_running = state == State::Running;
        match &app.queue {
            // A worker may still have it, and the service was only away.
            Some(queue) if is_running && !worker.is_empty() => {
                app.board.open().insert(id.clone(), Arc::default());
                queue.ledger().resume(&tenant, priority, &id, attempt, &worker, Instant::now());
            }
            // It was there each time that a service died: it may be why.
            _ if is_running && attempt >= MOST_STARTS => {
                let result = Finished::failed(format!("the service ended at each of {attempt} attempts"));
                conclude(app, id, attempt, State::Dead, result.result);
            }
            _ => queue(app, &Tenant { name: tenant, queue: None }, priority, id),
        }
    }
    Ok(count)
}

/// Calls a submission off; says whether it was still to be called off.
pub(crate) async fn call_off(app: &Arc<App>, tenant: &Tenant, id: &str) -> Result<bool, String> {
    whole(cancelled(Arc::clone(app), tenant.name.clone(), id.to_owned())).await?
}

/// Writes down that a submission is called off, and ends it.
async fn cancelled(app: Arc<App>, tenant: String, id: String) -> Result<bool, String> {
    let own = id.clone();
    let is_called_off = ask(&app, move |store| store.cancel(&tenant, &own)).await?;
    if is_called_off {
        if let Some(cancel) = app.board.open().remove(&id) {
            cancel.set();
        }
        if let Some(queue) = &app.queue {
            queue.call_off(&id);
        }
        app.board.changed(&id);
    }
    Ok(is_called_off)
}

/// Waits until a submission is finished, or for this time; gives it as it is then.
pub(crate) async fn wait(
    app: &Arc<App>,
    tenant: &Tenant,
    id: &str,
    time: Duration,
) -> Result<Option<Row>, String> {
    let deadline = tokio::time::Instant::now() + time;
    // Before the first look, so that no change is missed.
    let mut changes = app.board.changes();
    loop {
        let (name, own) = (tenant.name.clone(), id.to_owned());
        let row = ask(app, move |store| store.get(&name, &own)).await?;
        if row.as_ref().is_none_or(|row| row.state.is_final()) || tokio::time::Instant::now() >= deadline {
            return Ok(row);
        }
        let mine = async { while changes.recv().await.is_ok_and(|changed| *changed != *id) {} };
        let _look_once_more = tokio::time::timeout_at(deadline, mine).await;
    }
}

/// Has a submission wait for a slot, or for a worker.
fn queue(app: &Arc<App>, tenant: &Tenant, priority: i8, id: String) {
    let cancel: Arc<Cancel> = Arc::default();
    app.board.open().insert(id.clone(), Arc::clone(&cancel));
    app.board.changed(&id);
    if let Some(queue) = &app.queue {
        return queue.put(&tenant.name, priority, &id, None);
    }
    let (own, owner, seen) = (Arc::clone(app), tenant.clone(), Arc::clone(&cancel));
    let job = move |way: &Way<'_>| attempt(&own, &owner, priority, &id, way, &seen);
    app.pool.put_kept(tenant, priority, cancel, Box::new(job));
}

/// For a submission that the store fails at, as on a full disk.
fn queue_later(app: &Arc<App>, tenant: &Tenant, priority: i8, id: &str) {
    let (own, tenant, id) = (Arc::clone(app), tenant.clone(), id.to_owned());
    app.board.later.put(move || {
        // Its owner may have called it off meanwhile.
        if own.board.open().contains_key(&id) {
            queue(&own, &tenant, priority, id);
        }
    });
}

/// One attempt, in a slot.
fn attempt(app: &Arc<App>, tenant: &Tenant, priority: i8, id: &str, way: &Way<'_>, cancel: &Arc<Cancel>) {
    let begun = app.board.store.begin(id, "").and_then(|attempt| Ok((attempt, app.board.store.work(id)?)));
    let (attempt, work) = match begun {
        Ok((Some(attempt), Some(work))) => (attempt, work),
        Ok(_) => {
            app.board.open().remove(id);
            return;
        }
        Err(error) => {
            complain(id, &error);
            return queue_later(app, tenant, priority, id);
        }
    };
    app.board.changed(id);
    let finished = Attempt {
        workshop: &app.workshop,
        shelf: &app.shelf,
        tenant: &tenant.name,
        way,
        cancel,
        tell: &|kind, data| tell(app, id, kind, data),
        ran: &|done| app.metrics.ran(done),
    };
    let Finished { result, failure } = finished.perform(&work);
    if cancel.is_set() {
        // Its owner called it off, or this service ends and the next one does it.
        return;
    }
    match settle(app, id, attempt, failure.as_deref()) {
        Ok(Next::Nothing) => {}
        Ok(Next::Again) => queue(app, tenant, priority, id.to_owned()),
        Ok(Next::Result(state)) => conclude(app, id.to_owned(), attempt, state, result),
        // It counts as one that was begun, and is begun again.
        Err(error) => {
            complain(id, &error);
            queue_later(app, tenant, priority, id);
        }
    }
}

/// Adds to what happens to a submission.
pub(crate) fn tell(app: &App, id: &str, kind: &str, data: &str) {
    // Only for who looks on: the result has all tests.
    let _lost = app.board.store.tell(id, kind, data);
    app.board.changed(id);
}

/// What is to be done after an attempt.
enum Next {
    /// Another attempt.
    Again,
    /// Its result is to be written down.
    Result(State),
    /// Nothing: it is finished, or a later attempt is under way.
    Nothing,
}

/// Decides what is to be done after an attempt, and has one that failed be repeated.
fn settle(app: &App, id: &str, attempt: u32, failure: Option<&str>) -> rusqlite::Result<Next> {
    let Some(why) = failure else { return Ok(Next::Result(State::Done)) };
    if app.board.store.failures(id)? + 1 >= MOST_FAILURES {
        return Ok(Next::Result(State::Dead));
    }
    let is_back = app.board.store.put_back(id, attempt, End::Failed, why)?;
    Ok(if is_back { Next::Again } else { Next::Nothing })
}

/// A worker has a message with a submission's id, and asks what to do.
pub(crate) fn begin(app: &Arc<App>, id: &str, worker: &str) -> Result<Answer, String> {
    let Some(queue) = &app.queue else { return Ok(Answer::Gone) };
    match queue.ledger().begin(id, worker, Instant::now()) {
        Begin::Gone => return Ok(Answer::Gone),
        Begin::Later(time) => return Ok(Answer::Later { after_ms: time.as_millis() as u64 }),
        Begin::Yours => {}
    }
    let Some((tenant, _)) = queue.ledger().owner(id) else { return Ok(Answer::Gone) };
    let store = &app.board.store;
    let begun = store.begin(id, worker).and_then(|attempt| Ok((attempt, store.work(id)?)));
    match begun {
        Ok((Some(attempt), Some(work))) => {
            queue.ledger().begun(id, worker, attempt);
            app.board.changed(id);
            Ok(Answer::Yours { attempt, tenant, work })
        }
        Ok(_) => {
            queue.settle(id);
            Ok(Answer::Gone)
        }
        Err(error) => {
            complain(id, &error);
            queue.ledger().unbegun(id, worker, Instant::now());
            Err(format!("the store failed: {error}"))
        }
    }
}

/// A worker's attempt has ended. When this returns, its result is on the disk, or does not count.
///
/// # Errors
/// The store failed: the worker has the result, and is to bring it again.
pub(crate) fn end(app: &Arc<App>, held: &Held, finished: Finished) -> Result<(), String> {
    let Some(queue) = &app.queue else { return Ok(()) };
    let Finished { result, failure } = finished;
    let owner = queue.ledger().owner(&held.id);
    let settled = settle(app, &held.id, held.attempt, failure.as_deref());
    let next = settled.and_then(|next| match next {
        Next::Result(state) => {
            finish(app, &held.id, held.attempt, state, &result).map(|_counts| Next::Nothing)
        }
        other => Ok(other),
    });
    let next = next.map_err(|error| {
        complain(&held.id, &error);
        format!("the store failed: {error}")
    })?;
    // Not before: what comes again is counted once.
    if let Ok(done) = serde_json::from_str(&result) {
        app.metrics.ran(&done);
    }
    if let (Next::Again, Some((tenant, priority))) = (next, owner) {
        queue.put(&tenant, priority, &held.id, Some(&held.worker));
        app.board.changed(&held.id);
    }
    Ok(())
}

/// A worker was not heard of for the time of its lease: another one is to do what it had.
pub(crate) fn take_back(app: &Arc<App>, expired: &Expired) {
    let Some(queue) = &app.queue else { return };
    let Expired { id, attempt, worker } = expired;
    let Some((tenant, priority)) = queue.ledger().owner(id) else { return };
    let is_last = *attempt >= MOST_STARTS;
    let written = if is_last {
        let dead = Finished::failed(format!("the worker was lost at each of {attempt} attempts"));
        finish(app, id, *attempt, State::Dead, &dead.result)
    } else {
        app.board.store.put_back(id, *attempt, End::Lost, LOST)
    };
    match written {
        Ok(true) if is_last => {}
        Ok(true) => {
            journal::tell(&json!({ "submission": id, "worker": worker, "attempt": attempt, "error": LOST }));
            queue.put(&tenant, priority, id, None);
            app.board.changed(id);
        }
        // It has ended meanwhile; or the message of another end was lost.
        Ok(false) => match app.board.store.is_open(id) {
            Ok(true) => queue.put(&tenant, priority, id, None),
            Ok(false) => queue.settle(id),
            Err(error) => complain(id, &error),
        },
        // The lease stays in the ledger, as one that has ended: it is looked at again, and not kept elsewhere, too.
        Err(error) => complain(id, &error),
    }
}

/// Writes a result down, and tells of it; says whether it counts.
fn finish(app: &App, id: &str, attempt: u32, state: State, result: &str) -> rusqlite::Result<bool> {
    // A later attempt may be under way, or it was called off.
    let counts = app.board.store.finish(id, attempt, state, result)?;
    if counts {
        app.board.open().remove(id);
        if let Some(queue) = &app.queue {
            queue.settle(id);
        }
        app.board.changed(id);
    }
    Ok(counts)
}

/// The same for who has no other place for it: what cannot be written, as on a full disk, is kept, and written later.
fn conclude(app: &Arc<App>, id: String, attempt: u32, state: State, result: String) {
    if let Err(error) = finish(app, &id, attempt, state, &result) {
        complain(&id, &error);
        let own = Arc::clone(app);
        app.board.later.put(move || conclude(&own, id, attempt, state, result));
    }
}

fn complain(id: &str, error: &rusqlite::Error) {
    journal::tell(&json!({ "submission": id, "error": format!("the store failed: {error}") }));
}
