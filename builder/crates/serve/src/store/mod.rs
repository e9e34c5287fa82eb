//! Submissions that outlive their request, and this process: SQLite in WAL mode.
//!
//! A submission is acknowledged when its row is on the disk. Its result is written by compare-and-set on the number of the
//! attempt, so that of two attempts only the later one counts. One process has the store at a time.

mod row;
mod schema;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

pub(crate) use row::{Event, New, Row, State};

use crate::error::Error;

/// The file, and what keeps a second process out.
const DATABASE: &str = "capsule.db";
const LOCK: &str = "lock";
/// What a mode gives to all.
const OTHERS: u32 = 0o007;
/// After so many results of a tenant, or one in a hundred of what may be kept in number or bytes, its old ones are removed.
const PERIOD: u64 = 100;
/// A submission that is finished has no use for its work, which takes room; only Judge0's answers give it back.
const CLEAR: &str = "work = CASE front WHEN 'judge0' THEN work ELSE '' END";
/// A tenant's finished submissions: their places from the newest on, and what they take up to there. In the order of
/// `submissions_by_end`, so that nothing is sorted.
const NEWEST: &str = "SELECT rowid, row_number() OVER newest AS place, sum(bytes) OVER newest AS bytes
    FROM submissions WHERE tenant = ?1 AND ended_ms IS NOT NULL
    WINDOW newest AS (ORDER BY ended_ms DESC, bytes DESC, rowid DESC)";

/// Submissions.
pub(crate) struct Store {
    connection: Mutex<Connection>,
    clock: Clock,
    keep: Keep,
    /// Each tenant's results since its old ones were removed; a large one counts more.
    finished: Mutex<BTreeMap<String, u64>>,
    _lock: Option<File>,
}

/// What is kept of each tenant's finished submissions: the newest ones, within all three bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    pub(crate) number: u64,
    /// Of results, events, and what Judge0's API gives back.
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

/// Whether a submission was new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Put {
    New,
    /// The tenant has sent the same before, under this id.
    Known(String),
    /// The tenant has sent something else with the same key.
    Conflict,
}

/// How an attempt ended that has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It failed by the fault of the sandbox or of a judge's program.
    Failed,
    /// Whoever made it is gone.
    Lost,
}

impl Store {
    /// Opens the store in a directory, or one in memory.
    ///
    /// # Errors
    /// The directory cannot be used, another process has it, or a newer capsule wrote it.
    pub(crate) fn open(place: Option<&Path>, keep: Keep) -> Result<Store, Error> {
        let fail = |what: String| Error::Store {
            place: place
                .map_or_else(|| "the store in memory".to_owned(), |place| place.display().to_string()),
            what,
        };
        let (connection, lock) = match place {
            None => (Connection::open_in_memory(), None),
            Some(place) => {
                let made = DirBuilder::new().recursive(true).mode(0o700).create(place);
                let lock =
                    made.and_then(|()| lock(&place.join(LOCK))).map_err(|error| fail(error.to_string()))?;
                let database = place.join(DATABASE);
                keep_private(&database).map_err(|error| fail(error.to_string()))?;
                (Connection::open(database), Some(lock))
            }
        };
        let connection = connection.map_err(|error| fail(error.to_string()))?;
        schema::prepare(&connection).map_err(fail)?;
        let clock = Clock::start(&connection).map_err(|error| fail(error.to_string()))?;
        let (connection, finished) = (Mutex::new(connection), Mutex::default());
        Ok(Store { connection, clock, keep, finished, _lock: lock })
    }

