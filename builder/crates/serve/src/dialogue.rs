//! One program to which its client talks while it runs. Its streams are pipes, and the client's side has their other ends. A
//! side that does not read makes the other one wait, and the program's own limits end that.

use std::io::{self, PipeReader, PipeWriter, pipe};
use std::os::fd::AsFd;
use std::sync::Arc;

use run::Cancel;

use crate::pool::Way;
use crate::work::{Done, Facts, Work};
use crate::workshop::{Ready, Workshop};

/// What happens to it before its end.
pub(crate) enum Event {
    /// Its compiler starts,
    Compiles,
    /// and has ended.
    Compiled(Compiled),
    /// The program starts.
    Runs(Ends),
}

/// A compile step that is over.
pub(crate) struct Compiled {
    /// The step's, or why it is a compile error.
    pub(crate) status: String,
    pub(crate) facts: Facts,
    /// What the compiler printed.
    pub(crate) text: Vec<u8>,
}

/// The client's ends of its streams.
pub(crate) struct Ends {
    pub(crate) stdin: PipeWriter,
    pub(crate) stdout: PipeReader,
    pub(crate) stderr: PipeReader,
}

/// Events of one program, at the most.
pub(crate) const MOST_EVENTS: usize = 3;

/// Compiles and runs it for a tenant. `tell` gets the client's ends of its streams.
pub(crate) fn run(
    workshop: &Workshop,
    work: &Work,
    tenant: &str,
    way: &Way<'_>,
    cancel: &Arc<Cancel>,
    tell: &dyn Fn(Event),
) -> Done {
    let language = work.language.as_deref().and_then(|name| workshop.language(name));
    if language.is_some_and(|language| language.compile.is_some()) {
        tell(Event::Compiles);
    }
    let (mut done, ready) = workshop.compile(work, tenant, way, cancel);
    if let Some(step) = &mut done.compile {
        let status = done.cause.clone().unwrap_or_else(|| step.facts.status.clone());
        let text = std::mem::take(&mut step.text.0);
        tell(Event::Compiled(Compiled { status, facts: step.facts.clone(), text }));
    }
    if let Some(ready) = ready
        && let Err(error) = talks(&mut done, &ready, way, tell)
    {
        done.fail(workshop.without_places(&error));
    }
    done
}

fn talks(done: &mut Done, ready: &Ready, way: &Way<'_>, tell: &dyn Fn(Event)) -> Result<(), String> {
    let made = || Ok::<_, io::Error>([pipe()?, pipe()?, pipe()?]);
    let made = made().map_err(|error| format!("the streams of a run cannot be made: {error}"));
    let [(input, stdin), (stdout, output), (stderr, errors)] = made?;
    let prepared = ready.prepare([input.as_fd(), output.as_fd(), errors.as_fd()])?;
    // The streams end with the program.
    drop((input, output, errors));
    way.enter();
    tell(Event::Runs(Ends { stdin, stdout, stderr }));
    let ended = prepared.start().wait();
    way.leave();
    let is_run = done.end(ended.map_err(|error| error.to_string())?);
    if is_run { Ok(()) } else { Err("the options of the run are wrong".to_owned()) }
}
