//! What a worker and the service say to each other, as JSON over HTTP. Both are of one version of capsule, or of two that follow
//! each other: fields are only added.

use serde::{Deserialize, Serialize};

/// Where all of it is.
pub(crate) const PREFIX: &str = "/worker";

/// A worker lives, and has this bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) worker: String,
    pub(crate) slots: usize,
    /// The digest of the bundle's manifest.
    pub(crate) bundle: String,
}

/// The service knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Welcome {
    /// How long a worker holds a submission without a renewal.
    pub(crate) lease_ms: u64,
}

/// A worker has a message with the id of a submission.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) worker: String,
    pub(crate) id: String,
    /// As in `Hello`: the service may have been started anew, with another one.
    pub(crate) bundle: String,
}

/// What it is to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// To do it.
    Yours { attempt: u32, tenant: String, work: String },
    /// To forget it.
    Gone,
    /// To ask again.
    Later { after_ms: u64 },
}

/// An attempt that a worker holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) worker: String,
    pub(crate) id: String,
    pub(crate) attempt: u32,
}

/// Whether the service agrees: the worker still holds it, or its result counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agreed {
    pub(crate) agreed: bool,
}

/// What happened to a submission during an attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) held: Held,
    /// Kinds of events, and their data as JSON.
    pub(crate) events: Vec<(String, String)>,
}

/// What came of an attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) held: Held,
    pub(crate) result: String,
    /// Why it is no verdict.
    pub(crate) failure: Option<String>,
}

/// The archive of a problem is wanted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) tenant: String,
    pub(crate) problem: String,
}
