//! The table of options, from which the command line is read and explained.

use std::ffi::OsStr;

use super::{Command, Draft, Quota};
use crate::misuse::Misuse;

/// Whether an option has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Value,
    /// Only when it is joined to the option.
    MaybeValue,
}

/// One option.
pub(crate) struct Spec {
    pub(crate) short: Option<char>,
    pub(crate) long: &'static str,
    pub(crate) takes: Takes,
    pub(crate) set: Setter,
    /// The value's name and what the option does; empty for one that is only taken.
    pub(crate) help: (&'static str, &'static str),
}

type Setter = fn(&mut Draft, Option<&OsStr>) -> Result<(), Misuse>;

const fn flag(short: Option<char>, long: &'static str, help: &'static str, set: Setter) -> Spec {
    Spec { short, long, takes: Takes::Nothing, set, help: ("", help) }
}

const fn value(
    short: Option<char>,
    long: &'static str,
    name: &'static str,
    help: &'static str,
    set: Setter,
) -> Spec {
    Spec { short, long, takes: Takes::Value, set, help: (name, help) }
}

/// All options, sorted by what they are about; the commands come last.
pub(crate) const OPTIONS: &[Spec] = &[
    value(
        Some('b'),
        "box-id",
        "ID",
        "the box: each that is used at one time has an id of its own [default: 0]",
        |draft, text| {
            draft.options.box_id = number(text)?;
            Ok(())
        },
    ),
    value(
        Some('M'),
        "meta",
        "FILE",
        "write what is known of the run to FILE, one key:value a line",
        |draft, text| {
            draft.options.meta = text.map(Into::into);
            Ok(())
        },
    ),
    value(Some('t'), "time", "SECONDS", "limit CPU time; fractions are allowed", |draft, text| {
        draft.options.limits.time = some(microseconds(text)?);
        Ok(())
    }),
    value(Some('w'), "wall-time", "SECONDS", "limit the time from start to end", |draft, text| {
        draft.options.limits.wall_time = some(microseconds(text)?);
        Ok(())
    }),
    value(
        Some('x'),
        "extra-time",
        "SECONDS",
        "kill only after so much more CPU time, to report what it takes",
        |draft, text| {
            draft.options.limits.extra_time = microseconds(text)?;
            Ok(())
        },
    ),
    value(Some('m'), "mem", "KIB", "limit the address space of each process", |draft, text| {
        draft.options.limits.mem = some(number(text)?.into());
        Ok(())
    }),
    value(Some('k'), "stack", "KIB", "limit the stack [default: no limit]", |draft, text| {
        draft.options.limits.stack = some(number(text)?.into());
        Ok(())
    }),
    value(Some('f'), "fsize", "KIB", "limit each file that is written", |draft, text| {
        draft.options.limits.fsize = some(number(text)?.into());
        Ok(())
    }),
    value(Some('n'), "open-files", "N", "limit open files; 0 is no limit [default: 64]", |draft, text| {
        draft.options.limits.open_files = some(number(text)?.into());
        Ok(())
    }),
    value(
        Some('q'),
        "quota",
        "BLOCKS,INODES",
        "limit what the box holds on disk; for --init",
        |draft, text| {
            draft.options.quota = quota(text)?;
            Ok(())
        },
    ),
    Spec {
        short: Some('p'),
        long: "processes",
        takes: Takes::MaybeValue,
        set: |draft, text| {
            draft.options.limits.processes = if text.is_some() { some(number(text)?.into()) } else { None };
            Ok(())
        },
        help: ("N", "allow N processes and threads, or any number [default: 1]"),
    },
    flag(None, "cg", "use a control group: one for all processes of the box", |draft, _| {
        draft.options.cg = true;
        Ok(())
    }),
    value(None, "cg-mem", "KIB", "limit the memory of all processes together; needs --cg", |draft, text| {
        draft.options.limits.cg_mem = some(number(text)?.into());
        Ok(())
    }),
    flag(None, "cg-timing", "", |_, _| Ok(())),
    flag(None, "no-cg-timing", "", |_, _| Ok(())),
    value(None, "core", "KIB", "", |_, text| number(text).map(drop)),
    value(Some('i'), "stdin", "FILE", "read stdin from FILE, a path inside", |draft, text| {
        draft.options.redirections.stdin = text.map(Into::into);
        Ok(())
    }),
    value(Some('o'), "stdout", "FILE", "write stdout to FILE, a path inside", |draft, text| {
        draft.options.redirections.stdout = text.map(Into::into);
        Ok(())
    }),
    value(Some('r'), "stderr", "FILE", "write stderr to FILE, a path inside", |draft, text| {
        draft.options.redirections.stderr = text.map(Into::into);
        draft.options.redirections.stderr_to_stdout = false;
        Ok(())
    }),
    flag(None, "stderr-to-stdout", "stderr is stdout", |draft, _| {
        draft.options.redirections.stderr = None;
        draft.options.redirections.stderr_to_stdout = true;
        Ok(())
    }),
    value(Some('c'), "chdir", "DIR", "start in DIR [default: /box]", |draft, text| {
        draft.options.directory = text.map(Into::into);
        Ok(())
    }),
    value(
        Some('d'),
        "dir",
        "RULE",
        "show a directory: DIR, IN=OUT or IN= (not), with :rw :dev :noexec :maybe :fs :tmp :norec",
        |draft, text| draft.options.rules.set(text.unwrap_or_default()),
    ),
    flag(Some('D'), "no-default-dirs", "show only what -d asks for", |draft, _| {
        draft.options.rules.without_defaults();
        Ok(())
    }),
    value(
        Some('E'),
        "env",
        "NAME[=VALUE]",
        "pass a variable on, or set it; an empty value removes it",
        |draft, text| draft.options.environment.set(text.unwrap_or_default()),
    ),
    flag(Some('e'), "full-env", "pass all variables on", |draft, _| {
        draft.options.environment.inherit_all();
        Ok(())
    }),
    flag(None, "share-net", "use the host's network, where the operator allows it", |draft, _| {
        draft.options.share_net = true;
        Ok(())
    }),
    flag(
        None,
        "inherit-fds",
        "pass the caller's descriptors on, where the operator allows it",
        |draft, _| {
            draft.options.inherit_fds = true;
            Ok(())
        },
    ),
    flag(None, "special-files", "keep what is neither file nor directory in the box", |draft, _| {
        draft.options.special_files = true;
        Ok(())
    }),
    flag(None, "tty-hack", "give a program a terminal where stdout is one", |draft, _| {
        draft.options.tty = true;
        Ok(())
    }),
    flag(None, "wait", "wait for a box that is in use", |draft, _| {
        draft.options.wait = true;
        Ok(())
    }),
    value(None, "as-uid", "UID", "act for this user; only root may", |draft, text| {
        draft.options.as_uid = Some(number(text)?);
        Ok(())
    }),
    value(None, "as-gid", "GID", "act for this group; only root may", |draft, text| {
        draft.options.as_gid = Some(number(text)?);
        Ok(())
    }),
    flag(Some('s'), "silent", "print no status line", |draft, _| {
        draft.options.silent = true;
        Ok(())
    }),
    flag(Some('v'), "verbose", "print what is done", |draft, _| {
        draft.options.verbose += 1;
        Ok(())
    }),
    flag(None, "init", "make a box, and print its directory", |draft, _| draft.choose(Command::Init)),
    flag(None, "run", "run a program in the box: --run -- PROGRAM [ARGUMENT…]", |draft, _| {
        draft.choose(Command::Run(Vec::new()))
    }),
    flag(None, "cleanup", "remove the box", |draft, _| draft.choose(Command::Cleanup)),
    flag(None, "print-cg-root", "print the cgroup below which boxes have theirs", |draft, _| {
        draft.choose(Command::PrintCgRoot)
    }),
    flag(None, "check-config", "check the operator's file", |draft, _| draft.choose(Command::CheckConfig)),
    flag(None, "version", "print the version", |draft, _| draft.choose(Command::Version)),
    flag(None, "help", "print this", |draft, _| draft.choose(Command::Help)),
    flag(
        None,
        "helper",
        "serve ordinary users on the socket of the operator's file, or one of them on stdin",
        |draft, _| draft.choose(Command::Helper),
    ),
];