    /// Keeps a submission; when this returns, it is on the disk.
    pub(crate) fn put(&self, new: &New<'_>) -> rusqlite::Result<Put> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        if let Some(key) = new.key {
            let sql = "SELECT id, digest FROM submissions WHERE tenant = ?1 AND key = ?2";
            let known = transaction.query_row(sql, params![new.tenant, key], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            });
            if let Some((id, digest)) = known.optional()? {
                return Ok(if digest == new.digest { Put::Known(id) } else { Put::Conflict });
            }
        }
        transaction.execute(
            "INSERT INTO submissions (id, tenant, key, digest, front, priority, state, attempt, created_ms, work, extra)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', 0, ?7, ?8, ?9)",
            params![
                new.id, new.tenant, new.key, new.digest, new.front, new.priority, now_ms(), new.work, new.extra
            ],
        )?;
        add_event(&transaction, new.id, "queued", "{}")?;
        transaction.commit()?;
        Ok(Put::New)
    }

    /// Begins the next attempt, which this worker makes, or with an empty name the service itself; `None` for a submission
    /// that is not waiting any more.
    pub(crate) fn begin(&self, id: &str, worker: &str) -> rusqlite::Result<Option<u32>> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let attempt = transaction
            .query_row(
                "UPDATE submissions SET state = 'running', attempt = attempt + 1, started_ms = ?2, worker = ?3
                 WHERE id = ?1 AND state IN ('queued', 'running') RETURNING attempt",
                params![id, now_ms(), worker],
                |row| row.get::<_, u32>(0),
            )
            .optional()?;
        if let Some(attempt) = attempt {
            add_event(&transaction, id, "running", &of_attempt(attempt, worker, None))?;
        }
        transaction.commit()?;
        Ok(attempt)
    }

    /// Writes the result of an attempt, unless a later one has begun or the submission was called off; says whether it did.
    pub(crate) fn finish(
        &self,
        id: &str,
        attempt: u32,
        state: State,
        result: &str,
    ) -> rusqlite::Result<bool> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let changed = transaction.execute(
            &format!(
                "UPDATE submissions SET state = ?3, result = ?4, finished_ms = ?5, ended_ms = ?6, {CLEAR}
                 WHERE id = ?1 AND attempt = ?2 AND state IN ('queued', 'running')"
            ),
            params![id, attempt, state.word(), result, now_ms(), self.clock.now_ms()],
        )?;
        if changed == 1 {
            add_event(&transaction, id, state.word(), "{}")?;
        }
        let ended = end(transaction, id, changed)?;
        drop(connection);
        Ok(ended.map(|ended| self.trim_sometimes(&ended)).is_some())
    }

    /// Has an attempt that ended by no fault of the submission be repeated; says whether it did.
    pub(crate) fn put_back(&self, id: &str, attempt: u32, end: End, why: &str) -> rusqlite::Result<bool> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let worker = transaction
            .query_row(
                "UPDATE submissions SET state = 'queued', failures = failures + ?3
                 WHERE id = ?1 AND attempt = ?2 AND state = 'running' RETURNING worker",
                params![id, attempt, u32::from(end == End::Failed)],
                |row| row.get::<_, String>(0),
            )
            .optional()?;
        if let Some(worker) = &worker {
            add_event(&transaction, id, "queued", &of_attempt(attempt, worker, Some(why)))?;
        }
        transaction.commit()?;
        Ok(worker.is_some())
    }

    /// How many attempts at a submission have failed.
    pub(crate) fn failures(&self, id: &str) -> rusqlite::Result<u32> {
        let sql = "SELECT failures FROM submissions WHERE id = ?1";
        self.connection().query_row(sql, [id], |row| row.get(0)).optional().map(Option::unwrap_or_default)
    }

    /// Adds to what happens to a submission.
    pub(crate) fn tell(&self, id: &str, kind: &str, data: &str) -> rusqlite::Result<usize> {
        add_event(&self.connection(), id, kind, data)
    }

    /// Calls a submission off that is not finished; says whether it did.
    pub(crate) fn cancel(&self, tenant: &str, id: &str) -> rusqlite::Result<bool> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let changed = transaction.execute(
            &format!(
                "UPDATE submissions SET state = 'cancelled', finished_ms = ?3, ended_ms = ?4, {CLEAR}
                 WHERE id = ?1 AND tenant = ?2 AND state IN ('queued', 'running')"
            ),
            params![id, tenant, now_ms(), self.clock.now_ms()],
        )?;
        if changed == 1 {
            add_event(&transaction, id, State::Cancelled.word(), "{}")?;
        }
        let ended = end(transaction, id, changed)?;
        drop(connection);
        Ok(ended.map(|ended| self.trim_sometimes(&ended)).is_some())
    }

    /// A tenant's submission. That of another tenant is as absent as one that never was.
    pub(crate) fn get(&self, tenant: &str, id: &str) -> rusqlite::Result<Option<Row>> {
        let sql = format!("{} WHERE id = ?1 AND tenant = ?2", row::SELECT);
        self.connection().query_row(&sql, params![id, tenant], Row::read).optional()
    }

    /// What is to be done, in the order in which it came: also what a process that was killed had begun.
    pub(crate) fn unfinished(&self) -> rusqlite::Result<Vec<Row>> {
        let sql = format!("{} WHERE state IN ('queued', 'running') ORDER BY rowid", row::SELECT);
        let connection = self.connection();
        let mut statement = connection.prepare(&sql)?;
        statement.query_map([], Row::read)?.collect()
    }

    /// Whether more will happen to a submission.
    pub(crate) fn is_open(&self, id: &str) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM submissions WHERE id = ?1 AND state IN ('queued', 'running')";
        self.connection().query_row(sql, [id], |_| Ok(())).optional().map(|found| found.is_some())
    }

    /// The work of a submission.
    pub(crate) fn work(&self, id: &str) -> rusqlite::Result<Option<String>> {
        let sql = "SELECT work FROM submissions WHERE id = ?1";
        self.connection().query_row(sql, [id], |row| row.get(0)).optional()
    }

    /// What happened to a submission after an event, each with its number.
    pub(crate) fn events(&self, id: &str, after: i64) -> rusqlite::Result<Vec<Event>> {
        let connection = self.connection();
        let sql = "SELECT seq, kind, data FROM events WHERE submission = ?1 AND seq > ?2 ORDER BY seq";
        let mut statement = connection.prepare(sql)?;
        let event =
            |row: &rusqlite::Row<'_>| Ok(Event { seq: row.get(0)?, kind: row.get(1)?, data: row.get(2)? });
        statement.query_map(params![id, after], event)?.collect()
    }

    /// A result that was written just now stays, however large it is: its client may not have seen it.
    fn trim_sometimes(&self, Ended { tenant, bytes }: &Ended) {
        let period = PERIOD.max(self.keep.number / 100);
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        let count = finished.entry(tenant.clone()).or_default();
        *count += 1 + bytes / (self.keep.bytes / period).max(1);
        if *count < period {
            return;
        }
        *count = 0;
        drop(finished);
        let connection = self.connection();
        let oldest = self.clock.now_ms().saturating_sub(self.keep.time.as_millis() as i64);
        let _tried_again_later = connection
            .execute("DELETE FROM submissions WHERE ended_ms IS NOT NULL AND ended_ms < ?1", [oldest]);
        let sql = format!(
            "DELETE FROM submissions WHERE rowid IN (
                 SELECT rowid FROM ({NEWEST}) WHERE place > 1 AND (place > ?2 OR bytes > ?3))"
        );
        let [number, bytes] =
            [self.keep.number, self.keep.bytes].map(|most| i64::try_from(most).unwrap_or(i64::MAX));
        let _tried_again_later = connection.execute(&sql, params![tenant, number, bytes]);
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells how old results are, and which are the newest. When the machine's clock is stepped, by days and in either direction,
/// fresh results must not look old. So this clock starts at the time of the last stored result, and runs only while the service
/// does.
struct Clock {
    start_ms: i64,
    start: Instant,
}

