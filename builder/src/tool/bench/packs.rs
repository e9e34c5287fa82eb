//! What `capsule exec` costs for each pack's hello world, compared with the same steps without the sandbox and in
//! bubblewrap.
//!
//! All compile and run in the same workspace with the same arguments and environment, with the pack's image as their root,
//! and with pipes as their streams (some runtimes take milliseconds longer to set up a pipe than /dev/null); the bare
//! side only changes its root. They take turns, in both orders. The cost of a sandbox is the median of the differences
//! to the bare side of the same turn: a machine changes its speed by more than that while a table is made. The table
//! shows how far chance moves that median. Below it is what prepared files save.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use image::write::interrupt::Interrupt;
use image::{ImageRequest, build};
use nix::mount::{MsFlags, mount};
use recipe::language::Language;
use recipe::packs;
use recipe::placeholder::WORK_DIR;
use run::exec::Steps as SubmissionSteps;
use run::exec::workspace::{self, Workspace};

use super::prepared::{self, Submission};
use super::require_success;
use super::statistics::Sorted;
use crate::error::Error;
use crate::tool::scratch::Scratch;

/// The test that is timed.
const TEST: &str = "hello";

/// A table with a row for each pack of `only`, or for all packs if `only` is empty.
pub(super) fn pack_costs(rounds: usize, only: &[String]) -> Result<String, Error> {
    let interrupt = Interrupt::install().map_err(|error| Error::read("signal handlers".as_ref(), error))?;
    let mut text = format!(
        "{rounds} rounds each, taking turns; medians in milliseconds, compile and run together\n\
         | pack | bare | `capsule exec` | the sandbox costs | 95 % sure | bubblewrap costs |\n|---|---|---|---|---|---|\n"
    );
    let sides = available_sides();
    let (mut costs, mut prepared) = (Vec::new(), String::new());
    for name in chosen(only)? {
        let recipe = packs::whole(name)?;
        let Some(language) = recipe.languages.get(name).map(|language| language.value.clone()) else {
            continue;
        };
        let Some(test) = language.tests.iter().find(|test| test.name == TEST) else { continue };
        let image = ImageRequest::of(recipe);
        if build::measure(&image).is_err() {
            text += &format!("| `{name}` | not installed here | | | | |\n");
            continue;
        }
        let scratch = Scratch::new()?;
        let timed = TimedTest::prepare(&scratch, image.clone(), name, &language, &test.source, &interrupt)?;
        if !language.preparations.is_empty() {
            let submission =
                Submission { bundle: &timed.bundle, language: timed.name, source: &timed.source };
            prepared += &prepared::row(&submission, image, rounds, &interrupt)?;
        }
        let cost = PackCost::of(timed.take_turns(&sides, rounds, &interrupt)?);
        text += &format!("| `{name}` | {cost} |\n");
        costs.push(cost);
    }
    let ours = median(costs.iter().map(|cost| cost.cost).collect());
    let peer: Option<Vec<i64>> = costs.iter().map(|cost| cost.peer).collect();
    let peer = peer_millis(peer.map(median));
    text += &format!("| median of all | | | {} | | {peer} |\n", millis(ours));
    if !prepared.is_empty() {
        text += prepared::HEAD;
        text += &prepared;
    }
    Ok(text)
}

/// The medians of one pack, in microseconds.
struct PackCost {
    bare: i64,
    exec: i64,
    /// Of `capsule exec`, compared with the bare side.
    cost: i64,
    /// Where `cost` would lie after infinitely many rounds, with 95 % confidence.
    interval: [i64; 2],
    /// Of bubblewrap, compared with the bare side; `None` if it is not installed.
    peer: Option<i64>,
}

impl PackCost {
    /// From the times of the sides, in the order of [`available_sides`].
    fn of(times: Vec<Vec<i64>>) -> PackCost {
        let differences = |side: &[i64]| -> Vec<i64> {
            times[0].iter().zip(side).map(|(bare, time)| time - bare).collect()
        };
        let ours = Sorted::new(differences(&times[1]));
        let peer = times.get(2).map(|peer| median(differences(peer)));
        PackCost {
            cost: ours.median(),
            interval: ours.median_interval(),
            peer,
            bare: median(times[0].clone()),
            exec: median(times[1].clone()),
        }
    }
}

