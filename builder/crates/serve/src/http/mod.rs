//! HTTP and WebSockets: listening, connections, and what a client may send and how slowly. Which path is whose, other modules know.

mod activated;
mod body;
mod caller;
mod connection;
mod json;
mod listener;
mod log;
mod problem;
mod socket;
mod stream;

pub(crate) use body::{BodyError, read_body, read_bytes};
pub(crate) use caller::{caller, is_token};
pub(crate) use connection::serve;
pub(crate) use json::parse;
pub(crate) use listener::Listener;
pub(crate) use log::{HostNames, observe, refuse_strangers};
pub(crate) use problem::{Problem, later, not_found, wrong_method};
pub(crate) use socket::{Sender, Socket, upgraded};
pub(crate) use stream::{Pieces, next_piece, streamed};
