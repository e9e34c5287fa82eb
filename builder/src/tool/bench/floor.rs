//! `capsule bench floor`: how near init comes to the system calls that no runner of the same isolation can do without.
//!
//! All take turns: the bare system calls with a network namespace made for each run, the same with one that is used again,
//! init, its pool, bubblewrap, and the program alone. Then each has so many runs in flight at a time, in slices that take turns too.

mod bare;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use run::{Child, InitCommand, Pool};

use self::bare::Bare;
use super::stage::Stage;
use super::statistics::Sorted;
use super::{millis, require_success};
use crate::error::Error;

/// Runs at one time in the second part.
const IN_FLIGHT: usize = 8;
/// Slices of the second part: each contender has a turn in each.
const SLICES: usize = 10;
/// Longer than a sandbox takes to stand.
const READY: Duration = Duration::from_millis(5);

/// One run, from its start to its end; the number differs from run to run.
type Run<'a> = Box<dyn Fn(usize) -> io::Result<()> + Sync + 'a>;

struct Contender<'a> {
    name: &'static str,
    run: Run<'a>,
    /// How long it may get ready before each run of the first part.
    pause: Duration,
    times: Vec<Duration>,
    /// Of each slice, the time of all its runs.
    slices: Vec<Duration>,
}

pub(super) fn distance(stage: &Stage, rounds: usize) -> Result<String, Error> {
    let fail = |error| Error::start("the bare system calls".as_ref(), error);
    let bare = Bare::new(stage.root(), "/exit").map_err(fail)?;
    // The namespace that is used again. It is empty, and nothing here needs another one.
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| fail(errno.into()))?;
    let pool = Pool::start(IN_FLIGHT).map_err(|error| Error::start("init-serve".as_ref(), error))?;
    let mut contenders = contenders(stage, &bare, &pool);
    let mut missing = Vec::new();
    contenders.retain(|contender| match (contender.run)(0) {
        Ok(()) => true,
        Err(error) => {
            missing.push(format!("{:32} does not work here: {error}", contender.name));
            false
        }
    });
    let number = AtomicUsize::new(1);
    for _ in 0..rounds {
        for contender in &mut contenders {
            thread::sleep(contender.pause);
            let start = Instant::now();
            contender.once(&number)?;
            contender.times.push(start.elapsed());
        }
    }
    for _ in 0..SLICES {
        for contender in &mut contenders {
            let time = contender.in_flight(rounds.div_ceil(SLICES), &number)?;
            contender.slices.push(time);
        }
    }
    Ok(render(rounds, &contenders, &missing))
}

/// The first is what the others are compared with.
fn contenders<'a>(stage: &'a Stage, bare: &'a Bare, pool: &'a Pool) -> Vec<Contender<'a>> {
    let contender =
        |name, run| Contender { name, run, pause: Duration::ZERO, times: Vec::new(), slices: Vec::new() };
    let bare_run = |has_own_network: bool| -> Run<'a> {
        Box::new(move |number| bare.run(&format!("floor-{}-{number}", std::process::id()), has_own_network))
    };
    let mut init = InitCommand::new(&stage.init(), stage.root());
    init.command(["/exit"]);
    let bubblewrap = ["--unshare-all", "--ro-bind"].map(OsString::from).into_iter();
    let bubblewrap = bubblewrap.chain([stage.root().into()]);
    let bubblewrap = bubblewrap.chain(["/", "--proc", "/proc", "--dev", "/dev", "/exit"].map(OsString::from));
    let bubblewrap = [find("bwrap").into()].into_iter().chain(bubblewrap).collect();
    vec![
        contender("bare calls, network used again", bare_run(false)),
        contender("bare calls, network made anew", bare_run(true)),
        contender("init run", program(init.to_argv())),
        contender("init-serve", pooled(pool, init.clone())),
        Contender { pause: READY, ..contender("init-serve, ready", pooled(pool, init)) },
        contender("bwrap --unshare-all", program(bubblewrap)),
        contender("vfork, exec and wait alone", program(vec![stage.root().join("exit").into()])),
    ]
}

/// Starts a program without a copy of this process, as the bare calls are.
fn program<'a>(args: Vec<OsString>) -> Run<'a> {
    Box::new(move |_| require_success(Child::start(args.clone(), [None; 3], &[])?.wait()?))
}

/// A request to the pool, from sending it to its report.
fn pooled<'a>(pool: &'a Pool, init: InitCommand) -> Run<'a> {
    Box::new(move |_| {
        let run = pool.run(&init, [None; 3])?.ok_or(io::ErrorKind::Unsupported)?;
        let done = run.wait()?;
        if done.code == 0 { Ok(()) } else { Err(io::Error::other(done.report)) }
    })
}

fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|directory| directory.join(program));
    places.find(|place| place.is_file()).unwrap_or_else(|| program.into())
}

impl Contender<'_> {
    fn once(&self, number: &AtomicUsize) -> Result<(), Error> {
        let done = (self.run)(number.fetch_add(1, Ordering::Relaxed));
        done.map_err(|error| Error::start(self.name.as_ref(), error))
    }

    /// The time of so many runs, of which as many as [`IN_FLIGHT`] are under way at a time.
    fn in_flight(&self, runs: usize, number: &AtomicUsize) -> Result<Duration, Error> {
        let left = AtomicUsize::new(runs);
        let take = |left: usize| left.checked_sub(1);
        let work = || {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                self.once(number)?;
            }
            Ok::<(), Error>(())
        };
        let start = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..IN_FLIGHT).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        Ok(start.elapsed())
    }
}

fn render(rounds: usize, contenders: &[Contender<'_>], missing: &[String]) -> String {
    let mut text = format!(
        "{rounds} runs each, in turn, of a program that only exits; milliseconds\n\
         then the same with {IN_FLIGHT} in flight; runs in a second\n\
         a ratio is to the first line's of the same turn, and the median of those\n"
    );
    for Contender { name, times, slices, .. } in contenders {
        let sorted = Sorted::new(times.clone());
        let [median, p99] = [50, 99].map(|percent| millis(sorted.percentile(percent)));
        let per_slice = rounds.div_ceil(SLICES) as f64;
        let throughput = per_slice / Sorted::new(slices.clone()).median().as_secs_f64();
        let [alone, together] =
            [ratio(times, &contenders[0].times), 1.0 / ratio(slices, &contenders[0].slices)];
        let _infallible = writeln!(
            text,
            "{name:32} median {median:6.3} p99 {p99:7.3} ratio {alone:5.2}   in flight {throughput:6.0}/s ratio {together:5.2}"
        );
    }
    missing.iter().for_each(|line| text += &format!("{line}\n"));
    text
}

/// The median of the ratios of each turn.
fn ratio(times: &[Duration], base: &[Duration]) -> f64 {
    let thousandths = |(time, base): (&Duration, &Duration)| time.as_nanos() * 1000 / base.as_nanos().max(1);
    let turns = Sorted::new(times.iter().zip(base).map(thousandths).collect());
    turns.median() as f64 / 1000.0
}
