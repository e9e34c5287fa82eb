//! A submission in the store.

use serde::Serialize;
use utoipa::ToSchema;

/// The columns that [`Row::read`] reads.
pub(super) const SELECT: &str = "SELECT id, tenant, front, priority, state, attempt, created_ms, started_ms, \
                                 finished_ms, extra, result, worker FROM submissions";

/// A submission that is to be kept.
pub(crate) struct New<'a> {
    pub(crate) id: &'a str,
    pub(crate) tenant: &'a str,
    /// The client's name for it: the same one again is the same submission.
    pub(crate) key: Option<&'a str>,
    /// Of what the client sent.
    pub(crate) digest: &'a str,
    /// The API through which it came.
    pub(crate) front: &'a str,
    pub(crate) priority: i8,
    /// As JSON.
    pub(crate) work: &'a str,
    /// What the front needs for its answer, as JSON.
    pub(crate) extra: &'a str,
}

/// Where a submission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It waits for a slot.
    Queued,
    /// It is in one.
    Running,
    /// It has a result.
    Done,
    /// The sandbox failed at each attempt; the result has the last failure.
    Dead,
    /// Its owner called it off.
    Cancelled,
}

const STATES: [State; 5] = [State::Queued, State::Running, State::Done, State::Dead, State::Cancelled];

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Done => "done",
            State::Dead => "dead",
            State::Cancelled => "cancelled",
        }
    }

    pub(crate) fn is_final(self) -> bool {
        !matches!(self, State::Queued | State::Running)
    }
}

/// A submission, without its work.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) tenant: String,
    pub(crate) front: String,
    pub(crate) priority: i8,
    pub(crate) state: State,
    pub(crate) attempt: u32,
    /// Milliseconds since 1970.
    pub(crate) created_ms: i64,
    pub(crate) started_ms: Option<i64>,
    pub(crate) finished_ms: Option<i64>,
    pub(crate) extra: String,
    /// As JSON.
    pub(crate) result: Option<String>,
    /// Who makes the last attempt: a worker, or nothing for the service itself.
    pub(crate) worker: String,
}

/// Something that happened to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Grows with time.
    pub(crate) seq: i64,
    pub(crate) kind: String,
    /// As JSON.
    pub(crate) data: String,
}

impl Row {
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        let word: String = row.get(4)?;
        let state = STATES.into_iter().find(|state| state.word() == word);
        Ok(Row {
            id: row.get(0)?,
            tenant: row.get(1)?,
            front: row.get(2)?,
            priority: row.get(3)?,
            state: state.ok_or(rusqlite::Error::InvalidQuery)?,
            attempt: row.get(5)?,
            created_ms: row.get(6)?,
            started_ms: row.get(7)?,
            finished_ms: row.get(8)?,
            extra: row.get(9)?,
            result: row.get(10)?,
            worker: row.get(11)?,
        })
    }
}