impl fmt::Display for PackCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.interval;
        let [bare, exec, cost, low, high] = [self.bare, self.exec, self.cost, low, high].map(millis);
        write!(f, "{bare} | {exec} | {cost} | {low} to {high} | {}", peer_millis(self.peer))
    }
}

fn peer_millis(micros: Option<i64>) -> String {
    micros.map_or_else(|| "not installed".to_owned(), millis)
}

fn chosen(only: &[String]) -> Result<Vec<&'static str>, Error> {
    if only.is_empty() {
        return Ok(packs::names().collect());
    }
    let find = |name: &String| {
        let found = packs::names().find(|known| known == name);
        found.ok_or_else(|| Error::Usage {
            what: format!("unknown pack `{name}`"),
            hint: "`capsule pack list` shows the packs",
        })
    };
    only.iter().map(find).collect()
}

fn median(times: Vec<i64>) -> i64 {
    Sorted::new(times).median()
}

/// Signed, unlike a `Duration`: by chance a sandbox can take less time than the bare side.
fn millis(micros: i64) -> String {
    format!("{:.1}", micros as f64 / 1000.0)
}

/// How the steps are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Bare,
    Capsule,
    Bubblewrap,
}

/// The sides that this machine can run: bare, ours, and bubblewrap where it is installed.
fn available_sides() -> Vec<Side> {
    let bubblewrap = Command::new(BUBBLEWRAP).arg("--version").output();
    let peer = bubblewrap.is_ok_and(|output| output.status.success()).then_some(Side::Bubblewrap);
    [Side::Bare, Side::Capsule].into_iter().chain(peer).collect()
}

const BUBBLEWRAP: &str = "bwrap";

/// A pack's test, ready to be compiled and run by each side.
struct TimedTest<'a> {
    name: &'a str,
    language: &'a Language,
    text: &'a str,
    bundle: PathBuf,
    source: PathBuf,
}

impl<'a> TimedTest<'a> {
    /// Builds the pack's image and writes the submission.
    fn prepare(
        scratch: &Scratch,
        image: ImageRequest,
        name: &'a str,
        language: &'a Language,
        text: &'a str,
        interrupt: &Interrupt,
    ) -> Result<TimedTest<'a>, Error> {
        let bundle = scratch.build(image, interrupt)?;
        let source = scratch.path().join(language.names(text).source);
        fs::write(&source, text).map_err(|error| Error::write(&source, error))?;
        Ok(TimedTest { name, language, text, bundle, source })
    }

    /// For each side, the microseconds of each round.
    fn take_turns(
        &self,
        sides: &[Side],
        rounds: usize,
        interrupt: &Interrupt,
    ) -> Result<Vec<Vec<i64>>, Error> {
        let root = self.bundle.join("rootfs");
        workspace::separate(&self.bundle)?;
        mount_system_trees(&root)?;
        let mut times = vec![Vec::new(); sides.len()];
        // The first round fills the page cache, and does not count.
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
            Side::Capsule => self.capsule_exec(),
            Side::Bare => self.by_hand(root, |args, environment| {
                let _until_dropped = Chroot::enter(root)?;
                run_silently(command(args, environment))
            }),
            Side::Bubblewrap => self.by_hand(root, |args, environment| {
                let mut bubblewrap = command(&[BUBBLEWRAP.to_owned()], environment);
                bubblewrap.args(["--unshare-all", "--die-with-parent", "--bind"]).arg(root);
                bubblewrap
                    .args(["/", "--proc", "/proc", "--dev", "/dev", "--chdir", WORK_DIR, "--"])
                    .args(args);
                run_silently(bubblewrap)
            }),
        }
    }

    fn capsule_exec(&self) -> Result<Duration, Error> {
        let program =
            std::env::current_exe().map_err(|error| Error::read("/proc/self/exe".as_ref(), error))?;
        let mut command = Command::new(&program);
        command.arg("exec").arg(&self.bundle).args(["--lang", self.name]).arg(&self.source);
        command.stdin(Stdio::null());
        let start = Instant::now();
        run_silently(command).map_err(|error| Error::start(&program, error))?;
        Ok(start.elapsed())
    }

    /// Workspace and steps without `capsule exec`: `run` gets the arguments and the environment of each step.
    fn by_hand(
        &self,
        root: &Path,
        run: impl Fn(&[String], &[String]) -> io::Result<()>,
    ) -> Result<Duration, Error> {
        let names = self.language.names(self.text);
        let nothing = BTreeMap::new();
        let place = root.join(WORK_DIR.trim_start_matches('/'));
        let steps = SubmissionSteps {
            bundle: &self.bundle,
            root,
            workspace: &place,
            limits: &nothing,
            digest: None,
            language: self.language,
            names: &names,
            uid: None,
            has_several: false,
        };
        // A new workspace every time, as `capsule exec` has.
        let start = Instant::now();
        let workspace = Workspace::mount_at(place.clone(), Workspace::SIZE)?;
        workspace.put(&names.source, self.text.as_bytes())?;
        for step in [self.language.compile.as_ref(), Some(&self.language.run)].into_iter().flatten() {
            let (args, environment) = steps.bare(step);
            run(&args, &environment).map_err(|error| Error::start(root, error))?;
        }
        let time = start.elapsed();
        drop(workspace);
        Ok(time)
    }
}

