//! One `--run`: init is started, and what it reports becomes isolate's verdict.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bundle::layout;
use nix::sys::resource::{UsageWho, getrusage};
use run::{Child, InitCommand};

use crate::boxes::LockedBox;
use crate::call::Call;
use crate::config::Config;
use crate::fault::{Fault, reason};
use crate::signals::{self, Watch};
use crate::stage::{self, Stage};
use crate::verdict::{self, Report, Usage, Verdict};

/// Bytes in /dev/shm, and in places that no rule gives a directory: a tmpfs is memory, so it has a limit.
const SCRATCH: &str = "256M";
/// The most variables that the step before the program takes (init/src/box_exec.rs).
const MAX_VARIABLES: usize = 4096;
/// init's own least.
const FEWEST_OPEN_FILES: u64 = 5;

/// The user of a box whose keeper was killed is free when its last process is gone: that takes a moment, and no more.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs a program in a box that is its user's already.
pub(crate) fn run(
    call: &Call,
    config: &Config,
    taken: &LockedBox,
    command: &[OsString],
) -> Result<Verdict, Fault> {
    let fail = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| Fault::because(what, error)
    };
    let signals = signals::block().map_err(fail("Cannot block signals"))?;
    let connection =
        call.connection.as_ref().map(OwnedFd::try_clone).transpose().map_err(fail("The connection"))?;
    let watch = Watch::start(signals, connection);
    let stage = stage::build(call, config, taken)?;
    let start = Instant::now();
    loop {
        let ended = start_and_wait(call, config, taken, &stage, command, &watch)?;
        if let Some(fault) = step_failure(&ended.failure, call) {
            return Err(fault);
        }
        if ended.report.is_user_taken() && watch.received().is_none() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        return match watch.received() {
            Some(signal) if signals::is_fatal(signal) => {
                Err(Fault(format!("Sandbox keeper received fatal signal {signal}")))
            }
            Some(signal) => Ok(verdict::interrupted(signal, &ended.report, ended.usage, call.options.cg)),
            None => verdict::of_run(&ended.report, ended.usage, &call.options.limits, call.options.cg),
        };
    }
}

/// What is known of one start of init.
struct Ended {
    report: Report,
    usage: Usage,
    /// What the step before the program said.
    failure: String,
}

fn start_and_wait(
    call: &Call,
    config: &Config,
    taken: &LockedBox,
    stage: &Stage,
    command: &[OsString],
    watch: &Watch,
) -> Result<Ended, Fault> {
    let report_path = taken.directory.join(".report");
    // One of a run whose keeper was killed must not be this run's.
    match fs::remove_file(&report_path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Fault::because(format!("Cannot remove {}", report_path.display()), error));
        }
        _ => {}
    }
    let (mut failures, failed) = failure_pipe().map_err(|error| Fault::because("pipe", error))?;
    let init = init_command(call, config, taken, stage, &report_path, &failed, command)?;
    call.mention(|| format!("Starting {}", init.to_argv().join(" ".as_ref()).to_string_lossy()));
    let started = |error| Fault::because(format!("Cannot run {}", init.init().display()), error);
    let streams = [0, 1, 2].map(|number| Some(call.streams[number].as_fd()));
    let child = Child::start(init.to_argv(), streams, &[failed.as_fd()]).map_err(started)?;
    // Its own memory is ours up to now.
    let own_rss = max_rss(UsageWho::RUSAGE_SELF);
    drop(failed);
    watch.guard(child.pid()).map_err(started)?;
    let status = child.wait().map_err(started)?;
    let report = fs::read(&report_path).unwrap_or_default();
    let _absent_if_init_did_not_start = fs::remove_file(&report_path);
    let mut failure = String::new();
    let _empty = failures.read_to_string(&mut failure);
    let report: Report = serde_json::from_slice(&report)
        .map_err(|error| Fault(format!("The sandbox failed without a report ({status}): {error}")))?;
    let usage = usage(own_rss, &report);
    Ok(Ended { report, usage, failure })
}

/// The pipe on which the step before the program says that it failed. The end to write has a number above those of the
/// caller's descriptors, which `--inherit-fds` passes on.
fn failure_pipe() -> io::Result<(io::PipeReader, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    let highest = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .max()
        .unwrap_or(0);
    let writer = rustix::io::fcntl_dupfd_cloexec(&writer, highest + 1)?;
    Ok((reader, writer))
}

