//! What `capsule exec` costs for each pack's hello world, beside the same steps without the sandbox and in bubblewrap.
//!
//! All compile and run in the same box with the same words and environment, with the pack's image as their root, and
//! with pipes as their streams (some runtimes take milliseconds longer to set up a pipe than /dev/null); the bare one only
//! changes its root. They take turns, in both orders; what a sandbox costs is the median of the differences to the bare
//! one of the same turn, as a machine changes its speed by more than that while a table is made. How far chance moves that
//! median stands beside it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};

use super::{percentile, ranked, well_ended};
use crate::error::Error;
use crate::exec::workbox::{self, Workbox};
use crate::exec::{Exec, Plan};
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
         | pack | bare | `capsule exec` | the sandbox costs | 95 % sure | bubblewrap costs |\n|---|---|---|---|---|---|\n"
    );
    let sides = sides();
    let mut rows = Vec::new();
    for name in chosen(only)? {
        let recipe = packs::whole(name)?;
        let Some(language) = recipe.languages.get(name).map(|language| language.value.clone()) else {
            continue;
        };
        let Some(test) = language.tests.iter().find(|test| test.name == TEST) else { continue };
        let image = Image::of(recipe);
        if build::measure(&image).is_err() {
            text += &format!("| `{name}` | not installed here | | | | |\n");
            continue;
        }
        let scratch = Scratch::new()?;
        let steps = Steps::prepare(&scratch, image, name, &language, &test.source, &interrupt)?;
        let row = Row::of(&steps.take_turns(&sides, rounds, &interrupt)?);
        text += &format!("| `{name}` | {row} |\n");
        rows.push(row);
    }
    let ours: Vec<i64> = rows.iter().map(|row| row.cost).collect();
    let peers: Option<Vec<i64>> = rows.iter().map(|row| row.peer).collect();
    let peers = of_peer(peers.map(|costs| median(&costs)));
    text += &format!("| median of all | | | {} | | {peers} |\n", shown(median(&ours)));
    Ok(text)
}

/// What came out for one pack, in microseconds.
struct Row {
    bare: i64,
    boxed: i64,
    cost: i64,
    sure: [i64; 2],
    peer: Option<i64>,
}

impl Row {
    /// From the times of each side.
    fn of(times: &[Vec<i64>]) -> Row {
        let differences = |side: &[i64]| -> Vec<i64> {
            times[0].iter().zip(side).map(|(bare, time)| time - bare).collect()
        };
        let ours = differences(&times[1]);
        Row {
            bare: median(&times[0]),
            boxed: median(&times[1]),
            cost: median(&ours),
            sure: confidence(&ours),
            peer: times.get(2).map(|peer| median(&differences(peer))),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [bare, boxed, cost, low, high] =
            [self.bare, self.boxed, self.cost, self.sure[0], self.sure[1]].map(shown);
        write!(f, "{bare} | {boxed} | {cost} | {low} to {high} | {}", of_peer(self.peer))
    }
}

fn of_peer(micros: Option<i64>) -> String {
    micros.map_or_else(|| "not here".to_owned(), shown)
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

fn median(times: &[i64]) -> i64 {
    percentile(times, 50)
}

/// Between which two the median of all possible rounds lies, 95 % sure: the order statistics at the half of n, give or take
/// 0.98 √n (the sign test's interval; it asks nothing of how the times are spread).
fn confidence(times: &[i64]) -> [i64; 2] {
    let (half, reach) = (times.len() as f64 / 2.0, 0.98 * (times.len() as f64).sqrt());
    // A cast takes what is below 0 for 0.
    [(half - reach).floor(), (half + reach).ceil()].map(|at| ranked(times, |last| (at as usize).min(last)))
}

/// In milliseconds. What a sandbox costs can come out below nothing, which no `Duration` is.
fn shown(micros: i64) -> String {
    format!("{:.1}", micros as f64 / 1000.0)
}

/// How the steps are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Bare,
    Capsule,
    Bubblewrap,
}

/// Those that this machine has; the bare one is the first, and ours the second.
fn sides() -> Vec<Side> {
    let bubblewrap = Command::new(BUBBLEWRAP).arg("--version").output();
    let peer = bubblewrap.is_ok_and(|output| output.status.success()).then_some(Side::Bubblewrap);
    [Side::Bare, Side::Capsule].into_iter().chain(peer).collect()
}

const BUBBLEWRAP: &str = "bwrap";

/// A pack's steps for its test.
struct Steps<'a> {
    name: &'a str,
    language: &'a Language,
    text: &'a str,
    bundle: PathBuf,
    source: PathBuf,
}

