//! What prepared files (`[[prepare]]` in a pack) save: `capsule exec` of the pack's hello world in two bundles, of which
//! one has these files. They take turns, and each turn gives a ratio.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use image::ImageRequest;
use image::build::{self, BuildRequest, Formats};
use image::write::formats::Format;
use image::write::interrupt::Interrupt;
use image::write::staging::Existing;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::require_success;
use super::statistics::Sorted;
use crate::error::Error;
use crate::tool::prepare;
use crate::tool::scratch::Scratch;

pub(super) const HEAD: &str = "\nprepared files: the same without them and with them; CPU time in milliseconds\n\
    | pack | without | with | ratio | ratio of wall time |\n|---|---|---|---|---|\n";

/// A submission, and the bundle that compiles and runs it.
pub(super) struct Submission<'a> {
    pub(super) bundle: &'a Path,
    pub(super) language: &'a str,
    pub(super) source: &'a Path,
}

/// The row of a pack. `submission` has the bundle without prepared files, and `image` is what that was built of.
pub(super) fn row(
    submission: &Submission<'_>,
    image: ImageRequest,
    rounds: usize,
    interrupt: &Interrupt,
) -> Result<String, Error> {
    let scratch = Scratch::new()?;
    let bundle = prepared_bundle(&scratch, image, interrupt)?;
    let sides = [submission.bundle, &bundle].map(|bundle| Submission { bundle, ..*submission });
    let mut costs: [Vec<Cost>; 2] = Default::default();
    // The first round fills the page cache, and does not count.
    for round in 0..=rounds {
        interrupt.check()?;
        for side in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let cost = sides[side].cost()?;
            if round > 0 {
                costs[side].push(cost);
            }
        }
    }
    let of = |costs: &[Cost], what: fn(&Cost) -> Duration| -> Vec<u128> {
        costs.iter().map(|cost| what(cost).as_micros()).collect()
    };
    let [without, with] = [0, 1].map(|side| of(&costs[side], |cost| cost.cpu));
    let [slower, faster] = [0, 1].map(|side| of(&costs[side], |cost| cost.wall));
    let (name, cpu, wall) = (submission.language, ratio(&without, &with), ratio(&slower, &faster));
    let [without, with] = [without, with].map(|times| Sorted::new(times).median() as f64 / 1000.0);
    Ok(format!("| `{name}` | {without:.0} | {with:.0} | {cpu:.2} | {wall:.2} |\n"))
}

/// The median of the ratios of the turns.
fn ratio(slower: &[u128], faster: &[u128]) -> f64 {
    let thousandths = slower.iter().zip(faster).map(|(slower, faster)| slower * 1000 / (*faster).max(1));
    Sorted::new(thousandths.collect()).median() as f64 / 1000.0
}

pub(super) fn prepared_bundle(
    scratch: &Scratch,
    image: ImageRequest,
    interrupt: &Interrupt,
) -> Result<PathBuf, Error> {
    let output = scratch.path().join("prepared");
    let formats = Formats::Chosen([Format::Dir].into());
    let mut request =
        BuildRequest { image, output: output.clone(), existing: Existing::Keep, formats, init: None };
    let _until_built = prepare::prepare(&mut request, interrupt)?;
    build::build(&request, interrupt)?;
    Ok(output)
}

/// What one call cost.
struct Cost {
    cpu: Duration,
    wall: Duration,
}

impl Submission<'_> {
    fn cost(&self) -> Result<Cost, Error> {
        let program =
            std::env::current_exe().map_err(|error| Error::read("/proc/self/exe".as_ref(), error))?;
        let mut command = Command::new(&program);
        command.arg("exec").arg(self.bundle).args(["--lang", self.language]).arg(self.source);
        let (before, start) = (cpu_of_children(), Instant::now());
        let output = command.stdin(Stdio::null()).output();
        output
            .and_then(|output| require_success(output.status))
            .map_err(|error| Error::start(&program, error))?;
        Ok(Cost { wall: start.elapsed(), cpu: cpu_of_children().saturating_sub(before) })
    }
}

/// CPU time of all reaped children and of their reaped children (getrusage(2), RUSAGE_CHILDREN).
fn cpu_of_children() -> Duration {
    let time = |time: TimeVal| {
        Duration::from_micros(u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0))
    };
    getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_or(Duration::ZERO, |usage| time(usage.user_time()) + time(usage.system_time()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_that_of_the_turn_in_the_middle() {
        assert!((ratio(&[300, 150, 1000], &[200, 100, 10]) - 1.5).abs() < f64::EPSILON);
        assert!(ratio(&[], &[]).abs() < f64::EPSILON);
    }
}
