//! What `capsule exec` costs for each pack's hello world, beside the same steps without the sandbox.
//!
//! Both compile and run in the same box with the same words and environment, with the pack's image as their root, and
//! with pipes as their streams (some runtimes take milliseconds longer to set up a pipe than /dev/null); the bare one only
//! changes its root. They take turns, each as often first; what the sandbox costs is the median of the differences between
//! neighbours, as a machine changes its speed by more than that while a table is made. How far chance moves that median
//! stands beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};

use super::{percentile, ranked, well_ended};
use crate::error::Error;
use crate::exec::workbox::{self, Workbox};
use crate::exec::{Exec, Plan, bare};
use crate::formats::Format;
use crate::interrupt::Interrupt;
use crate::language::{BOX, Language};
use crate::request::{Build, Image};
use crate::scratch::Scratch;
use crate::staging::Existing;
use crate::{build, packs};

/// The test that is timed.
const TEST: &str = "hello";

/// A row for each pack that this machine can build, or for those of `only` if there are any.
pub fn cost(rounds: usize, only: &[String]) -> Result<String, Error> {
    let interrupt = Interrupt::install().map_err(|error| Error::read("signal handlers".as_ref(), error))?;
    let mut text = format!(
        "{rounds} rounds each, taking turns; medians in milliseconds, compile and run together\n\
         | pack | bare | `capsule exec` | the sandbox costs | 95 % sure |\n|---|---|---|---|---|\n"
    );
    let mut costs = Vec::new();
    for name in chosen(only)? {
        let recipe = packs::whole(name)?;
        let Some(language) = recipe.languages.get(name).map(|language| language.value.clone()) else {
            continue;
        };
        let Some(test) = language.tests.iter().find(|test| test.name == TEST) else { continue };
        let image = Image::of(recipe);
        if build::measure(&image).is_err() {
            let _infallible = writeln!(text, "| `{name}` | not installed here | | | |");
            continue;
        }
        let scratch = Scratch::new()?;
        let output = scratch.path().join("bundle");
        let formats = [Format::Dir].into();
        build::build(
            &Build { image, output: output.clone(), existing: Existing::Keep, formats },
            &interrupt,
        )?;
        let source = scratch.path().join(language.names(&test.source).source);
        fs::write(&source, &test.source).map_err(|error| Error::write(&source, error))?;
        let pair = Pair { name, language: &language, text: &test.source, bundle: output, source };
        let turns = pair.turns(rounds, &interrupt)?;
        let [bare, boxed] = [0, 1].map(|side| median(turns.iter().map(|turn| turn[side]).collect()));
        let differences: Vec<i64> = turns.iter().map(|[bare, boxed]| boxed - bare).collect();
        let [low, high] = confidence(&differences).map(as_millis);
        let cost = median(differences);
        costs.push(cost);
        let [bare, boxed, cost] = [bare, boxed, cost].map(as_millis);
        let _infallible =
            writeln!(text, "| `{name}` | {bare:.1} | {boxed:.1} | {cost:.1} | {low:.1} to {high:.1} |");
    }
    let _infallible = writeln!(text, "| median of all | | | {:.1} | |", as_millis(median(costs)));
    Ok(text)
}

fn chosen(only: &[String]) -> Result<Vec<&'static str>, Error> {
    if only.is_empty() {
        return Ok(packs::names().collect());
    }
    let find = |name: &String| {
        let found = packs::names().find(|known| known == name);
        found.ok_or_else(|| Error::Usage {
            what: format!("`{name}` is no pack"),
            hint: "`capsule pack list` has their names",
        })
    };
    only.iter().map(find).collect()
}

fn median(times: Vec<i64>) -> i64 {
    percentile(&times, 50)
}

/// Between which two the median of all possible rounds lies, 95 % sure: the order statistics at the half of n, give or take
/// 0.98 √n (the sign test's interval; it asks nothing of how the times are spread).
fn confidence(times: &[i64]) -> [i64; 2] {
    let (half, reach) = (times.len() as f64 / 2.0, 0.98 * (times.len() as f64).sqrt());
    // A cast takes what is below 0 for 0.
    [(half - reach).floor(), (half + reach).ceil()].map(|at| ranked(times, |last| (at as usize).min(last)))
}

/// What the sandbox costs can come out below nothing, which no `Duration` is.
fn as_millis(micros: i64) -> f64 {
    micros as f64 / 1000.0
}