impl<'a> Steps<'a> {
    /// Builds the pack's image and writes the submission.
    fn prepare(
        scratch: &Scratch,
        image: Image,
        name: &'a str,
        language: &'a Language,
        text: &'a str,
        interrupt: &Interrupt,
    ) -> Result<Steps<'a>, Error> {
        let bundle = scratch.path().join("bundle");
        let formats = [Format::Dir].into();
        let request = Build { image, output: bundle.clone(), existing: Existing::Keep, formats };
        build::build(&request, interrupt)?;
        let source = scratch.path().join(language.names(text).source);
        fs::write(&source, text).map_err(|error| Error::write(&source, error))?;
        Ok(Steps { name, language, text, bundle, source })
    }

    /// Microseconds of each round, side by side.
    fn take_turns(
        &self,
        sides: &[Side],
        rounds: usize,
        interrupt: &Interrupt,
    ) -> Result<Vec<Vec<i64>>, Error> {
        let root = self.bundle.join("rootfs");
        workbox::separate(&self.bundle)?;
        furnish(&root)?;
        let mut times = vec![Vec::new(); sides.len()];
        // The first turn fills the page cache, and is not counted.
        for round in 0..=rounds {
            interrupt.check()?;
            let mut order: Vec<usize> = (0..sides.len()).collect();
            if round % 2 != 0 {
                order.reverse();
            }
            for side in order {
                let time = self.time(sides[side], &root)?;
                if round > 0 {
                    times[side].push(time.as_micros() as i64);
                }
            }
        }
        Ok(times)
    }

    fn time(&self, side: Side, root: &Path) -> Result<Duration, Error> {
        match side {
            Side::Capsule => self.boxed(),
            Side::Bare => self.by_hand(root, |words, environment| {
                let _inside = Chroot::enter(root)?;
                output(command(words, environment))
            }),
            Side::Bubblewrap => self.by_hand(root, |words, environment| {
                let mut bubblewrap = command(&[BUBBLEWRAP.to_owned()], environment);
                bubblewrap.args(["--unshare-all", "--die-with-parent", "--bind"]).arg(root);
                bubblewrap.args(["/", "--proc", "/proc", "--dev", "/dev", "--chdir", BOX, "--"]).args(words);
                output(bubblewrap)
            }),
        }
    }

    fn boxed(&self) -> Result<Duration, Error> {
        let program =
            std::env::current_exe().map_err(|error| Error::read("/proc/self/exe".as_ref(), error))?;
        let mut command = Command::new(&program);
        command.arg("exec").arg(&self.bundle).args(["--lang", self.name]).arg(&self.source);
        command.stdin(Stdio::null());
        let start = Instant::now();
        output(command).map_err(|error| Error::Start { path: program, error })?;
        Ok(start.elapsed())
    }

    /// Box and steps without `capsule exec`: each step's words and environment are given to `run`.
    fn by_hand(
        &self,
        root: &Path,
        run: impl Fn(&[String], &[String]) -> io::Result<()>,
    ) -> Result<Duration, Error> {
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
        // Its own box every time, as ours has.
        let start = Instant::now();
        let place = root.join(BOX.trim_start_matches('/'));
        let workbox = Workbox::mount_at(place, Workbox::SIZE)?;
        workbox.put(&names.source, self.text.as_bytes())?;
        for step in [self.language.compile.as_ref(), Some(&self.language.run)].into_iter().flatten() {
            let (words, environment) = plan.bare(step);
            run(&words, &environment).map_err(|error| Error::Start { path: root.to_path_buf(), error })?;
        }
        let time = start.elapsed();
        workbox.close()?;
        Ok(time)
    }
}

/// What a sandbox would give a program beside its root: words and a clean environment.
fn command(words: &[String], environment: &[String]) -> Command {
    let Some((program, arguments)) = words.split_first() else { return Command::new("") };
    let mut command = Command::new(found(program));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH.join(":"))
        .env("HOME", "/home/judge")
        .env("LANG", "C.UTF-8")
        .envs(environment.iter().filter_map(|variable| variable.split_once('=')))
        .stdin(Stdio::piped());
    command
}

const PATH: [&str; 2] = ["/usr/bin", "/bin"];

/// Where a program is. Of one with a path `Command` makes no copy of this process to look for it (posix_spawn(3)).
fn found(program: &str) -> PathBuf {
    let places = PATH.iter().map(|directory| Path::new(directory).join(program));
    places.into_iter().find(|place| place.exists()).unwrap_or_else(|| program.into())
}

/// Runs it, and takes what it writes.
fn output(mut command: Command) -> io::Result<()> {
    command.output().and_then(|output| well_ended(output.status))
}

/// This process with another root, for as long as it lives: what it starts meanwhile needs no code of ours between fork
/// and exec, and so no fork.
struct Chroot {
    root: File,
    directory: File,
}

impl Chroot {
    fn enter(root: &Path) -> io::Result<Chroot> {
        let outside = Chroot { root: File::open("/")?, directory: File::open(".")? };
        rustix::process::chroot(root)?;
        rustix::process::chdir(BOX)?;
        Ok(outside)
    }
}

impl Drop for Chroot {
    fn drop(&mut self) {
        let _nothing_to_be_done = rustix::process::fchdir(&self.root)
            .and_then(|()| rustix::process::chroot("."))
            .and_then(|()| rustix::process::fchdir(&self.directory));
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
