//! `capsule calibrate`: how fast this machine is, how far the times of equal work are apart here, and how much slower work is
//! when all CPUs are busy. The result is a file that reports of later runs quote.
//!
//! Fixed kernels run in turns, first alone, then with every other CPU busy with the same kernels. What is measured is the
//! CPU time of the thread, as a run's is. They say how fast the machine is. How far equal runs are apart, they do not: most
//! of that is different from process to process, as each has other pages of memory, at other addresses. So a program that
//! is always the same is started again and again, too.

mod kernels;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bundle::FileError;
use bundle::digest::Sha;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use run::timing::{Calibration, Cpus, Kernel, Machine, Observation, VERSION, default_place};
use rustix::time::{ClockId, clock_gettime};

use crate::error::Error;
use kernels::{KERNELS, Memory};

/// What to do.
#[derive(Debug)]
pub struct CalibrateRequest {
    /// Where the result is kept; absent for the usual place.
    pub output: Option<PathBuf>,
    /// How long it may take, in seconds.
    pub seconds: u64,
    /// Whether a result is kept that other work has disturbed.
    pub force: bool,
    /// Whether this process is the program that is started again and again.
    pub is_program: bool,
}

/// The option that says so.
pub const PROGRAM: &str = "the-program";

/// As many rounds of each part at least, however slow the machine is.
const LEAST: usize = 5;
/// Starts of a program, whose CPU times say by how much a short run can be off.
const STARTS: usize = 100;

/// Measures, writes the file, and says what was found.
///
/// # Errors
/// The machine was not quiet, something could not be measured, or the file cannot be written.
pub fn calibrate(request: &CalibrateRequest) -> Result<String, Error> {
    if request.is_program {
        kernels::program();
        return Ok(String::new());
    }
    let place = request.output.clone().or_else(default_place).ok_or_else(|| Error::Usage {
        what: "there is no directory for the calibration: neither HOME nor XDG_STATE_HOME is set".to_owned(),
        hint: "name a file: `capsule calibrate -o FILE`",
    })?;
    let budget = Duration::from_secs(request.seconds) / 4;
    let cpus = Cpus::allowed().count();
    let (seen, before) = (Observation::begin(), cpu_us());
    let alone = rounds(budget)?;
    let disturbed = seen.disturbances((cpu_us() - before) as u64);
    if !disturbed.is_empty() && !request.force {
        return Err(Error::NotQuiet(disturbed.join("; ")));
    }
    let option = format!("--{PROGRAM}");
    let program = || starts(&["calibrate", &option], None, budget);
    let (starts, programs) = (starts(&["--version"], Some(STARTS), budget)?, program()?);
    let busy = with_all_busy(cpus, || rounds(budget))?;
    let programs = Programs { starts, alone: programs, busy: with_all_busy(cpus, program)? };
    let kernels: Vec<Kernel> = KERNELS
        .iter()
        .enumerate()
        .map(|(number, kernel)| {
            let (alone, busy) = (sorted(&alone, number), sorted(&busy, number));
            let alone_us = at(&alone, 0.5);
            let spread = (at(&alone, 0.95) - at(&alone, 0.05)) / 2.0 / alone_us;
            Kernel { name: kernel.name.to_owned(), alone_us, busy_us: at(&busy, 0.5), spread }
        })
        .collect();
    let calibration = summed_up(kernels, cpus, &programs);
    if let Some(flaw) = calibration.flaw() {
        return Err(not_measured("equal programs", flaw));
    }
    let text = serde_json::to_string_pretty(&calibration).unwrap_or_default() + "\n";
    write(&place, &text)?;
    Ok(render(&calibration, &place) + &warning(&disturbed))
}

/// The CPU times of all kernels in microseconds, round by round.
fn rounds(budget: Duration) -> Result<Vec<Vec<f64>>, Error> {
    let (begin, mut memory, mut rounds) = (Instant::now(), Memory::new()?, Vec::new());
    while rounds.len() < LEAST || begin.elapsed() < budget {
        let time = |kernel: &kernels::KernelCode| {
            let before = cpu_us();
            kernel.run(&mut memory)?;
            Ok(cpu_us() - before)
        };
        rounds.push(KERNELS.iter().map(time).collect::<Result<_, Error>>()?);
    }
    // The first round finds nothing in the caches.
    rounds.remove(0);
    Ok(rounds)
}

