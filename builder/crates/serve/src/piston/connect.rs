//! `/connect`: a program to which its client writes, and from which it reads, while it runs.

use std::io::PipeReader;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use run::Cancel;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::Ending;
use super::request::Execute;
use super::streams::{Stdin, data, pass_on};
use super::{Message, tenant};
use crate::alias;
use crate::app::{App, Busy};
use crate::dialogue::{self, Compiled, Event};
use crate::http::{Sender, Socket, parse, upgraded};
use crate::pool::{Begins, Way};
use crate::settings::Tenant;
use crate::signal;
use crate::work::Done;

/// For the first message.
const INIT: Duration = Duration::from_secs(1);

/// Signals that end the program here. It cannot catch them: none reaches a program from the outside.
const ENDING: [&str; 3] = ["SIGINT", "SIGKILL", "SIGTERM"];

/// Why a connection is closed: a code, and the reason in Piston's words.
type Close = (u16, &'static str);

const GOING_AWAY: Close = (1001, "The service ends");
const ALREADY_INITIALIZED: Close = (4000, "Already Initialized");
const NOT_IN_TIME: Close = (4001, "Initialization Timeout");
const NOTIFIED: Close = (4002, "Notified Error");
const NOT_INITIALIZED: Close = (4003, "Not yet initialized");
const ONLY_STDIN: Close = (4004, "Can only write to stdin");
const INVALID_SIGNAL: Close = (4005, "Invalid signal");
const COMPLETED: Close = (4999, "Job Completed");

pub(super) async fn connect(State(app): State<Arc<App>>, request: Request) -> Result<Response, Message> {
    let tenant = tenant(&app, request.headers())?;
    let longest = app.settings.body;
    Ok(upgraded(request, longest, move |mut socket| async move {
        match hold(&app, &tenant, &mut socket).await {
            Some((code, reason)) => socket.close(code, reason).await,
            None => socket.end().await,
        }
    }))
}

/// The whole of it; `None` if no more messages of the client's come. To return ends the program.
async fn hold(app: &Arc<App>, tenant: &Tenant, socket: &mut Socket) -> Option<Close> {
    let execute = match first(app, socket).await? {
        Ok(execute) => execute,
        Err(close) => return Some(close),
    };
    let Execute { language, version, work } = execute;
    let mut talk = Talk::new(app, socket.sender());
    let language = alias::in_piston(&language);
    talk.say(json!({ "type": "runtime", "language": language, "version": version })).await?;
    let (happens, mut events) = mpsc::channel(dialogue::MOST_EVENTS);
    let (own, name) = (Arc::clone(app), tenant.name.clone());
    let job = move |way: &Way<'_>, cancel: &Arc<Cancel>| {
        let tell = |event| {
            let _the_client_is_gone = happens.try_send(event);
        };
        let done = dialogue::run(&own.workshop, &work, &name, way, cancel, &tell);
        own.metrics.ran(&done);
        done
    };
    let mut run = pin!(app.in_slot_until(tenant, Begins::Ahead, Arc::clone(&talk.cancel), job));
    let done = loop {
        tokio::select! {
            // What happens, before the end of it.
            biased;
            Some(event) = events.recv() => talk.happens(event).await?,
            done = run.as_mut() => break done,
            text = socket.next(), if talk.stdin.has_room() => {
                if let Err(close) = talk.hear(&text?).await? {
                    return Some(close);
                }
            }
            () = talk.stdin.pass(), if talk.stdin.waits() => {}
            // While nothing is read, a message that cannot be sent tells it: a ping, at the latest.
            () = talk.to.closed() => return None,
        }
    };
    while let Ok(event) = events.try_recv() {
        talk.happens(event).await?;
    }
    talk.end(done).await
}

/// The first message, which says what to run.
async fn first(app: &App, socket: &mut Socket) -> Option<Result<Execute, Close>> {
    let (to, mut ends) = (socket.sender(), socket.ends());
    let text = tokio::select! {
        text = timeout(INIT, socket.next()) => text,
        () = ends.come() => return Some(Err(GOING_AWAY)),
    };
    let Ok(text) = text else { return Some(Err(NOT_IN_TIME)) };
    let message: Value = match parse(text?.as_bytes()) {
        Ok(message) => message,
        Err(error) => return complaint(&to, &error.to_string()).await.map(Err),
    };
    match message["type"].as_str() {
        Some("init") => match Execute::read(&message, app) {
            Ok(execute) => Some(Ok(execute)),
            Err(Message(_, text)) => complaint(&to, &text).await.map(Err),
        },
        Some("data" | "signal") => Some(Err(NOT_INITIALIZED)),
        _ => complaint(&to, "the type of the message is unknown").await.map(Err),
    }
}

/// Says what is wrong; the connection is closed then.
async fn complaint(to: &Sender, text: &str) -> Option<Close> {
    let message = json!({ "type": "error", "message": text });
    to.send(message.to_string()).await.ok()?;
    Some(NOTIFIED)
}

