//! What `capsule exec` costs for each pack's hello world, beside the same steps without the sandbox.
//!
//! Both compile and run in the same box with the same words and environment, and with the pack's image as their root;
//! the bare one only changes its root. They take turns, each as often first; what the sandbox costs is the median of the
//! differences between neighbours, as a machine changes its speed by more than that while a table is made.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};

use super::percentile;
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

/// A row for each pack that this machine can build.
pub fn cost(rounds: usize) -> Result<String, Error> {
    let interrupt = Interrupt::install().map_err(|error| Error::read("signal handlers".as_ref(), error))?;
    let mut text = format!(
        "{rounds} rounds each, taking turns; medians in milliseconds, compile and run together\n\
         | pack | bare | `capsule exec` | the sandbox costs |\n|---|---|---|---|\n"
    );
    let mut costs = Vec::new();
    for name in packs::names() {
        let recipe = packs::whole(name)?;
        let Some(language) = recipe.languages.get(name).map(|language| language.value.clone()) else {
            continue;
        };
        let Some(test) = language.tests.iter().find(|test| test.name == TEST) else { continue };
        let image = Image::of(recipe);
        if build::measure(&image).is_err() {
            let _infallible = writeln!(text, "| `{name}` | not installed here | | |");
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
        let [bare, boxed, cost] = [
            |[bare, _]: [i64; 2]| bare,
            |[_, boxed]: [i64; 2]| boxed,
            |[bare, boxed]: [i64; 2]| boxed - bare,
        ]
        .map(|of| percentile(&turns.iter().copied().map(of).collect::<Vec<_>>(), 50));
        costs.push(cost);
        let [bare, boxed, cost] = [bare, boxed, cost].map(as_millis);
        let _infallible = writeln!(text, "| `{name}` | {bare:.1} | {boxed:.1} | {cost:.1} |");
    }
    let _infallible = writeln!(text, "| median of all | | | {:.1} |", as_millis(percentile(&costs, 50)));
    Ok(text)
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
        ended_well(command.stdin(Stdio::null()).stdout(Stdio::null()), &program)?;
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
            ended_well(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()), root)?;
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

fn ended_well(command: &mut Command, path: &Path) -> Result<(), Error> {
    let fail = |error| Error::Start { path: path.to_path_buf(), error };
    let status = command.status().map_err(fail)?;
    if status.success() {
        Ok(())
    } else {
        Err(fail(std::io::Error::other(format!("it ended with {status}"))))
    }
}