/// A measurement that failed must not look like one of 0.
fn not_measured(what: &str, cause: impl ToString) -> Error {
    Error::NotMeasured { what: what.to_owned(), cause: cause.to_string() }
}

fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn with_all_busy<T>(cpus: usize, measure: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let start = |first| {
            let is_over = &is_over;
            thread::Builder::new().spawn_scoped(scope, move || keep_busy(first, is_over))
        };
        let started: io::Result<Vec<_>> = (1..cpus).map(start).collect();
        let measured =
            started.map_err(|error| not_measured("a thread for each CPU", error)).and_then(|busy| {
                let measured = measure();
                is_over.store(true, Ordering::Relaxed);
                busy.into_iter()
                    .try_for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))?;
                measured
            });
        // Some may have started.
        is_over.store(true, Ordering::Relaxed);
        measured
    })
}

/// Each CPU begins with another kernel.
fn keep_busy(first: usize, is_over: &AtomicBool) -> Result<(), Error> {
    let mut memory = Memory::new()?;
    let mut all = KERNELS.iter().cycle().skip(first);
    while !is_over.load(Ordering::Relaxed) {
        all.next().map_or(Ok(()), |kernel| kernel.run(&mut memory))?;
    }
    Ok(())
}

/// CPU times of equal programs, in microseconds, in ascending order.
#[derive(Debug)]
struct Programs {
    /// Of this program, doing nothing.
    starts: Vec<f64>,
    alone: Vec<f64>,
    busy: Vec<f64>,
}