struct Pair<'a> {
    name: &'a str,
    language: &'a Language,
    text: &'a str,
    bundle: PathBuf,
    source: PathBuf,
}

impl Pair<'_> {
    /// Microseconds without and with the sandbox, a pair for each round.
    fn turns(&self, rounds: usize, interrupt: &Interrupt) -> Result<Vec<[i64; 2]>, Error> {
        let root = self.bundle.join("rootfs");
        workbox::separate(&self.bundle)?;
        furnish(&root)?;
        let mut turns = Vec::new();
        // The first turn fills the page cache, and is not counted.
        for round in 0..=rounds {
            interrupt.check()?;
            let [bare, boxed] = if round % 2 == 0 {
                let bare = self.bare(&root)?;
                [bare, self.boxed()?]
            } else {
                let boxed = self.boxed()?;
                [self.bare(&root)?, boxed]
            };
            if round > 0 {
                turns.push([bare, boxed].map(|time| time.as_micros() as i64));
            }
        }
        Ok(turns)
    }

    fn boxed(&self) -> Result<Duration, Error> {
        let program =
            std::env::current_exe().map_err(|error| Error::read("/proc/self/exe".as_ref(), error))?;
        let mut command = Command::new(&program);
        command.arg("exec").arg(&self.bundle).args(["--lang", self.name]).arg(&self.source);
        let start = Instant::now();
        run(command.stdin(Stdio::null()), &program)?;
        Ok(start.elapsed())
    }

    fn bare(&self, root: &Path) -> Result<Duration, Error> {
        let names = self.language.names(self.text);
        let request = Exec {
            bundle: self.bundle.clone(),
            language: None,
            source: PathBuf::new(),
            compile: Vec::new(),
            run: Vec::new(),
            report: None,
            arguments: Vec::new(),
        };
        let nothing = BTreeMap::new();
        let plan = Plan {
            request: &request,
            root,
            limits: &nothing,
            digest: None,
            language: self.language,
            names: &names,
        };
        // Its own box every time, as the other has.
        let start = Instant::now();
        let place = root.join(BOX.trim_start_matches('/'));
        let workbox = Workbox::mount_at(place, Workbox::SIZE)?;
        workbox.put(&names.source, self.text.as_bytes())?;
        for step in [self.language.compile.as_ref(), Some(&self.language.run)].into_iter().flatten() {
            let (words, environment) = plan.bare(step);
            let mut command = bare(root, &words, &environment);
            run(command.stdin(Stdio::piped()), root)?;
        }
        let time = start.elapsed();
        workbox.close()?;
        Ok(time)
    }
}

/// What programs find in the sandbox and need: /proc, /dev, places to write.
fn furnish(root: &Path) -> Result<(), Error> {
    let none: Option<&str> = None;
    let at = |name: &str| root.join(name);
    let made = |kind: &str, place: &str| mount(Some(kind), &at(place), Some(kind), MsFlags::empty(), none);
    made("proc", "proc")
        .and_then(|()| mount(Some("/dev"), &at("dev"), none, MsFlags::MS_BIND, none))
        .and_then(|()| made("tmpfs", "tmp"))
        .and_then(|()| made("tmpfs", "home/judge"))
        .map_err(|errno| Error::Box { path: root.to_path_buf(), error: errno.into() })?;
    let place = at(BOX.trim_start_matches('/'));
    fs::create_dir(&place).map_err(|error| Error::write(&place, error))
}

/// Runs it, and takes what it writes.
fn run(command: &mut Command, path: &Path) -> Result<(), Error> {
    let ended = command.output().and_then(|output| well_ended(output.status));
    ended.map_err(|error| Error::Start { path: path.to_path_buf(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_many_is_surer_than_that_of_few() {
        let all: Vec<i64> = (0..100).collect();
        assert_eq!(confidence(&all), [40, 60]);
        assert_eq!(confidence(&all[..4]), [0, 3]);
        assert_eq!(confidence(&[]), [0, 0]);
    }

    #[test]
    fn an_unknown_pack_is_named() {
        assert_eq!(chosen(&["c".to_owned()]).expect("known"), ["c"]);
        assert!(chosen(&["cobol".to_owned()]).expect_err("unknown").to_string().contains("`cobol`"));
    }
}
