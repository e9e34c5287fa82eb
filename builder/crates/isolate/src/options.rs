//! The command line, read as getopt_long(3) reads it: options may stand after other arguments, short ones may be joined,
//! long ones may be cut as long as they stay clear.

mod table;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::environment::Environment;
use crate::misuse::Misuse;
use crate::rules::Rules;
pub(crate) use table::{OPTIONS, Spec, Takes};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// `--init`
    Init,
    /// `--run`, with the program and its arguments.
    Run(Vec<OsString>),
    /// `--cleanup`
    Cleanup,
    /// `--version`
    Version,
    /// `--help`
    Help,
    /// `--print-cg-root`
    PrintCgRoot,
    /// `--check-config`
    CheckConfig,
    /// `--helper`: answers one ordinary user, whose connection is stdin, or all of them on a socket of its own.
    Helper,
}

/// The limits of a run; `None` is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// In microseconds.
    pub(crate) time: Option<u64>,
    /// What a program may take longer before it is killed, in microseconds.
    pub(crate) extra_time: u64,
    /// In microseconds.
    pub(crate) wall_time: Option<u64>,
    /// Address space of one process, in KiB.
    pub(crate) mem: Option<u64>,
    /// Memory of all processes together, in KiB.
    pub(crate) cg_mem: Option<u64>,
    /// In KiB.
    pub(crate) stack: Option<u64>,
    /// In KiB.
    pub(crate) fsize: Option<u64>,
    /// Descriptors of one process.
    pub(crate) open_files: Option<u64>,
    /// Processes and threads.
    pub(crate) processes: Option<u64>,
}

/// Where the standard streams go; paths are inside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Redirections {
    pub(crate) stdin: Option<OsString>,
    pub(crate) stdout: Option<OsString>,
    pub(crate) stderr: Option<OsString>,
    pub(crate) stderr_to_stdout: bool,
}

/// Blocks and inodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Of 1 KiB.
    pub(crate) blocks: u64,
    pub(crate) inodes: u64,
}

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) box_id: u32,
    pub(crate) cg: bool,
    pub(crate) limits: Limits,
    pub(crate) redirections: Redirections,
    pub(crate) quota: Option<Quota>,
    pub(crate) rules: Rules,
    pub(crate) environment: Environment,
    pub(crate) directory: Option<OsString>,
    pub(crate) meta: Option<PathBuf>,
    pub(crate) share_net: bool,
    pub(crate) inherit_fds: bool,
    pub(crate) silent: bool,
    pub(crate) verbose: u32,
    pub(crate) special_files: bool,
    pub(crate) tty: bool,
    pub(crate) wait: bool,
    pub(crate) as_uid: Option<u32>,
    pub(crate) as_gid: Option<u32>,
}

impl Options {
    fn new() -> Options {
        Options {
            command: Command::Help,
            box_id: 0,
            cg: false,
            limits: Limits {
                time: None,
                extra_time: 0,
                wall_time: None,
                mem: None,
                cg_mem: None,
                stack: None,
                fsize: None,
                open_files: Some(64),
                processes: Some(1),
            },
            redirections: Redirections::default(),
            quota: None,
            rules: Rules::default(),
            environment: Environment::default(),
            directory: None,
            meta: None,
            share_net: false,
            inherit_fds: false,
            silent: false,
            verbose: 0,
            special_files: false,
            tty: false,
            wait: false,
            as_uid: None,
            as_gid: None,
        }
    }
}

/// What is read so far.
pub(crate) struct Draft {
    options: Options,
    command: Option<Command>,
}