/// CPU times of starts of this program with these arguments, in microseconds, in ascending order: so many, or as many as
/// there is time for.
fn starts(arguments: &[&str], count: Option<usize>, budget: Duration) -> Result<Vec<f64>, Error> {
    let (begin, mut times) = (Instant::now(), Vec::new());
    let is_over = |done: usize| match count {
        Some(count) => done >= count,
        None => done >= LEAST && begin.elapsed() >= budget,
    };
    while !is_over(times.len()) {
        times.push(start(arguments)?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn start(arguments: &[&str]) -> Result<f64, Error> {
    const ITSELF: &str = "/proc/self/exe";
    let used = || -> io::Result<f64> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        Ok((usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64)
    };
    let measure = || {
        let before = used()?;
        let mut command = Command::new(ITSELF);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status()?;
        if status.success() { Ok(used()? - before) } else { Err(io::Error::other(status.to_string())) }
    };
    let wrong = |error: io::Error| not_measured(&format!("`{ITSELF} {}`", arguments.join(" ")), error);
    measure().map_err(wrong)
}

fn sorted(rounds: &[Vec<f64>], kernel: usize) -> Vec<f64> {
    let mut times: Vec<f64> = rounds.iter().map(|round| round[kernel]).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// The value that this share of the values does not exceed. There is one value at least.
fn at(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// How far the outermost hundredths are from the median.
fn reach(sorted: &[f64]) -> f64 {
    (at(sorted, 0.995) - at(sorted, 0.5)).max(at(sorted, 0.5) - at(sorted, 0.005))
}

/// The errors are those of the programs, and the speed is that of the kernels.
fn summed_up(kernels: Vec<Kernel>, cpus: usize, programs: &Programs) -> Calibration {
    let Programs { starts, alone, busy } = programs;
    let middle = at(alone, 0.5);
    let noise = reach(alone) / middle;
    // With the others busy: as far as the outermost ones are from the median alone, beyond what it is off alone.
    let contention = (at(busy, 0.995) - middle).max(middle - at(busy, 0.005)) / middle;
    let logarithms =
        kernels.iter().zip(&KERNELS).map(|(found, code)| (code.reference_us / found.alone_us).ln());
    let speed = (logarithms.sum::<f64>() / kernels.len() as f64).exp();
    let mut calibration = Calibration {
        version: VERSION,
        id: String::new(),
        processor: Machine::this().processor,
        cpus,
        speed,
        noise,
        contention: (contention - noise).max(0.0),
        floor_us: reach(starts),
        kernels,
    };
    let digest = Sha::of(serde_json::to_string(&calibration).unwrap_or_default().as_bytes());
    calibration.id = digest.as_str().chars().take(12).collect();
    calibration
}

/// Through a file next to it, so that a reader sees the old one or the new one.
fn write(place: &Path, text: &str) -> Result<(), Error> {
    let wrong = |error| Error::from(FileError::write(place, error));
    let directory = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(wrong)?;
    let mut file = tempfile::Builder::new().prefix(".calibration").tempfile_in(directory).map_err(wrong)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(wrong)?;
    // Runs of other users read it too.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable).map_err(wrong)?;
    file.persist(place).map_err(|error| wrong(error.error))?;
    Ok(())
}

/// Errors that were measured on a busy machine are too large.
fn warning(disturbed: &[String]) -> String {
    match disturbed {
        [] => String::new(),
        causes => {
            format!("warning: the machine was not quiet: {}; calibrate again when it is\n", causes.join("; "))
        }
    }
}

fn render(found: &Calibration, place: &Path) -> String {
    let mut text = format!("{}, {} CPUs: calibration {}\n", found.processor, found.cpus, found.id);
    for Kernel { name, alone_us, busy_us, spread } in &found.kernels {
        let ratio = busy_us / alone_us;
        let _infallible = writeln!(
            text,
            "{name:14} {alone_us:9.1} µs  ± {:4.1} %  with all CPUs busy {ratio:.2} times as long",
            100.0 * spread
        );
    }
    let _infallible = writeln!(
        text,
        "speed {:.2}; a time is off by {:.0} µs and {:.1} %, with all CPUs busy by {:.1} % more\n{}",
        found.speed,
        found.floor_us,
        100.0 * found.noise,
        100.0 * found.contention,
        place.display()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernels_of(alone_us: f64) -> Vec<Kernel> {
        let kernel = |code: &kernels::KernelCode| Kernel {
            name: code.name.to_owned(),
            alone_us,
            busy_us: alone_us,
            spread: 0.0,
        };
        KERNELS.iter().map(kernel).collect()
    }

    #[test]
    fn errors_are_those_of_equal_programs() {
        let mut alone = vec![100.0; 400];
        // The outermost hundredth does not count.
        alone[397..].copy_from_slice(&[110.0, 120.0, 130.0]);
        let programs = Programs { starts: vec![700.0, 800.0, 950.0], alone, busy: vec![150.0; 400] };
        let found = summed_up(kernels_of(100.0), 2, &programs);
        assert!((found.noise - 0.1).abs() < 1e-9 && (found.contention - 0.4).abs() < 1e-9, "{found:?}");
        assert_eq!((found.floor_us, found.id.len()), (150.0, 12));
        assert_eq!(found.flaw(), None);
        let equal = Programs { starts: vec![700.0; 3], alone: vec![100.0; 3], busy: vec![100.0; 3] };
        let other = summed_up(kernels_of(50.0), 2, &equal);
        assert!((other.speed / found.speed - 2.0).abs() < 1e-9 && other.id != found.id);
        // They would be equal to the nanosecond.
        assert!(other.flaw().is_some_and(|flaw| flaw.starts_with("`noise` is 0,")), "{other:?}");
        let nothing = summed_up(kernels_of(0.0), 2, &programs);
        assert!(nothing.flaw().is_some_and(|flaw| flaw.starts_with("`speed` is inf,")), "{nothing:?}");
    }

    #[test]
    fn a_busy_machine_is_a_warning() {
        assert_eq!(warning(&[]), "");
        let said = warning(&["contention: 50 %".to_owned(), "steal: 2 %".to_owned()]);
        assert!(
            said.starts_with("warning: the machine was not quiet: contention: 50 %; steal: 2 %;"),
            "{said}"
        );
    }

    /// `/proc/self/exe` is the program of these tests here, which refuses the arguments.
    #[test]
    fn a_program_that_fails_leaves_no_calibration() {
        let place = tempfile::tempdir().unwrap();
        let said = calibrate(&CalibrateRequest {
            output: Some(place.path().join("a/b.json")),
            seconds: 0,
            force: true,
            is_program: false,
        })
        .unwrap_err();
        let said = said.to_string();
        assert!(said.contains("`/proc/self/exe --version`: exit status: 101; nothing was written"), "{said}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a/b.json");
        for text in ["first", "second"] {
            write(&file, text).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        assert_eq!(fs::read_dir(place.path().join("a")).unwrap().count(), 1);
        let said = write(&file.join("c"), "").unwrap_err().to_string();
        assert!(said.contains("b.json"), "{said}");
    }
}
