//! `POST /v1/group`: programs that run at the same time, with pipes between them.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use run::Cancel;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::run::RunAnswer;
use super::run_request::{RunRequest, read};
use crate::app::App;
use crate::group::{self, Group};
use crate::http::{Problem, caller, read_body};
use crate::pool::{Begins, Way};
use crate::streams::Pipe;
use crate::work::{Done, Program, Work};
use crate::workshop::Workshop;

/// Programs of a group: they have one slot together.
const MOST: usize = 8;
/// Bytes of all outputs of a group together, unless one program may have more.
const OUTPUT: u64 = 64 << 20;

/// Programs that run at the same time, and the pipes between them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupRequest {
    /// At most 8.
    programs: Vec<RunRequest>,
    /// Streams that lead from one program to another one, or to itself. The others are as with one program.
    #[serde(default)]
    pipes: Vec<PipeRequest>,
}

/// A pipe between two programs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PipeRequest {
    /// What writes to it: descriptor 1 or 2 of a program.
    from: PipeEnd,
    /// What reads from it: descriptor 0 of a program.
    to: PipeEnd,
}

/// An end of a pipe.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PipeEnd {
    /// The number of a program, from 0.
    program: usize,
    /// Its descriptor: 0, 1 or 2.
    fd: usize,
}

/// What came of the programs of a group.
#[derive(Serialize, ToSchema)]
pub(super) struct GroupAnswer {
    /// Of this format: 1.
    version: u32,
    /// In the order of the request. A program that did not run because another one does not compile has the status `not-run`.
    programs: Vec<RunAnswer>,
}

/// Compile several programs, run them at the same time with pipes between them, and wait for the end of all. Nothing runs
/// unless all of them compile. If the client goes away, all are ended.
#[utoipa::path(
    post,
    path = "/v1/group",
    request_body = GroupRequest,
    responses(
        (status = 200, body = GroupAnswer, description = "They ran, or did not compile, or a sandbox failed: `status` of each tells."),
        (status = 400, body = Problem, description = "The request is not JSON.", content_type = "application/problem+json"),
        (status = 401, body = Problem, description = "It has no tenant's token.", content_type = "application/problem+json"),
        (status = 408, body = Problem, description = "It came too slowly.", content_type = "application/problem+json"),
        (status = 413, body = Problem, description = "It is too long.", content_type = "application/problem+json"),
        (status = 422, body = Problem, description = "A field is wrong.", content_type = "application/problem+json"),
        (status = 429, body = Problem, description = "Too many of this tenant's jobs wait.", content_type = "application/problem+json"),
        (status = 503, body = Problem, description = "The queue is full, or the service ends.", content_type = "application/problem+json"),
    )
)]
pub(super) async fn group(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<GroupAnswer>, Problem> {
    let tenant = caller(&headers, &app.settings)?;
    let body = read_body(body, &app.settings).await?;
    let group = read::<GroupRequest>(&body)?.into_group(&app.workshop)?;
    drop(body);
    let (own, name, count) = (Arc::clone(&app), tenant.name.clone(), group.programs.len());
    let run = move |way: &Way<'_>, cancel: &Arc<Cancel>| {
        let all = group::run(&own.workshop, &name, &group, way, cancel);
        all.iter().for_each(|done| own.metrics.ran(done));
        all
    };
    let ended = |_| Done::failed("the service ended before the programs did".to_owned());
    let all = app.in_slot(&tenant, Begins::Ahead, run).await?;
    let all = all.unwrap_or_else(|| (0..count).map(ended).collect());
    Ok(Json(GroupAnswer { version: 1, programs: all.into_iter().map(RunAnswer::from).collect() }))
}

impl GroupRequest {
    /// The same as work, if the operator allows it.
    fn into_group(self, workshop: &Workshop) -> Result<Group, Problem> {
        let count = self.programs.len();
        if count == 0 || count > MOST {
            return Err(Problem::of_field("programs", format!("a group has 1 to {MOST} programs")));
        }
        let mut programs = Vec::new();
        for (at, program) in self.programs.into_iter().enumerate() {
            let work = program.into_run(workshop);
            programs.push(work.map_err(|problem| problem.below(&format!("programs[{at}]")))?);
        }
        let mut pipes = Vec::new();
        for (at, pipe) in self.pipes.into_iter().enumerate() {
            let pipe = pipe.into_pipe(&programs, &pipes);
            pipes.push(pipe.map_err(|problem| problem.below(&format!("pipes[{at}]")))?);
        }
        check_outputs(workshop, &programs, &pipes)?;
        Ok(Group { programs, pipes })
    }
}

impl PipeRequest {
    fn into_pipe(self, programs: &[Work], others: &[Pipe]) -> Result<Pipe, Problem> {
        let PipeRequest { from, to } = self;
        for (end, field) in [(&from, "from.program"), (&to, "to.program")] {
            if end.program >= programs.len() {
                let what = format!("there is no program {}: the first one is 0", end.program);
                return Err(Problem::of_field(field, what));
            }
        }
        if !matches!(from.fd, 1 | 2) {
            return Err(Problem::of_field("from.fd", "a pipe comes from descriptor 1 or 2"));
        }
        if to.fd != 0 {
            return Err(Problem::of_field("to.fd", "a pipe leads to descriptor 0"));
        }
        if !programs[to.program].stdin.0.is_empty() {
            return Err(Problem::of_field("to", "this program has `stdin`, and cannot read a pipe, too"));
        }
        let pipe = Pipe { from: from.program, stream: from.fd, to: to.program };
        if others.iter().any(|other| other.from == pipe.from && other.stream == pipe.stream) {
            return Err(Problem::of_field("from", "another pipe comes from this descriptor"));
        }
        if others.iter().any(|other| other.to == pipe.to) {
            return Err(Problem::of_field("to", "another pipe leads to this program"));
        }
        Ok(pipe)
    }
}

/// Outputs are collected in memory.
fn check_outputs(workshop: &Workshop, programs: &[Work], pipes: &[Pipe]) -> Result<(), Problem> {
    let alone = workshop.most().output_bytes.unwrap_or_default().saturating_mul(2);
    let (most, mut sum) = (OUTPUT.max(alone), 0_u64);
    for (at, program) in programs.iter().enumerate() {
        let Work { program: Program { submission, .. }, language, run, .. } = program;
        let limits = workshop.limits_of(submission, language.as_deref(), *run);
        let each = limits.output_bytes.unwrap_or_default();
        let piped = pipes.iter().filter(|pipe| pipe.from == at).count() as u64;
        sum = sum.saturating_add(each.saturating_mul(2 - piped));
        if sum > most {
            let what = format!("the outputs of a group may have {most} bytes together: ask for less");
            return Err(Problem::of_field(&format!("programs[{at}].limits.output_bytes"), what));
        }
    }
    Ok(())
}