impl Draft {
    fn choose(&mut self, command: Command) -> Result<(), Misuse> {
        match &self.command {
            Some(other) if *other != command => Err(Misuse("Only one command is allowed.".into())),
            _ => {
                self.command = Some(command);
                Ok(())
            }
        }
    }
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(args: &[OsString]) -> Result<Options, Misuse> {
    let mut draft = Draft { options: Options::new(), command: None };
    let mut words = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let bytes = arg.as_bytes();
        if bytes == b"--" {
            words.extend(rest.by_ref().cloned());
        } else if let Some(long) = bytes.strip_prefix(b"--") {
            long_option(&mut draft, long, &mut rest)?;
        } else if let Some(short) = bytes.strip_prefix(b"-").filter(|short| !short.is_empty()) {
            short_options(&mut draft, short, &mut rest)?;
        } else {
            words.push(arg.clone());
        }
    }
    finish(draft, words)
}

fn long_option<'a>(
    draft: &mut Draft,
    text: &[u8],
    rest: &mut impl Iterator<Item = &'a OsString>,
) -> Result<(), Misuse> {
    let (name, value) = match text.iter().position(|byte| *byte == b'=') {
        Some(at) => (&text[..at], Some(OsString::from_vec(text[at + 1..].to_vec()))),
        None => (text, None),
    };
    let name = String::from_utf8_lossy(name);
    let spec = find_long(&name)?;
    let value = match (spec.takes, value) {
        (Takes::Nothing, Some(_)) => {
            return Err(Misuse(format!("option '--{}' doesn't allow an argument", spec.long)));
        }
        (Takes::Value, None) => {
            Some(rest.next().cloned().ok_or_else(|| missing(&format!("--{}", spec.long)))?)
        }
        (_, value) => value,
    };
    (spec.set)(draft, value.as_deref())
}

/// The option of this name, or the only one that begins with it.
fn find_long(name: &str) -> Result<&'static Spec, Misuse> {
    if let Some(spec) = OPTIONS.iter().find(|spec| spec.long == name) {
        return Ok(spec);
    }
    let mut near = OPTIONS.iter().filter(|spec| !name.is_empty() && spec.long.starts_with(name));
    match (near.next(), near.next()) {
        (Some(spec), None) => Ok(spec),
        (Some(_), Some(_)) => Err(Misuse(format!("option '--{name}' is ambiguous"))),
        (None, _) => Err(Misuse(format!("unrecognized option '--{name}'"))),
    }
}

fn short_options<'a>(
    draft: &mut Draft,
    text: &[u8],
    rest: &mut impl Iterator<Item = &'a OsString>,
) -> Result<(), Misuse> {
    for (at, letter) in text.iter().enumerate() {
        let name = char::from(*letter);
        let spec = OPTIONS
            .iter()
            .find(|spec| spec.short == Some(name))
            .ok_or_else(|| Misuse(format!("invalid option -- '{name}'")))?;
        let joined = Some(OsStr::from_bytes(&text[at + 1..])).filter(|joined| !joined.is_empty());
        let value = match spec.takes {
            Takes::Nothing => {
                (spec.set)(draft, None)?;
                continue;
            }
            Takes::Value if joined.is_none() => {
                Some(rest.next().ok_or_else(|| missing(&format!("-{name}")))?.as_os_str())
            }
            Takes::Value | Takes::MaybeValue => joined,
        };
        return (spec.set)(draft, value);
    }
    Ok(())
}

fn missing(option: &str) -> Misuse {
    Misuse(format!("option '{option}' requires an argument"))
}

