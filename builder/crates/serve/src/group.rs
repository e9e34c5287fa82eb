//! Programs that run at the same time, in one slot, with pipes between them.
//!
//! Each is compiled, then each gets its sandbox, and then all start: so their clocks begin together, and none waits for the
//! compiler of another one at its own cost.

use std::fs::File;
use std::sync::Arc;

use run::Cancel;
use run::exec::Prepared;

use crate::pool::Way;
use crate::streams::{self, Pipe, Streams, content};
use crate::text::Text;
use crate::work::{Done, Work};
use crate::workshop::{Ready, Workshop};

/// The status of a program that did not run because another one could not.
const NOT_RUN: &str = "not-run";

/// Programs, and the pipes between them. Each end of a pipe is one of a program that is there, and no stream has two.
pub(crate) struct Group {
    pub(crate) programs: Vec<Work>,
    pub(crate) pipes: Vec<Pipe>,
}

/// A program with its sandbox.
struct Member {
    prepared: Prepared,
    collected: [Option<File>; 2],
}

/// Runs all of them for a tenant, and gives what came of each.
pub(crate) fn run(
    workshop: &Workshop,
    tenant: &str,
    group: &Group,
    way: &Way<'_>,
    cancel: &Arc<Cancel>,
) -> Vec<Done> {
    let compile = |work| workshop.compile(work, tenant, way, cancel);
    let (mut all, ready): (Vec<Done>, Vec<_>) = group.programs.iter().map(compile).unzip();
    let ready: Option<Vec<Ready>> = ready.into_iter().collect();
    let outcome = match &ready {
        Some(ready) => together(&mut all, group, ready, way),
        None => Ok(()),
    };
    if let Err((at, error)) = outcome {
        all[at].fail(workshop.without_places(&error));
    }
    for one in all.iter_mut().filter(|one| one.status.is_empty()) {
        (one.status, one.code) = (NOT_RUN.to_owned(), 125);
        one.error = Some("another program of the group cannot run".to_owned());
    }
    all
}

/// Prepares all, starts all, and waits for all. The error is that of the program with this number: none has started.
fn together(all: &mut [Done], group: &Group, ready: &[Ready], way: &Way<'_>) -> Result<(), (usize, String)> {
    let mut members = Vec::new();
    for (at, (ready, streams)) in ready.iter().zip(connected(group).map_err(|error| (0, error))?).enumerate()
    {
        match ready.prepare(streams.ends()) {
            Ok(prepared) => members.push(Member { prepared, collected: streams.collected }),
            Err(error) => {
                members.into_iter().for_each(|member: Member| member.prepared.call_off());
                return Err((at, error));
            }
        }
    }
    way.enter();
    let (running, collected): (Vec<_>, Vec<_>) =
        members.into_iter().map(|member| (member.prepared.start(), member.collected)).unzip();
    let ended: Vec<_> = running.into_iter().map(|one| one.wait()).collect();
    way.leave();
    for ((done, ended), collected) in all.iter_mut().zip(ended).zip(collected) {
        let is_run = ended.map(|ended| done.end(ended)).map_err(|error| error.to_string());
        let read = is_run.and_then(|is_run| {
            let [stdout, stderr] = collected.each_ref().map(|file| file.as_ref().map(content).transpose());
            let fail = |error| format!("the streams of a run cannot be read: {error}");
            done.stdout = Text(stdout.map_err(fail)?.unwrap_or_default());
            done.stderr = Text(stderr.map_err(fail)?.unwrap_or_default());
            if is_run { Ok(()) } else { Err(done.refusal()) }
        });
        if let Err(error) = read {
            done.fail(error);
        }
    }
    Ok(())
}

fn connected(group: &Group) -> Result<Vec<Streams>, String> {
    // A pipe takes the place of what is collected, and of stdin, which is empty then.
    let works = group.programs.iter();
    let plans: Vec<_> =
        works.map(|work| streams::Plan { stdin: Some(&work.stdin.0), collects: [true, true] }).collect();
    let made = streams::connected(&plans, &group.pipes, |_| false);
    made.map(|(all, _)| all).map_err(|error| format!("the streams of a group cannot be made: {error}"))
}
