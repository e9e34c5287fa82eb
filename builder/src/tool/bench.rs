//! `capsule bench`: what a run costs compared with its peers, and how exactly limits hold. Anyone can run it.
//!
//! Speed is a ratio in one interleaved run, never an absolute time: the programs take turns, so that whatever else
//! the machine does happens to all of them.

mod floor;
mod limits;
mod packs;
mod prepared;
mod run_cost;
mod stage;
mod statistics;
mod streams;
mod warm;

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use crate::error::Error;
use stage::Stage;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A run of a program that only exits, compared with bubblewrap and the bare program.
    Run,
    /// The same next to the bare system calls of a sandbox, one after the other and with several in flight.
    Floor,
    /// By how much a CPU limit and a wall limit are overshot.
    Limits,
    /// A program that copies what it reads, next to the same with plain pipes.
    Streams,
    /// `capsule exec` for each pack's hello world, next to the same steps without the sandbox.
    Packs,
    /// A program whose language has got ready before, next to its cold start.
    Warm,
}

/// A measurement to make.
#[derive(Debug)]
pub struct Bench {
    /// What is measured.
    pub what: What,
    /// How often each program is measured; 200 for `Run`, 500 for `Floor`, 50 for `Limits`, 5 for `Streams` and 20 for
    /// `Packs` and `Warm` by default.
    pub rounds: Option<usize>,
    /// The packs to measure; all of them if this is empty.
    pub packs: Vec<String>,
}

/// Measures, and gives the results as text.
///
/// # Errors
/// An unknown pack, `packs` with another measurement, and whatever cannot be built, written or started.
pub fn bench(bench: &Bench) -> Result<String, Error> {
    if ![What::Packs, What::Warm].contains(&bench.what) && !bench.packs.is_empty() {
        return Err(Error::Usage {
            what: "`--pack` applies to `bench packs` and `bench warm` only".to_owned(),
            hint: "as in `capsule bench packs --pack cpp`",
        });
    }
    match bench.what {
        What::Run => run_cost::run_cost(&Stage::new()?, bench.rounds.unwrap_or(200)),
        What::Floor => floor::distance(&Stage::new()?, bench.rounds.unwrap_or(500)),
        What::Limits => limits::overshoot(&Stage::new()?, bench.rounds.unwrap_or(50)),
        What::Streams => streams::throughput(&Stage::new()?, bench.rounds.unwrap_or(5)),
        What::Warm => warm::starts(bench.rounds.unwrap_or(20), &bench.packs),
        What::Packs => packs::pack_costs(bench.rounds.unwrap_or(20), &bench.packs),
    }
}

/// A measured program that fails has no time.
fn require_success(status: ExitStatus) -> io::Result<()> {
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("it ended with {status}"))) }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
