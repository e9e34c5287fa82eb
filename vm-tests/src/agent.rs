//! The agent: sets out canaries, runs the plan step by step, and reports what each step did.
//!
//! It runs as root, in the VM started by init as PID 1, or on the host itself. It writes what it saw into frames; the
//! harness judges.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::canary::Canaries;
use crate::census::Census;
use crate::execute;
use crate::frame::FrameWriter;
use crate::message::{Hello, Message};
use crate::plan::{Plan, Step, Watch};

/// Runs the whole plan. `directory` holds the canary file, `program` is the agent itself.
pub fn run<W: Write>(
    plan: &Plan,
    directory: &Path,
    program: &Path,
    out: &mut FrameWriter<W>,
) -> io::Result<()> {
    let mut canaries = Canaries::set_out(directory, program)?;
    send(out, &Message::Hello(hello(&canaries)))?;
    let mut before = Census::take();
    for step in &plan.steps {
        let fill_in = |args: &[String]| args.iter().map(|word| canaries.fill_in(word)).collect::<Vec<_>>();
        let neighbour = step.neighbour.as_deref().map(fill_in);
        let mut step = Step { argv: fill_in(&step.argv), neighbour, ..step.clone() };
        if let Some(workspace) = &step.workspace {
            step.options.extend(workspace.lay_out(directory)?);
        }
        let mut seen = execute::step(plan, &step, &step.argv);
        seen.leftovers.extend(canaries.harm());
        if plan.watch == Watch::Machine {
            // Compared with the step before, so that only the step that left it fails.
            let after = Census::take();
            seen.leftovers.extend(after.since(&before));
            before = after;
        }
        send(out, &Message::Step(Box::new(seen)))?;
    }
    send(out, &Message::Done { steps: plan.steps.len() })
}

fn send<W: Write>(out: &mut FrameWriter<W>, message: &Message) -> io::Result<()> {
    out.write(&serde_json::to_vec(message)?)
}

fn hello(canaries: &Canaries) -> Hello {
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    Hello {
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_string(),
        cgroup: cgroup_mode().to_string(),
        secret: canaries.secret.clone(),
        uptime_s: uptime.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default(),
    }
}

fn cgroup_mode() -> &'static str {
    let root = Path::new("/sys/fs/cgroup");
    match (root.join("cgroup.controllers").exists(), root.join("memory").is_dir()) {
        (true, _) => "v2",
        (false, true) => "v1",
        (false, false) => "none",
    }
}
