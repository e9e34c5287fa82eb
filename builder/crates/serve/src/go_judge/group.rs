//! The commands of one request, all at once in one slot, with the pipes between them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::thread;

use recipe::placeholder::WORK_DIR;
use run::Cancel;
use run::exec::{Booth, Running, StepOption};
use serde_json::Value;

use super::budget::{self, Budget};
use super::request::{Collector, Command, Plan};
use super::result::{self, Outcome, Transcript};
use crate::app::App;
use crate::streams::{self, Middle, Streams};

/// Bytes of a command's workspace.
const SIZE: u64 = 128 << 20;
/// Of what passes through a pipe with a transcript at a time.
const PIECE: usize = 64 << 10;

/// A pipe through this process, which writes down what passes.
struct Relay {
    command: usize,
    transcript: Collector,
    middle: Middle,
}

/// Runs all of them, and gives each one's result in go-judge's words.
pub(super) fn run(
    app: &Arc<App>,
    tenant: &str,
    plan: &Plan,
    cpus: Option<&str>,
    cancel: &Arc<Cancel>,
) -> Vec<Value> {
    let failed = |what: String| vec![result::internal(&what); plan.commands.len()];
    let (streams, relays) = match connected(plan) {
        Ok(made) => made,
        Err(error) => return failed(format!("the streams cannot be made: {error}")),
    };
    let budget = Budget::new(budget::MOST);
    thread::scope(|scope| {
        let budget = &budget;
        let relayed: io::Result<Vec<_>> = relays
            .into_iter()
            .map(|relay| {
                thread::Builder::new().name("relay".to_owned()).spawn_scoped(scope, || pass(relay, budget))
            })
            .collect();
        let relayed = match relayed {
            Ok(relayed) => relayed,
            Err(error) => {
                // The relays that are there end with their pipes.
                drop(streams);
                return failed(format!("a thread cannot be started: {error}"));
            }
        };
        let mut results: Vec<Value> = plan
            .commands
            .iter()
            .zip(all_at_once(app, plan, streams, cpus, cancel))
            .map(|(command, ended)| match ended {
                Ok((booth, outcome)) => result::of(&app.kept, tenant, command, &booth, outcome, budget),
                Err(what) => result::internal(&app.workshop.without_places(&what)),
            })
            .collect();
        for relay in relayed {
            if let Ok((command, transcript)) = relay.join() {
                result::add_transcript(&mut results[command], transcript);
            }
        }
        results
    })
}

/// Prepares all, starts all, and waits for all. Their clocks begin together: while one's files are written, another one that
/// ran would wait for it at its own cost.
fn all_at_once(
    app: &App,
    plan: &Plan,
    streams: Vec<Streams>,
    cpus: Option<&str>,
    cancel: &Arc<Cancel>,
) -> Vec<Result<(Booth, Outcome), String>> {
    let prepared: Vec<_> = plan
        .commands
        .iter()
        .zip(streams)
        .map(|(command, streams)| prepare(app, command, streams, cpus))
        .collect();
    let begun: Vec<_> = prepared.into_iter().map(|one| one.and_then(Prepared::begin)).collect();
    begun.into_iter().map(|one| one.and_then(|one| one.end(cancel))).collect()
}

/// A command with its files in place.
struct Prepared {
    booth: Booth,
    options: Vec<StepOption>,
    args: Vec<OsString>,
    streams: Streams,
}

/// A command that runs.
struct Begun {
    booth: Booth,
    running: Running,
    collected: [Option<File>; 2],
}

fn prepare(app: &App, command: &Command, streams: Streams, cpus: Option<&str>) -> Result<Prepared, String> {
    let booth = app.workshop.booth(SIZE).map_err(|error| error.to_string())?;
    for (path, content) in &command.copy_in {
        booth.put(path, content).map_err(|error| error.to_string())?;
    }
    let limits = app.workshop.limits(None, command.limits);
    let cpus = cpus.map(|cpus| ("cpus".to_owned(), OsString::from(cpus)));
    let env = command.env.iter().map(|variable| ("env".to_owned(), OsString::from(variable)));
    let options = limits.to_options().into_iter().chain(cpus).chain(env).collect();
    let mut args: Vec<OsString> = command.args.iter().map(OsString::from).collect();
    // A program that the client brought is found where it is, and not on the PATH.
    if let Some((name, _)) = command.copy_in.iter().find(|(name, _)| *name == command.args[0]) {
        args[0] = format!("{WORK_DIR}/{name}").into();
    }
    Ok(Prepared { booth, options, args, streams })
}

impl Prepared {
    fn begin(self) -> Result<Begun, String> {
        let Prepared { booth, options, args, streams } = self;
        let running = booth.start(&options, &args, streams.ends()).map_err(|error| error.to_string())?;
        Ok(Begun { booth, running, collected: streams.collected })
    }
}

impl Begun {
    fn end(self, cancel: &Arc<Cancel>) -> Result<(Booth, Outcome), String> {
        let Begun { booth, running, collected } = self;
        let ended = running.until(Some(cancel)).wait().map_err(|error| error.to_string())?;
        Ok((booth, Outcome { ended, collected }))
    }
}

/// The streams of all commands, and the pipes with a transcript.
fn connected(plan: &Plan) -> io::Result<(Vec<Streams>, Vec<Relay>)> {
    let wanted = |command: &Command| command.collectors.each_ref().map(Option::is_some);
    let programs: Vec<_> = plan
        .commands
        .iter()
        .map(|command| streams::Plan { stdin: command.stdin.as_deref(), collects: wanted(command) })
        .collect();
    let is_passed_on = |number: usize| plan.transcripts[number].is_some();
    let (all, middles) = streams::connected(&programs, &plan.pipes, is_passed_on)?;
    let relays = middles.into_iter().filter_map(|middle| {
        let transcript = plan.transcripts[middle.pipe].clone()?;
        Some(Relay { command: plan.pipes[middle.pipe].from, transcript, middle })
    });
    Ok((all, relays.collect()))
}

/// Passes on what comes until one end is closed, and gives the beginning of it, as much as the budget has room for.
fn pass(relay: Relay, budget: &Budget) -> (usize, Transcript) {
    let Relay { command, transcript: Collector { name, max }, middle: Middle { mut from, mut to, .. } } =
        relay;
    let (mut piece, mut kept, mut is_whole) = (vec![0; PIECE], Vec::new(), true);
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let room = usize::try_from(max).unwrap_or(usize::MAX).saturating_sub(kept.len());
        let wanted = &piece[..read.min(room)];
        is_whole &= budget.take(wanted.len());
        if is_whole {
            kept.extend_from_slice(wanted);
        }
        // Nobody reads any more: the writer learns it when this end is closed, as it would without us.
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    (command, Transcript { name, content: is_whole.then_some(kept) })
}
