//! `GET /ws`: the requests of `POST /run`, many at a time on one connection. The answers come in the order in which the
//! requests end. A client that closes the connection calls all of them off.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::request::Run;
use super::{Refused, execute, plan, tenant};
use crate::app::{App, when_there_is_room};
use crate::http::{Sender, Socket, parse, upgraded};
use crate::settings::Tenant;

/// Requests of a connection, beyond the slots, of which the programs run, or the answers wait for a client that reads slowly.
/// The others wait here, as the texts that came: a request can be many times as long when it is read.
const AHEAD: usize = 1;
/// Requests of a connection that have no answer yet; all together are no longer than one may be.
const MOST: usize = 1000;

/// What a message is about.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Head {
    request_id: String,
    cancel_request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    request_id: &'a str,
    results: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The requests of a connection.
struct Requests {
    app: Arc<App>,
    tenant: Tenant,
    to: Sender,
    ahead: Arc<Semaphore>,
    /// Each gives its id at its end. They are called off with this.
    under_way: JoinSet<String>,
    open: BTreeMap<String, Open>,
    /// Of all that are open.
    bytes: usize,
}

/// A request without an answer.
struct Open {
    bytes: usize,
    /// To drop it calls the request off.
    cancel: Option<oneshot::Sender<()>>,
}

/// A message that is no JSON object.
struct Unreadable;

pub(super) async fn connect(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let tenant = tenant(&app, request.headers())?;
    let longest = app.settings.body;
    Ok(upgraded(request, longest, move |socket| talk(app, tenant, socket)))
}

async fn talk(app: Arc<App>, tenant: Tenant, mut socket: Socket) {
    let (mut ends, mut is_over, idle) = (socket.ends(), false, socket.idle());
    let mut requests = Requests::new(app, tenant, socket.sender());
    while !is_over || !requests.open.is_empty() {
        tokio::select! {
            // A request that has come is taken.
            biased;
            text = socket.next() => {
                let Some(text) = text else { return socket.end().await };
                if requests.take(&text).await.is_err() {
                    return socket.close(1007, "the message is no request").await;
                }
            }
            Some(ended) = requests.under_way.join_next() => {
                if let Ok(id) = ended {
                    requests.forget(&id);
                }
            }
            () = ends.come(), if !is_over => is_over = true,
            () = idle.wait_for_pressure(), if requests.open.is_empty() => {
                return socket.close(1013, "others wait for the connection").await;
            }
        }
    }
    socket.close(1001, "the service ends").await;
}

impl Requests {
    fn new(app: Arc<App>, tenant: Tenant, to: Sender) -> Requests {
        let ahead = Arc::new(Semaphore::new(app.settings.slots + AHEAD));
        let (under_way, open) = (JoinSet::new(), BTreeMap::new());
        Requests { app, tenant, to, ahead, under_way, open, bytes: 0 }
    }

    /// Does what a message asks for.
    async fn take(&mut self, text: &str) -> Result<(), Unreadable> {
        // Two strings are kept of it, however many values it has.
        let Head { request_id, cancel_request_id } = serde_json::from_str(text).map_err(|_| Unreadable)?;
        if !cancel_request_id.is_empty() {
            if let Some(open) = self.open.get_mut(&cancel_request_id) {
                open.cancel = None;
            }
        } else if let Err(error) = self.begin(&request_id, text) {
            let _gone = self.to.send(rendered(&request_id, Err(error))).await;
        }
        Ok(())
    }

    fn begin(&mut self, id: &str, text: &str) -> Result<(), String> {
        if id.is_empty() {
            return Err("empty request id".to_owned());
        }
        if self.open.contains_key(id) {
            return Err(format!("duplicated request id: {id}"));
        }
        let longest = self.app.settings.body;
        if self.open.len() >= MOST || self.bytes + text.len() > longest {
            return Err(format!("at most {MOST} requests, of {longest} bytes together, may wait"));
        }
        let (cancel, canceled) = oneshot::channel();
        self.open.insert(id.to_owned(), Open { bytes: text.len(), cancel: Some(cancel) });
        self.bytes += text.len();
        let (app, tenant, id) = (Arc::clone(&self.app), self.tenant.clone(), id.to_owned());
        let (ahead, to, text) = (Arc::clone(&self.ahead), self.to.clone(), text.to_owned());
        self.under_way.spawn(async move {
            let mut until_it_is_sent = None;
            let done = async {
                until_it_is_sent = ahead.acquire_owned().await.ok();
                let run: Run = parse(text.as_bytes()).map_err(|error| error.to_string())?;
                drop(text);
                run_when_there_is_room(&app, &tenant, run)
                    .await
                    .map_err(|refused| refused.what.unwrap_or_default())
            };
            let done = tokio::select! {
                done = done => done,
                _ = canceled => Err("the request was called off".to_owned()),
            };
            let _gone = to.send(rendered(&id, done)).await;
            drop(until_it_is_sent);
            id
        });
        Ok(())
    }

    fn forget(&mut self, id: &str) {
        if let Some(open) = self.open.remove(id) {
            self.bytes -= open.bytes;
        }
    }
}

/// Runs it when the queue has room. The requests behind it wait here, and fill no queue.
async fn run_when_there_is_room(app: &Arc<App>, tenant: &Tenant, run: Run) -> Result<Vec<Value>, Refused> {
    let plan = plan(app, tenant, run)?;
    when_there_is_room(|| execute(app, tenant, &plan)).await?
}

fn rendered(request_id: &str, done: Result<Vec<Value>, String>) -> String {
    let (results, error) = match done {
        Ok(results) => (results, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    serde_json::to_string(&Answer { request_id, results, error }).unwrap_or_default()
}
