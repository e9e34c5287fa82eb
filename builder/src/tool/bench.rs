//! `capsule bench`: what a run costs compared with its peers, and how exactly limits hold. Anyone can run it.
//!
//! Speed is a ratio in one interleaved run, never an absolute time: the programs take turns, so that whatever else
//! the machine does happens to all of them.

mod contender;
mod curve;
mod floor;
mod guards;
mod limits;
mod packs;
mod peers;
mod plot;
mod prepared;
mod report;
mod run_cost;
mod stage;
mod statistics;
mod streams;
mod warm;

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::error::Error;
use stage::Stage;

const FLOOR_ROUNDS: usize = 500;
const CURVE_ROUNDS: usize = 10_000;
const GUARD_ROUNDS: usize = 200;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A run of a program that only exits, compared with bubblewrap and the bare program.
    Run,
    /// The same next to the bare system calls of a sandbox and next to others, one after the other and with several in flight.
    Floor,
    /// Many runs of one pool: whether they grow slower, and how far they lie apart.
    Curve,
    /// What each guard costs.
    Guards,
    /// `Floor`, `Curve` and `Guards` as a page with plots.
    Report,
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
    /// How often each program is measured; 200 for `Run` and `Guards`, 500 for `Floor`, 10,000 for `Curve`, 50 for `Limits`,
    /// 5 for `Streams` and 20 for `Packs` and `Warm` by default. For `Report` it is that of `Floor`.
    pub rounds: Option<usize>,
    /// Where `Report` writes its page.
    pub output: Option<PathBuf>,
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
    let rounds = |usual| bench.rounds.unwrap_or(usual);
    match (bench.what, bench.output.as_deref()) {
        (What::Report, Some(output)) => {
            report::write(&Stage::new()?, [rounds(FLOOR_ROUNDS), CURVE_ROUNDS, GUARD_ROUNDS], output)
        }
        (What::Report, None) | (_, Some(_)) => Err(Error::Usage {
            what: "`bench report` writes to `--output DIR`, and no other measurement does".to_owned(),
            hint: "as in `capsule bench report --output docs/benchmarks`",
        }),
        (What::Run, _) => run_cost::run_cost(&Stage::new()?, rounds(200)),
        (What::Floor, _) => Ok(floor::distance(&Stage::new()?, rounds(FLOOR_ROUNDS))?.text()),
        (What::Curve, _) => Ok(curve::curve(&Stage::new()?, rounds(CURVE_ROUNDS))?.text()),
        (What::Guards, _) => Ok(guards::costs(&Stage::new()?, rounds(GUARD_ROUNDS))?.text()),
        (What::Limits, _) => limits::overshoot(&Stage::new()?, rounds(50)),
        (What::Streams, _) => streams::throughput(&Stage::new()?, rounds(5)),
        (What::Warm, _) => warm::starts(rounds(20), &bench.packs),
        (What::Packs, _) => packs::pack_costs(rounds(20), &bench.packs),
    }
}

/// A measured program that fails has no time.
fn require_success(status: ExitStatus) -> io::Result<()> {
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("it ended with {status}"))) }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