impl Clock {
    fn start(connection: &Connection) -> rusqlite::Result<Clock> {
        let last = "SELECT max(ended_ms) FROM submissions WHERE ended_ms IS NOT NULL";
        let last: Option<i64> = connection.query_row(last, [], |row| row.get(0))?;
        Ok(Clock { start_ms: last.unwrap_or_default(), start: Instant::now() })
    }

    fn now_ms(&self) -> i64 {
        self.start_ms.saturating_add(self.start.elapsed().as_millis() as i64)
    }
}

/// A submission that has ended just now: whose it is, and what it takes.
struct Ended {
    tenant: String,
    bytes: u64,
}

/// Commits what has ended a submission, if anything has.
fn end(transaction: Transaction<'_>, id: &str, changed: usize) -> rusqlite::Result<Option<Ended>> {
    if changed == 0 {
        return transaction.commit().map(|()| None);
    }
    let ended = transaction.query_row(
        "UPDATE submissions SET bytes = octet_length(work) + octet_length(extra) + coalesce(octet_length(result), 0)
             + (SELECT sum(octet_length(data)) FROM events WHERE submission = ?1)
         WHERE id = ?1 RETURNING tenant, bytes",
        [id],
        |row| Ok(Ended { tenant: row.get(0)?, bytes: row.get::<_, i64>(1)?.unsigned_abs() }),
    )?;
    transaction.commit().map(|()| Some(ended))
}

fn add_event(connection: &Connection, id: &str, kind: &str, data: &str) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO events (submission, kind, data) VALUES (?1, ?2, ?3)";
    connection.prepare(sql)?.execute(params![id, kind, data])
}

/// The data of an event of an attempt; a worker is named where one makes it.
fn of_attempt(attempt: u32, worker: &str, error: Option<&str>) -> String {
    let worker = Some(worker).filter(|worker| !worker.is_empty());
    let pairs = [
        ("attempt", Some(attempt.into())),
        ("worker", worker.map(Into::into)),
        ("error", error.map(Into::into)),
    ];
    let data = pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    serde_json::Value::Object(data.collect()).to_string()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64)
}

/// Others' programs are nobody's to read. SQLite gives its other files the mode of the first one; an older capsule left it to
/// the umask.
fn keep_private(database: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(database)?;
    for suffix in ["", "-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        match fs::metadata(&path) {
            Ok(facts) => {
                let mode = facts.permissions().mode();
                fs::set_permissions(&path, Permissions::from_mode(mode & !OTHERS))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.try_lock().map_err(|_| io::Error::other("another process has it"))?;
    Ok(file)
}

#[cfg(test)]
mod tests;
