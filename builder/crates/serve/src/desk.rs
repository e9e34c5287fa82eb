//! Submissions from their acknowledgement to their result: the store remembers them, the pool does them.
//!
//! An attempt that fails by the sandbox's fault is repeated; a submission that fails that often is dead, with its last
//! failure as the result. A service that is killed has its unfinished submissions done by the next one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bundle::digest::Sha;
use judge::judging::{TestResult, Watch};
use judge::problem::Verdict;
use rustix::rand::{GetRandomFlags, getrandom};
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::app::{App, Busy};
use crate::cancel::Cancel;
use crate::journal;
use crate::settings::Tenant;
use crate::store::{New, Put, Row, State, Store};
use crate::whole::whole;
use crate::work::{Done, Work};

/// Attempts of a submission that the sandbox fails at,
const MOST_ATTEMPTS: u32 = 3;
/// and of one during which the service ended: whoever operates it may have killed it, or the submission may have.
const MOST_STARTS: u32 = 10;

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
    app.pool
        .check(tenant)
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
    for Row { id, tenant, priority, attempt, state, .. } in rows {
        // It was there each time that a service died: it may be why.
        if state == State::Running && attempt >= MOST_STARTS {
            let result = Finished::failed(format!("the service ended at each of {attempt} attempts"));
            conclude(app, id, attempt, State::Dead, result.result);
            continue;
        }
        queue(app, &Tenant { name: tenant, queue: None }, priority, id);
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

fn queue(app: &Arc<App>, tenant: &Tenant, priority: i8, id: String) {
    let cancel: Arc<Cancel> = Arc::default();
    app.board.open().insert(id.clone(), Arc::clone(&cancel));
    app.board.changed(&id);
    let (own, owner, seen) = (Arc::clone(app), tenant.clone(), Arc::clone(&cancel));
    let job = move |cpus: Option<&str>| attempt(&own, &owner, priority, &id, cpus, &seen);
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
fn attempt(app: &Arc<App>, tenant: &Tenant, priority: i8, id: &str, cpus: Option<&str>, cancel: &Cancel) {
    let begun = app.board.store.begin(id).and_then(|attempt| Ok((attempt, app.board.store.work(id)?)));
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
    let result = match serde_json::from_str::<Work>(&work) {
        Ok(Work { problem: Some(problem), .. }) if app.shelf.find(&tenant.name, &problem).is_none() => {
            Finished::failed("the problem was removed".to_owned())
        }
        Ok(work) if work.problem.is_some() => judged(app, tenant, id, &work, cancel),
        Ok(work) => {
            let done = app.workshop.run(&work, cpus, cancel);
            app.metrics.ran(&done);
            Finished::run(&done)
        }
        Err(error) => Finished::failed(format!("the store has no such work: {error}")),
    };
    if cancel.is_set() {
        // Its owner called it off, or this service ends and the next one does it.
        return;
    }
    match result.failure.clone() {
        Some(why) if attempt < MOST_ATTEMPTS => match app.board.store.put_back(id, attempt, &why) {
            Ok(_) => queue(app, tenant, priority, id.to_owned()),
            // It counts as one that was begun, and is begun again.
            Err(error) => {
                complain(id, &error);
                queue_later(app, tenant, priority, id);
            }
        },
        Some(_) => conclude(app, id.to_owned(), attempt, State::Dead, result.result),
        None => conclude(app, id.to_owned(), attempt, State::Done, result.result),
    }
}

/// Follows the judging of a submission.
struct Judging<'a> {
    app: &'a App,
    id: &'a str,
    cancel: &'a Cancel,
}

impl Watch for Judging<'_> {
    fn test(&self, number: usize, result: &TestResult) {
        let data = json!({ "test": number, "name": result.name, "verdict": result.verdict }).to_string();
        // Only for who looks on: the result has all tests.
        let _lost = self.app.board.store.tell(self.id, "test", &data);
        self.app.board.changed(self.id);
    }

    fn interrupted(&self) -> Option<String> {
        self.cancel.is_set().then(|| "called off".to_owned())
    }
}

fn judged(app: &App, tenant: &Tenant, id: &str, work: &Work, cancel: &Cancel) -> Finished {
    let place = work.problem.as_deref().and_then(|problem| app.shelf.find(&tenant.name, problem));
    let Some(place) = place else { return Finished::failed("there is no such problem".to_owned()) };
    let session = app.shelf.ready_to_judge(&place, |place| app.workshop.open_problem(place));
    let session = session.map_err(|unready| unready.to_string());
    let judged = session.and_then(|session| app.workshop.judge(work, &session, &Judging { app, id, cancel }));
    match judged
        .and_then(|judgement| Ok((judgement.to_json().map_err(|error| error.to_string())?, judgement)))
    {
        Ok((result, judgement)) => {
            let is_ours = matches!(judgement.verdict, Verdict::JudgeError | Verdict::InternalError);
            let why =
                || judgement.error.clone().unwrap_or_else(|| format!("the verdict is {}", judgement.verdict));
            Finished { result, failure: is_ours.then(why) }
        }
        Err(why) => Finished::failed(why),
    }
}

/// What came of an attempt.
struct Finished {
    /// As JSON: [`Done`], or the judgement of a submission with a problem.
    result: String,
    /// Why it is no verdict.
    failure: Option<String>,
}

impl Finished {
    fn run(done: &Done) -> Finished {
        Finished { result: serde_json::to_string(done).unwrap_or_default(), failure: done.failure() }
    }

    fn failed(why: String) -> Finished {
        Finished::run(&Done::failed(why))
    }
}

/// Writes the result down. One that cannot be written, as on a full disk, is kept, and written later.
fn conclude(app: &Arc<App>, id: String, attempt: u32, state: State, result: String) {
    match app.board.store.finish(&id, attempt, state, &result) {
        Ok(_) => {
            app.board.open().remove(&id);
            app.board.changed(&id);
        }
        Err(error) => {
            complain(&id, &error);
            let own = Arc::clone(app);
            app.board.later.put(move || conclude(&own, id, attempt, state, result));
        }
    }
}

fn complain(id: &str, error: &rusqlite::Error) {
    journal::tell(&json!({ "submission": id, "error": format!("the store failed: {error}") }));
}

/// A random UUID (RFC 9562, version 4), which nobody can guess.
fn new_id() -> io::Result<String> {
    let mut bytes = [0; 16];
    let got = getrandom(&mut bytes, GetRandomFlags::empty())?;
    if got != bytes.len() {
        return Err(io::Error::other("too few random bytes"));
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_uuids_and_differ() {
        let (one, other) = (super::new_id().unwrap(), super::new_id().unwrap());
        assert_ne!(one, other);
        let lengths: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!((lengths.as_slice(), &one[14..15]), (&[8, 4, 4, 4, 12][..], "4"));
    }
}