fn init_command(
    call: &Call,
    config: &Config,
    taken: &LockedBox,
    stage: &Stage,
    report: &Path,
    failed: &OwnedFd,
    command: &[OsString],
) -> Result<InitCommand, Fault> {
    let options = &call.options;
    let bundle = layout::resolved(&config.bundle);
    let mut init = InitCommand::new(&bundle.join(layout::INIT), &stage.root);
    // With the lock on it: no other run has it meanwhile.
    init.option("uid-range", format!("{0}-{0}", taken.user)).option("report", report);
    let limits = &options.limits;
    let microseconds =
        |limit: Option<u64>, more: u64| limit.map_or("none".into(), |limit| format!("{}us", limit + more));
    let kibibytes = |limit: Option<u64>| limit.map_or("none".into(), |limit| format!("{limit}K"));
    let count = |limit: Option<u64>| limit.map_or("none".into(), |limit| limit.to_string());
    init.option("cpu-time", microseconds(limits.time, limits.extra_time))
        .option("wall-time", microseconds(limits.wall_time, 0))
        .option("memory", kibibytes(limits.cg_mem))
        .option("pids", count(limits.processes))
        .option("output", kibibytes(limits.fsize))
        .option("stack", kibibytes(limits.stack))
        .option("open-files", count(limits.open_files.map(|limit| limit.max(FEWEST_OPEN_FILES))))
        .option("tmp", SCRATCH)
        .option("cwd", "/box")
        .option("net", if options.share_net { "host" } else { "loopback" })
        // The step before the program closes them.
        .option("without", "close-fds");
    if options.tty && rustix::termios::isatty(&call.streams[1]) {
        init.flag("tty");
    }
    for (source, target, writable) in &stage.binds {
        let mut bind = source.clone().into_os_string();
        bind.push(":");
        bind.push(target);
        bind.push(if *writable { ":rw" } else { "" });
        init.option("bind", bind);
    }
    let variables = options.environment.of_program(&call.variables);
    if variables.len() > MAX_VARIABLES {
        return Err(Fault(format!("More than {MAX_VARIABLES} variables in the environment")));
    }
    init.command(step(call, failed, variables.len())).command(variables).command(command);
    Ok(init)
}

/// The step before the program, with its arguments in their order (init/src/box_exec.rs).
fn step(call: &Call, failed: &OwnedFd, variables: usize) -> Vec<OsString> {
    let options = &call.options;
    let flag = |set: bool| OsString::from(if set { "1" } else { "" });
    let path = |path: &Option<OsString>| path.clone().unwrap_or_default();
    let bytes = options.limits.mem.map(|limit| (limit << 10).to_string()).unwrap_or_default();
    vec![
        stage::STEP.into(),
        failed.as_raw_fd().to_string().into(),
        flag(options.inherit_fds),
        bytes.into(),
        path(&options.redirections.stdin),
        path(&options.redirections.stdout),
        path(&options.redirections.stderr),
        flag(options.redirections.stderr_to_stdout),
        path(&options.directory),
        variables.to_string().into(),
    ]
}

/// What the step before the program said: a letter and an errno.
fn step_failure(failure: &str, call: &Call) -> Option<Fault> {
    let (step, errno) = failure.split_at_checked(1)?;
    let path = |path: &Option<OsString>| path.clone().unwrap_or_default().to_string_lossy().into_owned();
    let redirections = &call.options.redirections;
    let what = match step {
        "l" => "setrlimit(RLIMIT_AS)".to_owned(),
        "i" => format!("open(\"{}\")", path(&redirections.stdin)),
        "o" => format!("open(\"{}\")", path(&redirections.stdout)),
        "e" => format!("open(\"{}\")", path(&redirections.stderr)),
        "d" => format!("chdir(\"{}\")", path(&call.options.directory)),
        _ => "The step before the program".to_owned(),
    };
    let error = io::Error::from_raw_os_error(errno.parse().unwrap_or(nix::libc::EINVAL));
    Some(Fault(format!("{what}: {}", reason(&error))))
}

/// In KiB.
fn max_rss(who: UsageWho) -> u64 {
    getrusage(who).map_or(0, |usage| usage.max_rss().cast_unsigned())
}

/// What the kernel counted for our one child and all below it.
fn usage(own_rss: u64, report: &Report) -> Usage {
    let Ok(children) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Usage::default() };
    let largest = children.max_rss().cast_unsigned();
    // The child begins with our own memory (getrusage(2), ru_maxrss lives on over execve(2)): a smaller program is hidden
    // by that, and the memory of the run's cgroup is closer.
    let peak = report.memory_peak_bytes.map(|bytes| bytes / 1024);
    let max_rss = if largest > own_rss { largest } else { peak.unwrap_or(largest).min(largest) };
    Usage {
        max_rss,
        voluntary_switches: children.voluntary_context_switches().cast_unsigned(),
        forced_switches: children.involuntary_context_switches().cast_unsigned(),
    }
}