fn finish(draft: Draft, words: Vec<OsString>) -> Result<Options, Misuse> {
    let Draft { mut options, command } = draft;
    let Some(command) = command else {
        return Err(Misuse("Please specify an isolate command (e.g. --init, --run).".into()));
    };
    let takes_no_words = |name: &str| match words.is_empty() {
        true => Ok(()),
        false => Err(Misuse(format!("{name} mode takes no parameters"))),
    };
    match &command {
        Command::Init => takes_no_words("--init")?,
        Command::Cleanup => takes_no_words("--cleanup")?,
        Command::Run(_) if words.is_empty() => {
            return Err(Misuse("--run mode requires a command to run".into()));
        }
        _ => {}
    }
    if options.limits.cg_mem.is_some() && !options.cg {
        return Err(Misuse("Options related to control groups require --cg to be set.".into()));
    }
    options.command = if let Command::Run(_) = command { Command::Run(words) } else { command };
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, Misuse> {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    fn refused(line: &str) -> String {
        read(line).expect_err(line).0
    }

    #[test]
    fn options_are_read_as_getopt_reads_them() {
        let options = read("--run -b7 --mem=1024 -t 1.5 -se --proc=3 -- /bin/x -t y").expect("good");
        assert_eq!(options.command, Command::Run(["/bin/x", "-t", "y"].map(OsString::from).into()));
        assert_eq!((options.box_id, options.silent, options.environment.inherits_all()), (7, true, true));
        assert_eq!((options.limits.mem, options.limits.time), (Some(1024), Some(1_500_000)));
        assert_eq!(options.limits.processes, Some(3));
        // Options may follow other arguments.
        assert_eq!(read("--run prog -b 3").map(|options| options.box_id), Ok(3));
    }

    #[test]
    fn processes_take_a_number_only_when_it_is_joined() {
        for (line, wanted) in
            [("-p", None), ("-p5", Some(5)), ("--processes", None), ("--processes=5", Some(5)), ("", Some(1))]
        {
            let options = read(&format!("--run {line} -- x")).expect(line);
            assert_eq!(options.limits.processes, wanted, "{line}");
        }
    }

    #[test]
    fn zero_lifts_a_limit() {
        let limits = read("--run -t 0 -w 0 -m 0 -k 0 -f 0 -n 0 -p0 --cg --cg-mem=0 x").expect("good").limits;
        assert_eq!((limits.time, limits.wall_time, limits.mem, limits.stack), (None, None, None, None));
        assert_eq!(
            (limits.fsize, limits.open_files, limits.processes, limits.cg_mem),
            (None, None, None, None)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(refused("-b 1"), "Please specify an isolate command (e.g. --init, --run).");
        assert_eq!(refused("--init --run x"), "Only one command is allowed.");
        assert_eq!(refused("--init x"), "--init mode takes no parameters");
        assert_eq!(refused("--cleanup x"), "--cleanup mode takes no parameters");
        assert_eq!(refused("--run"), "--run mode requires a command to run");
        assert_eq!(refused("--run --frob x"), "unrecognized option '--frob'");
        assert_eq!(refused("--run --st x"), "option '--st' is ambiguous");
        assert_eq!(refused("--run -Z x"), "invalid option -- 'Z'");
        assert_eq!(refused("--run -b"), "option '-b' requires an argument");
        assert_eq!(refused("--run --cg=1 x"), "option '--cg' doesn't allow an argument");
        assert_eq!(refused("--run -b x y"), "Invalid numeric parameter: x");
        assert_eq!(refused("--run -b 2147483648 y"), "Numeric parameter out of range: 2147483648");
        assert_eq!(refused("--run -t fast y"), "Invalid time: fast");
        assert_eq!(refused("--run -q 5 y"), "Invalid quota specified: 5");
        assert_eq!(refused("--run -d a=b y"), "Invalid directory rule specified: a=b");
        assert_eq!(refused("--run -E =x y"), "Invalid environment specified: =x");
        assert_eq!(
            refused("--run --cg-mem=1 y"),
            "Options related to control groups require --cg to be set."
        );
    }

    #[test]
    fn what_isolate_1_had_is_taken_and_changes_nothing() {
        let plain = read("--run --cg x").expect("good");
        assert_eq!(read("--run --cg --cg-timing x"), Ok(plain.clone()));
        assert_eq!(read("--run --cg --no-cg-timing x"), Ok(plain));
        assert_eq!(read("--init -b 2147483646").map(|options| options.box_id), Ok(2_147_483_646));
    }
}
