//! The commands of isolate, from the arguments to the exit code.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::boxes;
use crate::call::{Call, Caller};
use crate::config::Config;
use crate::fault::Fault;
use crate::misuse::Misuse;
use crate::options::{self, Command, Options};
use crate::{helper, keeper, meta, usage, verdict};

/// Exit code of a failure of the sandbox, and of a command line that is not valid.
const FAULT: u8 = 2;

/// Does what the arguments after the program's name say, and returns the exit code: 0, 1 for a program that failed or was
/// stopped, 2 for a failure of the sandbox.
pub fn isolate(args: &[OsString]) -> u8 {
    if has_foreign_rights() {
        eprintln!(
            "isolate must not be set-user-ID or set-group-ID: its helper (isolate --helper) serves ordinary users"
        );
        return FAULT;
    }
    let options = match options::parse(args) {
        Ok(options) => options,
        Err(Misuse(line)) => {
            eprintln!("isolate: {line}\nTry 'isolate --help'.");
            return FAULT;
        }
    };
    let done = match &options.command {
        Command::Help => return say(&usage::help()),
        Command::Version => return say(VERSION),
        Command::PrintCgRoot => return say(&cgroup_root()),
        Command::CheckConfig => Config::load().and_then(|config| config.check()).map(|()| 0),
        Command::Helper => Config::load().and_then(|config| helper::serve(&config, serve_one)),
        Command::Init | Command::Run(_) | Command::Cleanup => return start(args, options),
    };
    done.unwrap_or_else(|fault| {
        eprintln!("{}", fault.0);
        FAULT
    })
}

/// Whether this process has more rights than its user (execve(2)): the user's variables name the operator's file and the
/// bundle, and root would believe them.
fn has_foreign_rights() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    getuid() != geteuid() || getgid() != getegid()
}

/// The first line has the form by which callers find isolate's version.
const VERSION: &str = concat!(
    "The process isolator 2.6\n",
    "The command line of isolate on capsule ",
    env!("CARGO_PKG_VERSION"),
    "\n"
);

fn say(text: &str) -> u8 {
    use std::io::Write;
    // A reader that goes away has what it wanted.
    let _closed = io::stdout().write_all(text.as_bytes());
    0
}

/// A call by this process's own user.
fn start(args: &[OsString], options: Options) -> u8 {
    let meta = match options.meta.as_deref().map(meta::open).transpose() {
        Ok(meta) => meta,
        Err(error) => {
            let path = options.meta.unwrap_or_default();
            eprintln!("{}", Fault::because(format!("Failed to open metafile '{}'", path.display()), error).0);
            return FAULT;
        }
    };
    let call = (|| {
        let [stdin, stdout, stderr] =
            [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
        let streams = [duplicate(stdin)?, duplicate(stdout)?, duplicate(stderr)?];
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let caller = Caller { uid, gid, is_root: uid == 0 };
        Ok(Call { options, caller, variables: env::vars_os().collect(), streams, meta, connection: None })
    })();
    match call {
        Ok(call) if rustix::process::geteuid().is_root() => perform(call),
        Ok(call) => helper::ask(args, &call),
        Err(Fault(line)) => {
            eprintln!("{line}");
            FAULT
        }
    }
}

fn duplicate(stream: BorrowedFd<'_>) -> Result<OwnedFd, Fault> {
    stream.try_clone_to_owned().map_err(|error| Fault::because("A standard stream is closed", error))
}

/// A call of an ordinary user's, from its process to this one of root's.
fn serve_one(mut request: helper::Request) -> u8 {
    let [_, _, stderr] = &request.streams;
    let complain = |line: &str| {
        if let Ok(stderr) = stderr.try_clone() {
            use std::io::Write;
            let _closed = writeln!(fs::File::from(stderr), "{line}");
        }
    };
    let options = match options::parse(&request.args) {
        Ok(options) if matches!(options.command, Command::Init | Command::Run(_) | Command::Cleanup) => {
            options
        }
        Ok(_) => {
            complain("This command needs no helper");
            return FAULT;
        }
        Err(Misuse(line)) => {
            complain(&format!("isolate: {line}"));
            return FAULT;
        }
    };
    let caller = Caller { uid: request.uid, gid: request.gid, is_root: request.uid == 0 };
    let connection = request.connection.take();
    let helper::Request { variables, streams, meta, .. } = request;
    perform(Call { options, caller, variables, streams, meta, connection })
}

/// Does it, as root; what fails is on the caller's stderr and in the meta file.
fn perform(mut call: Call) -> u8 {
    // The files and directories that are made here have the modes that are written here.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let done = act_for(&mut call).and_then(|()| {
        let config = Config::load()?;
        match &call.options.command {
            Command::Init => initialize(&call, &config).map(|()| 0),
            Command::Cleanup => boxes::cleanup(&call, &config).map(|()| 0),
            Command::Run(command) => run(&call, &config, command),
            _ => Ok(0),
        }
    });
    done.unwrap_or_else(|fault| {
        call.complain(&fault.0);
        let _unwritten = verdict::of_fault(&fault).write(call.meta.as_ref());
        FAULT
    })
}

/// `--as-uid` and `--as-gid`.
fn act_for(call: &mut Call) -> Result<(), Fault> {
    match (call.options.as_uid, call.options.as_gid) {
        (None, None) => Ok(()),
        _ if !call.caller.is_root => Err(Fault("You must be root to use --as-uid or --as-gid".into())),
        (Some(uid), Some(gid)) => {
            call.caller = Caller { uid, gid, is_root: true };
            Ok(())
        }
        _ => Err(Fault("--as-uid and --as-gid must be used either both or none".into())),
    }
}

fn initialize(call: &Call, config: &Config) -> Result<(), Fault> {
    let made = boxes::create(call, config)?;
    call.print(&made.directory.to_string_lossy());
    Ok(())
}

fn run(call: &Call, config: &Config, command: &[OsString]) -> Result<u8, Fault> {
    let refused = |option| Fault(format!("{option} is not allowed by the operator's file"));
    if call.options.share_net && !config.share_net {
        return Err(refused("--share-net"));
    }
    if call.options.inherit_fds && !config.inherit_fds {
        return Err(refused("--inherit-fds"));
    }
    if !call.options.inherit_fds {
        run::close_others_on_exec().map_err(|error| Fault::because("close_range", error))?;
    } else if call.connection.is_some() {
        return Err(Fault(
            "--inherit-fds is for root's own calls: the helper has no descriptors of yours".into(),
        ));
    }
    let taken = boxes::take(call, config)?;
    taken.give_to_user(call.caller)?;
    // After a failure of the sandbox the box stays as it is, for who looks for the cause.
    let verdict = keeper::run(call, config, &taken, command)?;
    taken.give_back(call.caller, !call.options.special_files)?;
    verdict
        .meta
        .write(call.meta.as_ref())
        .map_err(|error| Fault::because("Cannot write the meta file", error))?;
    if !call.options.silent {
        call.complain(&verdict.line);
    }
    Ok(verdict.exit_code)
}

/// The cgroup that this process is in: init makes that of each run there, or in one above it.
fn cgroup_root() -> String {
    let memberships = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of = |controllers: &str| {
        memberships.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (names, path) = rest.split_once(':')?;
            names.split(',').any(|name| name == controllers).then(|| path.trim_start_matches('/').to_owned())
        })
    };
    let (hierarchy, path) = match of("memory") {
        Some(path) => ("/sys/fs/cgroup/memory/", path),
        None => ("/sys/fs/cgroup/", of("").unwrap_or_default()),
    };
    format!("{}\n", format!("{hierarchy}{path}").trim_end_matches('/'))
}