/// A client and its program. `None` says that the client is gone.
struct Talk<'a> {
    app: &'a App,
    to: Sender,
    stage: &'static str,
    stdin: Stdin,
    /// What the program writes, on its way.
    outputs: JoinSet<()>,
    /// Whether the run is.
    is_over: watch::Sender<bool>,
    cancel: Arc<Cancel>,
    /// With which the client has ended it.
    signal: Option<&'static str>,
}

impl<'a> Talk<'a> {
    fn new(app: &'a App, to: Sender) -> Talk<'a> {
        let (stdin, outputs, cancel) = (Stdin::default(), JoinSet::new(), Arc::default());
        let is_over = watch::Sender::new(false);
        Talk { app, to, stage: "run", stdin, outputs, is_over, cancel, signal: None }
    }

    async fn say(&self, message: Value) -> Option<()> {
        self.to.send(message.to_string()).await.ok()
    }

    async fn begin(&mut self, stage: &'static str) -> Option<()> {
        self.stage = stage;
        self.say(json!({ "type": "stage", "stage": stage })).await
    }

    async fn exit(&self, ending: Ending) -> Option<()> {
        let Ending { code, signal, message, status } = ending;
        self.say(json!({
            "type": "exit", "stage": self.stage, "code": code, "signal": signal, "status": status, "message": message,
        }))
        .await
    }

    async fn happens(&mut self, event: Event) -> Option<()> {
        match event {
            Event::Compiles => self.begin("compile").await,
            Event::Compiled(Compiled { status, facts, text }) => {
                if !text.is_empty() {
                    self.to.send(data("stderr", &String::from_utf8_lossy(&text))).await.ok()?;
                }
                // Of a sandbox that fails, the end tells.
                if status != "sandbox-error" {
                    self.exit(Ending::new(&status, &facts, true)).await?;
                }
                Some(())
            }
            Event::Runs(ends) => {
                self.begin("run").await?;
                self.stdin.begin(ends.stdin);
                self.pass_on(ends.stdout, "stdout");
                self.pass_on(ends.stderr, "stderr");
                Some(())
            }
        }
    }

    fn pass_on(&mut self, end: PipeReader, stream: &'static str) {
        self.outputs.spawn(pass_on(end, stream, self.to.clone(), self.is_over.subscribe()));
    }

    /// A message of the client's.
    async fn hear(&mut self, text: &str) -> Option<Result<(), Close>> {
        let message: Value = match parse(text.as_bytes()) {
            Ok(message) => message,
            Err(error) => return complaint(&self.to, &error.to_string()).await.map(Err),
        };
        let field = |name: &str| message[name].as_str();
        match field("type") {
            Some("init") => Some(Err(ALREADY_INITIALIZED)),
            Some("data") if field("stream") != Some("stdin") => Some(Err(ONLY_STDIN)),
            Some("data") => match field("data") {
                Some(data) => {
                    self.stdin.put(data);
                    Some(Ok(()))
                }
                None => complaint(&self.to, "data is required as a string").await.map(Err),
            },
            Some("signal") => self.signal(field("signal").unwrap_or_default()).await,
            _ => complaint(&self.to, "the type of the message is unknown").await.map(Err),
        }
    }

    async fn signal(&mut self, name: &str) -> Option<Result<(), Close>> {
        if let Some(ending) = ENDING.into_iter().find(|ending| *ending == name) {
            self.signal = Some(ending);
            self.app.call_off(&self.cancel);
            return Some(Ok(()));
        }
        if !signal::is_known(name) {
            return Some(Err(INVALID_SIGNAL));
        }
        let text = format!("{name} cannot be delivered here; {} end the program", ENDING.join(", "));
        self.say(json!({ "type": "error", "message": text })).await.map(Ok)
    }

    /// Says how it ended, after all that it has written.
    async fn end(mut self, done: Result<Option<Done>, Busy>) -> Option<Close> {
        self.is_over.send_replace(true);
        while self.outputs.join_next().await.is_some() {}
        let done = match done {
            Ok(done) => done,
            Err(Busy { .. }) => return complaint(&self.to, "the server is busy").await,
        };
        let failure = done.as_ref().map_or_else(|| Some(String::new()), Done::failure);
        match (failure, self.signal, done) {
            (Some(_), Some(signal), _) => {
                let signal = Some(signal.to_owned());
                self.exit(Ending { code: None, signal, message: None, status: Some("SG") }).await?;
            }
            (Some(_), None, _) if self.cancel.is_set() => return Some(GOING_AWAY),
            (Some(_), None, None) => return Some(GOING_AWAY),
            (Some(failure), None, Some(_)) => return complaint(&self.to, &failure).await,
            (None, _, Some(Done { run: Some(step), status, .. })) => {
                self.exit(Ending::new(&status, &step.facts, false)).await?;
            }
            // It does not compile, and its client knows.
            (None, ..) => {}
        }
        Some(COMPLETED)
    }
}
