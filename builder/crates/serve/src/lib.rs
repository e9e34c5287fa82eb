//! The judge as a service: HTTP, the APIs that people already use, a queue.
//!
//! # Theory of operation
//!
//! ```text
//!   request ──http──► front (v1, piston, …) ──► Work ──Pool──► slot: Workshop (run) ──► Done ──front──► answer
//! ```
//!
//! * [`settings`] has what the operator sets, in one table of keys.
//! * `limit` compares what a request asks for with what the operator allows; no front can leave that out, because
//!   `workshop` applies it to each run.
//! * `pool` has the slots: threads that each do one job at a time. `fair` decides whose turn it is.
//! * `http` listens, bounds what a client may send and how slowly, knows who asks, and counts.
//! * `v1` is the native API. The other fronts are writers to the same core: each turns its own request into `Work`, and
//!   `Done` into its own answer.
//!
//! * `group` runs several programs at the same time, `dialogue` one that its client talks to; `streams` has their pipes.
//! * With a `queue`, submissions are done by workers, which are other processes on this machine or on others: `dispatcher`
//!   sends them, `workers` is what a worker asks of the service, and [`work`] is the worker.
//!
//! A bundle is opened, and the host's mount namespace left, before the first thread starts ([`run::exec::Workroom`]). Runs
//! belong to threads of the pool, so that they end with this process, however it ends.
#![warn(unreachable_pub)]

mod alias;
mod app;
mod board;
mod bound;
mod cpus;
mod desk;
mod dialogue;
mod dispatcher;
mod error;
mod fair;
mod fusion;
mod go_judge;
mod group;
mod http;
mod id;
mod journal;
mod judge0;
mod kept;
mod language;
mod later;
mod limit;
mod metrics;
mod notify;
mod once;
mod page;
mod perform;
mod piston;
mod pool;
mod queue;
mod router;
mod service;
pub mod settings;
mod shelf;
mod signal;
mod store;
mod streams;
mod text;
mod v1;
mod version;
mod whole;
mod wire;
mod work;
mod worker;
mod workers;
mod workshop;

pub use error::Error;
pub use service::serve;
pub use v1::openapi;
pub use worker::work;
