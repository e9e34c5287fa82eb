//! A program that runs once, with input that is known and output that is read when it has ended.
//!
//! Streams are files in memory: nothing has to read and write them meanwhile, and the run's own limit bounds them.

use std::io;
use std::sync::Arc;

use run::Cancel;
use run::exec::Primed;

use crate::pool::Way;
use crate::streams::content;
use crate::text::Text;
use crate::work::{Done, Work};
use crate::workshop::{Ready, Workshop};

impl Workshop {
    /// Compiles and runs for a tenant. The job has a slot while a program runs, and needs none before and after that.
    pub(crate) fn run(&self, work: &Work, tenant: &str, way: &Way<'_>, cancel: &Arc<Cancel>) -> Done {
        let kind = self.kind(work);
        let warm = kind.as_ref().and_then(|kind| self.stock.take(kind));
        let (mut done, ready) = self.compile_warm(warm, work, tenant, way, cancel);
        if let Some(ready) = ready
            && let Err(error) = ran(&mut done, &ready, &work.stdin.0, (way, cancel))
        {
            done.fail(self.without_places(&error));
        }
        // After the run, at which nothing else should be at work.
        if let Some(kind) = kind {
            self.stock.refill(kind);
        }
        done
    }
}

/// Runs it, and notes what came of it.
fn ran(
    done: &mut Done,
    ready: &Ready,
    stdin: &[u8],
    (way, cancel): (&Way<'_>, &Cancel),
) -> Result<(), String> {
    let warm = ready.take_warm(stdin).map_err(unmade)?;
    if let Some(warm) = warm {
        ended(done, warm, way)?;
        let has_begun = done.run.as_ref().is_some_and(|run| run.facts.wall_us.is_some());
        if done.status != "sandbox-error" || has_begun || cancel.is_set() {
            return Ok(());
        }
        // It was killed while it waited, say. Cold, nothing waits.
    }
    ended(done, ready.prime(stdin)?, way)
}

fn ended(done: &mut Done, primed: Primed, way: &Way<'_>) -> Result<(), String> {
    let Primed { prepared, stdout, stderr } = primed;
    way.enter();
    let ended = prepared.start().wait();
    way.leave();
    let is_run = done.end(ended.map_err(|error| error.to_string())?);
    (done.stdout, done.stderr) =
        (Text(content(&stdout).map_err(unmade)?), Text(content(&stderr).map_err(unmade)?));
    if is_run { Ok(()) } else { Err(done.refusal()) }
}

fn unmade(error: io::Error) -> String {
    format!("the streams of a run cannot be made: {error}")
}