/// A program with the arguments and the environment that it has in the sandbox.
fn command(args: &[String], environment: &[String]) -> Command {
    let Some((program, args)) = args.split_first() else { return Command::new("") };
    let mut command = Command::new(find_program(program));
    command
        .args(args)
        .env_clear()
        .env("PATH", PATH.join(":"))
        .env("HOME", "/home/judge")
        .env("LANG", "C.UTF-8")
        .envs(environment.iter().filter_map(|variable| variable.split_once('=')))
        .stdin(Stdio::piped());
    command
}

const PATH: [&str; 2] = ["/usr/bin", "/bin"];

/// The path of a program. With a path and no `PATH` search `Command` can use posix_spawn(3), which does not copy this
/// process.
fn find_program(program: &str) -> PathBuf {
    let places = PATH.iter().map(|directory| Path::new(directory).join(program));
    places.into_iter().find(|place| place.exists()).unwrap_or_else(|| program.into())
}

/// Runs it, and drops its output.
fn run_silently(mut command: Command) -> io::Result<()> {
    command.output().and_then(|output| require_success(output.status))
}

/// Gives this process another root until it is dropped. A child then runs none of our code between fork and exec, so
/// `Command` does not fork.
struct Chroot {
    root: File,
    directory: File,
}

impl Chroot {
    fn enter(root: &Path) -> io::Result<Chroot> {
        let outside = Chroot { root: File::open("/")?, directory: File::open(".")? };
        rustix::process::chroot(root)?;
        rustix::process::chdir(WORK_DIR)?;
        Ok(outside)
    }
}

impl Drop for Chroot {
    fn drop(&mut self) {
        let _cannot_be_reported = rustix::process::fchdir(&self.root)
            .and_then(|()| rustix::process::chroot("."))
            .and_then(|()| rustix::process::fchdir(&self.directory));
    }
}

/// Mounts what programs find in the sandbox and need: /proc, /dev, directories to write to.
fn mount_system_trees(root: &Path) -> Result<(), Error> {
    let none: Option<&str> = None;
    let at = |name: &str| root.join(name);
    let mount_new =
        |kind: &str, place: &str| mount(Some(kind), &at(place), Some(kind), MsFlags::empty(), none);
    mount_new("proc", "proc")
        .and_then(|()| mount(Some("/dev"), &at("dev"), none, MsFlags::MS_BIND, none))
        .and_then(|()| mount_new("tmpfs", "tmp"))
        .and_then(|()| mount_new("tmpfs", "home/judge"))
        .map_err(|errno| run::Error::Workspace { path: root.to_path_buf(), error: errno.into() })?;
    let place = at(WORK_DIR.trim_start_matches('/'));
    fs::create_dir(&place).map_err(|error| Error::write(&place, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_pack_is_named() {
        assert_eq!(chosen(&["c".to_owned()]).expect("known"), ["c"]);
        assert!(chosen(&["latin".to_owned()]).expect_err("unknown").to_string().contains("`latin`"));
    }
}
