//! `POST /v1/batch`: one program a line, and one answer a line as soon as it is there.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::run::RunAnswer;
use super::run_request::{RunRequest, read};
use crate::app::{App, when_there_is_room};
use crate::http::{Pieces, Problem, caller, next_piece, streamed};
use crate::settings::Tenant;

/// Lines that are under way for each slot: one in it, one that is ready for it, and one that comes while an answer goes: the
/// programs have the CPUs, and the slot would wait until this thread has one.
const AHEAD: usize = 3;
/// Answers that wait for a client which sends all of its request before it reads,
const ANSWERS: usize = 4096;
/// and their bytes.
const ANSWER_BYTES: usize = 64 << 20;

/// Compile and run one program for each line of the request, which is NDJSON. The lines of the answer come in the order in
/// which the programs end; each has the number of its line as `index`, from 0, and `answer` or `problem`. The service reads
/// on as slots become free, so that a batch may have any length.
#[utoipa::path(
    post,
    path = "/v1/batch",
    request_body(content = RunRequest, content_type = "application/x-ndjson"),
    responses(
        (status = 200, body = RunAnswer, description = "One line for each line.", content_type = "application/x-ndjson"),
        (status = 401, body = Problem, description = "It has no tenant's token.", content_type = "application/problem+json"),
    )
)]
pub(super) async fn batch(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    let (sender, answer) = streamed(ANSWERS, ANSWER_BYTES);
    tokio::spawn(work(app, tenant, body, sender));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], answer).into_response())
}

async fn work(app: Arc<App>, tenant: Tenant, body: Body, to: Pieces) {
    let ahead = Arc::new(Semaphore::new(AHEAD * app.settings.slots));
    let mut lines = Lines::new(body, app.settings.body);
    let mut index = 0;
    // What is under way is called off with this.
    let mut under_way = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&ahead).acquire_owned().await else { return };
        let line = tokio::select! {
            line = lines.next() => line,
            () = to.closed() => return,
        };
        let line = match line {
            Some(Ok(line)) => line,
            Some(Err(End::Gone)) => return,
            Some(Err(End::TooLong(what))) => {
                let _gone = to.send(rendered(&json!({ "index": index, "problem": what }))).await;
                break;
            }
            None => break,
        };
        while under_way.try_join_next().is_some() {}
        let (app, tenant, to, own) = (Arc::clone(&app), tenant.clone(), to.clone(), index);
        under_way.spawn(async move {
            let _until_its_end = permit;
            tokio::select! {
                answer = one(&app, &tenant, &line, own) => {
                    let _gone = to.send(answer).await;
                }
                // Nobody waits for it: to drop it calls it off.
                () = to.closed() => {}
            }
        });
        index += 1;
    }
    while under_way.join_next().await.is_some() {}
}

/// A line of the answer.
#[derive(Serialize)]
struct Line {
    index: usize,
    #[serde(flatten)]
    end: LineEnd,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LineEnd {
    Answer(Box<RunAnswer>),
    Problem(Problem),
}

async fn one(app: &Arc<App>, tenant: &Tenant, line: &[u8], index: usize) -> Bytes {
    let done = async {
        let work = read::<RunRequest>(line)?.into_run(&app.workshop)?;
        let done = when_there_is_room(|| app.run(tenant, work.clone())).await?;
        Ok::<_, Problem>(RunAnswer::from(done))
    };
    let end = match done.await {
        Ok(answer) => LineEnd::Answer(Box::new(answer)),
        Err(problem) => LineEnd::Problem(problem),
    };
    rendered(&Line { index, end })
}

fn rendered(line: &impl Serialize) -> Bytes {
    let mut line = serde_json::to_vec(line).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

/// Why there are no more lines, although the body is not over.
enum End {
    TooLong(String),
    /// The client is.
    Gone,
}

/// The lines of a body. None is kept that is longer than a request may be.
struct Lines {
    body: Body,
    most: usize,
    ready: VecDeque<Vec<u8>>,
    rest: Vec<u8>,
    is_over: bool,
}

impl Lines {
    fn new(body: Body, most: usize) -> Lines {
        Lines { body, most, ready: VecDeque::new(), rest: Vec::new(), is_over: false }
    }

    /// The next line that is not blank.
    async fn next(&mut self) -> Option<Result<Vec<u8>, End>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(Ok(line));
            }
            if self.is_over {
                return None;
            }
            match next_piece(&mut self.body).await {
                Some(Ok(piece)) => self.take(&piece),
                Some(Err(_)) => return Some(Err(End::Gone)),
                None => {
                    self.is_over = true;
                    let rest = std::mem::take(&mut self.rest);
                    self.push(rest);
                }
            }
            if self.rest.len() > self.most {
                self.is_over = true;
                return Some(Err(End::TooLong(format!("a line has more than {} bytes", self.most))));
            }
        }
    }

    fn take(&mut self, piece: &[u8]) {
        let mut parts = piece.split(|byte| *byte == b'\n');
        self.rest.extend_from_slice(parts.next().unwrap_or_default());
        for part in parts {
            let line = std::mem::replace(&mut self.rest, part.to_vec());
            self.push(line);
        }
    }

    fn push(&mut self, line: Vec<u8>) {
        if !line.trim_ascii().is_empty() {
            self.ready.push_back(line);
        }
    }
}