/// isolate's numbers are what fits a C int and is not negative.
fn number(text: Option<&OsStr>) -> Result<u32, Misuse> {
    let text = text.unwrap_or_default().to_string_lossy();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(Misuse(format!("Invalid numeric parameter: {text}")));
    }
    let number =
        text.parse::<i32>().map_err(|_| Misuse(format!("Numeric parameter out of range: {text}")))?;
    Ok(number.unsigned_abs())
}

/// Seconds, as strtod(3) reads them.
fn microseconds(text: Option<&OsStr>) -> Result<u64, Misuse> {
    let text = text.unwrap_or_default().to_string_lossy();
    let seconds: Option<f64> = text.parse().ok();
    match seconds.filter(|seconds| (0.0..1e9).contains(seconds)) {
        // A limit that is too small to count is not the same as none.
        Some(seconds) if seconds > 0.0 => Ok(((seconds * 1e6).round() as u64).max(1)),
        Some(_) => Ok(0),
        None => Err(Misuse(format!("Invalid time: {text}"))),
    }
}

fn quota(text: Option<&OsStr>) -> Result<Option<Quota>, Misuse> {
    let text = text.unwrap_or_default();
    let invalid = || Misuse(format!("Invalid quota specified: {}", text.to_string_lossy()));
    let (blocks, inodes) = text.to_str().and_then(|text| text.split_once(',')).ok_or_else(invalid)?;
    let (blocks, inodes) = (number(Some(blocks.as_ref()))?, number(Some(inodes.as_ref()))?);
    // As in isolate: without a limit of blocks nothing is set.
    Ok((blocks > 0).then(|| Quota { blocks: blocks.into(), inodes: inodes.into() }))
}

/// 0 stands for no limit.
fn some(value: u64) -> Option<u64> {
    (value > 0).then_some(value)
}
