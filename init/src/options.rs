//! The command line of `init run`: parsed once, strictly, into types that cannot be wrong.
//!
//! Pure: nothing is opened or looked up here. The same words serve `capsule run` and /etc/capsule.

use core::ffi::CStr;

use crate::cpus::Cpus;
use crate::error::named;
use crate::guard::{Guard, Guards};
use crate::ids::{Ids, Range};
use crate::list::List;
use crate::sys::Args;
use crate::text::{Text, before, behind, line, parse_number};

/// The most `--bind` options of one run.
pub const MAX_BINDS: usize = 64;
/// The most `--env` options of one run.
pub const MAX_ENV: usize = 64;
/// The uid and gid of the submission unless told otherwise; bundles name it `judge`.
pub const DEFAULT_ID: u32 = 60_000;

/// What one run is asked to do.
pub struct Options<'a> {
    /// The directory that becomes `/`.
    pub root: &'a CStr,
    /// The program and its arguments; never empty.
    pub command: Args<'a>,
    /// What the submission may use.
    pub limits: Limits,
    /// Files for stdin, stdout and stderr; without one, the supervisor's own stream is passed on.
    pub streams: [Option<&'a CStr>; 3],
    /// Where the report goes; without one there is none.
    pub report: Option<Destination<'a>>,
    /// A descriptor that the caller opened: the submission waits for a byte from it.
    pub start_on: Option<i32>,
    /// Files and directories of the host to show inside.
    pub binds: List<Bind<'a>, MAX_BINDS>,
    /// `K=V` strings of the submission's environment, beside the defaults.
    pub env: List<&'a CStr, MAX_ENV>,
    /// The directory it starts in; without one the work directory.
    pub cwd: Option<&'a CStr>,
    /// `--uid`: never 0.
    pub uid: Option<u32>,
    /// `--gid`: never 0.
    pub gid: Option<u32>,
    /// `--uid-range`.
    pub uid_range: Option<Range>,
    /// What came of the three above; settled before the sandbox is made.
    pub ids: Ids,
    /// Whether the sandbox has a user namespace, where it could do without.
    pub userns: bool,
    /// What uname(2) says inside.
    pub hostname: &'a CStr,
    /// What network there is.
    pub net: Net,
    /// CPUs it may run on.
    pub cpus: Option<Cpus>,
    /// The same, as it was written.
    pub cpus_list: &'a [u8],
    /// The digest of the root's manifest: what the caller says that it runs, repeated in the report.
    pub rootfs_digest: Option<&'a [u8]>,
    /// Which cgroup version holds the limits.
    pub cgroup: CgroupChoice,
    /// Which system calls are allowed.
    pub seccomp: SeccompChoice<'a>,
    /// Whether the streams are one pseudo-terminal.
    pub tty: bool,
    /// Which guards are up.
    pub guards: Guards,
}

/// What the submission may use. `None` is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// CPU time of all its processes together, in nanoseconds.
    pub cpu_time: Option<u64>,
    /// Time from exec to exit, in nanoseconds.
    pub wall_time: Option<u64>,
    /// Wall time minus CPU time, in nanoseconds.
    pub idle_time: Option<u64>,
    /// Memory of all its processes and its files together, in bytes.
    pub memory: Option<u64>,
    /// Processes and threads at one time.
    pub pids: Option<u64>,
    /// Bytes on each stream and in each file.
    pub output: Option<u64>,
    /// Stack of the main thread, in bytes.
    pub stack: Option<u64>,
    /// Descriptors of one process.
    pub open_files: Option<u64>,
    /// Bytes in /tmp, /dev/shm and the work directory together. Always limited: tmpfs is memory.
    pub tmp: u64,
}

impl Limits {
    /// What holds when nothing is said: no time limit, and enough of the rest for a compiler.
    pub const DEFAULT: Limits = Limits {
        cpu_time: None,
        wall_time: None,
        idle_time: None,
        memory: Some(256 << 20),
        pids: Some(64),
        output: Some(16 << 20),
        stack: Some(64 << 20),
        open_files: Some(64),
        tmp: 64 << 20,
    };
}

/// A host path shown inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bind<'a> {
    /// Path on the host.
    pub source: &'a [u8],
    /// Absolute path inside.
    pub target: &'a [u8],
    /// Whether it may be written.
    pub writable: bool,
}

/// Where a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination<'a> {
    /// `-`
    Stdout,
    /// `fd:N`: a descriptor that the caller opened.
    Fd(i32),
    /// A file, made or overwritten.
    Path(&'a CStr),
}

/// `--net`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Net {
    /// A network namespace with nothing up, and no sockets but AF_UNIX.
    None,
    /// A network namespace with `lo` up.
    Loopback,
    /// The host's network, shared.
    Host,
}

/// `--cgroup`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CgroupChoice {
    /// Version 2 where it has the controllers, else 1.
    Auto,
    /// Version 2 or nothing.
    V2,
    /// Version 1 or nothing.
    V1,
    /// None: rlimits have to do.
    None,
}

/// `--seccomp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeccompChoice<'a> {
    /// The policy that init carries.
    Default,
    /// No filter.
    Off,
    /// A policy that `capsule seccomp compile` made.
    File(&'a CStr),
}

/// What is wrong with a command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UsageError<'a> {
    /// No such option.
    Unknown(&'a [u8]),
    /// The option stands last, without its value.
    MissingValue(&'static [u8]),
    /// The value is not what the option takes.
    BadValue {
        /// The option.
        option: &'static [u8],
        /// The value given.
        value: &'a [u8],
        /// What it takes, for people.
        wants: &'static [u8],
    },
    /// More of one option than there is room for.
    TooMany(&'static [u8]),
    /// No `--root`.
    MissingRoot,
    /// Nothing behind `--`, or no `--`.
    MissingCommand,
    /// A word that is no option, before `--`.
    Stray(&'a [u8]),
}

impl UsageError<'_> {
    /// One line for stderr.
    pub fn render(&self, line: &mut Text<'_>) {
        line.push(b"init: ");
        match self {
            UsageError::Unknown(word) => line.push(b"unknown option `").push(word).push(b"`"),
            UsageError::MissingValue(option) => line.push(b"`").push(option).push(b"` needs a value"),
            UsageError::BadValue { option, value, wants } => line
                .push(b"`")
                .push(option)
                .push(b"` takes ")
                .push(wants)
                .push(b", not `")
                .push(value)
                .push(b"`"),
            UsageError::TooMany(option) => line.push(b"too many `").push(option).push(b"`, at most 64"),
            UsageError::MissingRoot => line.push(b"`--root DIR` is missing"),
            UsageError::MissingCommand => line.push(b"no command: put it behind `--`"),
            UsageError::Stray(word) => {
                line.push(b"`").push(word).push(b"` is no option; a command goes behind `--`")
            }
        };
    }
}

/// Parses what stands behind `init run`.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse<'a>(words: Args<'a>) -> Result<Options<'a>, UsageError<'a>> {
    let mut options = Options {
        root: c"",
        command: words.from(words.len()),
        limits: Limits::DEFAULT,
        streams: [None; 3],
        report: None,
        start_on: None,
        binds: List::new(Bind { source: b"", target: b"", writable: false }),
        env: List::new(c""),
        cwd: None,
        uid: None,
        gid: None,
        uid_range: None,
        ids: Ids::DEFAULT,
        userns: false,
        hostname: c"capsule",
        net: Net::Loopback,
        cpus: None,
        cpus_list: b"",
        rootfs_digest: None,
        cgroup: CgroupChoice::Auto,
        seccomp: SeccompChoice::Default,
        tty: false,
        guards: Guards::ALL_ON,
    };
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        let bytes = word.to_bytes();
        if bytes == b"--" {
            options.command = words.from(at);
            break;
        }
        if let Some((_, set)) = FLAGS.iter().find(|(name, _)| *name == bytes) {
            set(&mut options);
            continue;
        }
        if !bytes.starts_with(b"--") {
            return Err(UsageError::Stray(bytes));
        }
        let number = NAMES.as_bytes().split(|byte| *byte == b'\n').position(|name| name == bytes);
        let number = number.ok_or(UsageError::Unknown(bytes))?;
        let (wants, setter) = SETTERS.get(number).ok_or(UsageError::Unknown(bytes))?;
        let option = line(NAMES, number);
        let value = words.get(at).ok_or(UsageError::MissingValue(option))?;
        at += 1;
        match setter(&mut options, value) {
            Ok(()) => {}
            Err(Refused::Value) => {
                let value = value.to_bytes();
                return Err(UsageError::BadValue { option, value, wants: wants.name() });
            }
            Err(Refused::Full) => return Err(UsageError::TooMany(option)),
        }
    }
    if options.root.is_empty() {
        return Err(UsageError::MissingRoot);
    }
    if options.command.is_empty() {
        return Err(UsageError::MissingCommand);
    }
    Ok(options)
}

named! {
    /// What an option takes, for people.
    Wants {
        Directory = "a directory",
        Time = "a time such as `250ms` or `1.5s`, or `none`",
        Size = "a size in bytes such as `64K` or `256M`, or `none`",
        Count = "a number, or `none`",
        Bytes = "a size in bytes such as `64M`",
        File = "a path",
        Destination = "a path, `-`, or `fd:N`",
        Descriptor = "`fd:N`",
        Bind = "`SRC:/DST` or `SRC:/DST:rw`",
        Variable = "`NAME=VALUE`",
        Absolute = "an absolute path",
        Id = "a number from 1 to 4294967294",
        Range = "two numbers such as `61000-61999`, without 60000",
        Hostname = "a name of 1 to 64 letters, digits, `-` or `.`",
        Net = "`none`, `loopback` or `host`",
        Cpus = "a list of CPUs such as `0-2,5`",
        Cgroup = "`auto`, `v2`, `v1` or `none`",
        Seccomp = "`default`, `off` or a compiled policy's path",
        Digest = "a SHA-256 of 64 hexadecimal digits",
        Guards = "names of guards, as in `memory,seccomp` (see `init guards`)",
        Guard = "the name of a guard (see `init guards`)",
    }
}

/// Sets an option from its value.
type Setter = for<'a> fn(&mut Options<'a>, &'a CStr) -> Result<(), Refused>;

/// Declares the options that take a value: name, what it takes, how it is set. Names are lines of one text, to be looked
/// up by number: as pointers they would be as long again.
macro_rules! options {
    ($($name:literal, $wants:ident: $set:expr;)*) => {
        const NAMES: &str = concat!($($name, "\n"),*);
        const SETTERS: &[(Wants, Setter)] = &[$((Wants::$wants, $set)),*];
    };
}

// In the order of the documentation.
options! {
    "--root", Directory: |o, v| set(&mut o.root, some_path(v));
    "--cpu-time", Time: |o, v| set(&mut o.limits.cpu_time, limit(v, duration));
    "--wall-time", Time: |o, v| set(&mut o.limits.wall_time, limit(v, duration));
    "--idle-time", Time: |o, v| set(&mut o.limits.idle_time, limit(v, duration));
    "--memory", Size: |o, v| set(&mut o.limits.memory, limit(v, size));
    "--pids", Count: |o, v| set(&mut o.limits.pids, limit(v, parse_number));
    "--output", Size: |o, v| set(&mut o.limits.output, limit(v, size));
    "--stack", Size: |o, v| set(&mut o.limits.stack, limit(v, size));
    "--open-files", Count: |o, v| set(&mut o.limits.open_files, limit(v, parse_number));
    "--tmp", Bytes: |o, v| set(&mut o.limits.tmp, size(v.to_bytes()));
    "--stdin", File: |o, v| set(&mut o.streams[0], some_path(v).map(Some));
    "--stdout", File: |o, v| set(&mut o.streams[1], some_path(v).map(Some));
    "--stderr", File: |o, v| set(&mut o.streams[2], some_path(v).map(Some));
    "--report", Destination: |o, v| set(&mut o.report, destination(v).map(Some));
    "--start-on", Descriptor: |o, v| set(&mut o.start_on, descriptor(v.to_bytes()).map(Some));
    "--bind", Bind: |o, v| add(&mut o.binds, bind(v.to_bytes()));
    "--env", Variable: |o, v| add(&mut o.env, environment(v));
    "--cwd", Absolute: |o, v| set(&mut o.cwd, absolute(v).map(Some));
    "--uid", Id: |o, v| set(&mut o.uid, id(v.to_bytes()).map(Some));
    "--gid", Id: |o, v| set(&mut o.gid, id(v.to_bytes()).map(Some));
    "--uid-range", Range: |o, v| set(&mut o.uid_range, range(v).map(Some));
    "--hostname", Hostname: |o, v| set(&mut o.hostname, hostname(v));
    "--net", Net: |o, v| set(&mut o.net, net(v));
    "--cpus", Cpus: |o, v| {
        o.cpus_list = v.to_bytes();
        set(&mut o.cpus, Cpus::parse(o.cpus_list).map(Some))
    };
    "--cgroup", Cgroup: |o, v| set(&mut o.cgroup, cgroup(v));
    "--seccomp", Seccomp: |o, v| set(&mut o.seccomp, seccomp(v));
    "--rootfs-digest", Digest: |o, v| set(&mut o.rootfs_digest, digest(v).map(Some));
    "--require", Guards: |o, v| require(&mut o.guards, v);
    "--without", Guard: without;
}

/// Why a value was not taken.
enum Refused {
    Value,
    Full,
}

/// Options without a value.
const FLAGS: [(&[u8], Flag); 2] =
    [(b"--tty", |options| options.tty = true), (b"--userns", |options| options.userns = true)];

type Flag = fn(&mut Options<'_>);

fn set<T>(place: &mut T, value: Option<T>) -> Result<(), Refused> {
    *place = value.ok_or(Refused::Value)?;
    Ok(())
}

fn add<T: Copy, const N: usize>(list: &mut List<T, N>, value: Option<T>) -> Result<(), Refused> {
    list.push(value.ok_or(Refused::Value)?).map_err(|_| Refused::Full)
}

fn without(options: &mut Options<'_>, value: &CStr) -> Result<(), Refused> {
    options.guards.remove(Guard::named(value.to_bytes()).ok_or(Refused::Value)?);
    Ok(())
}

fn require(guards: &mut Guards, value: &CStr) -> Result<(), Refused> {
    for name in value.to_bytes().split(|byte| *byte == b',') {
        guards.insist(Guard::named(name).ok_or(Refused::Value)?);
    }
    Ok(())
}

/// A limit that `none` lifts.
fn limit(value: &CStr, parse: fn(&[u8]) -> Option<u64>) -> Option<Option<u64>> {
    if value == c"none" { Some(None) } else { parse(value.to_bytes()).map(Some) }
}

/// A time with its unit, in nanoseconds; decimals are allowed and must come out even.
fn duration(text: &[u8]) -> Option<u64> {
    const UNITS: [(&[u8], u64); 3] = [(b"us", 1_000), (b"ms", 1_000_000), (b"s", 1_000_000_000)];
    let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((before(text, name)?, *unit)))?;
    let mut parts = number.splitn(2, |byte| *byte == b'.');
    let whole = parse_number(parts.next()?)?.checked_mul(unit)?;
    let Some(decimals) = parts.next() else { return Some(whole) };
    let scale = 10u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let fraction = parse_number(decimals)?.checked_mul(unit)?;
    (fraction.checked_rem(scale)? == 0).then_some(())?;
    whole.checked_add(fraction.checked_div(scale)?)
}

/// Bytes, with K, M or G as powers of 1024.
fn size(text: &[u8]) -> Option<u64> {
    let (digits, shift) = match text.split_last()? {
        (b'K', digits) => (digits, 10),
        (b'M', digits) => (digits, 20),
        (b'G', digits) => (digits, 30),
        _ => (text, 0),
    };
    parse_number(digits)?.checked_mul(1 << shift)
}

fn some_path(value: &CStr) -> Option<&CStr> {
    (!value.is_empty()).then_some(value)
}

fn absolute(value: &CStr) -> Option<&CStr> {
    value.to_bytes().starts_with(b"/").then_some(value)
}

fn destination(value: &CStr) -> Option<Destination<'_>> {
    match value.to_bytes() {
        b"-" => Some(Destination::Stdout),
        bytes if bytes.starts_with(FD) => descriptor(bytes).map(Destination::Fd),
        _ => some_path(value).map(Destination::Path),
    }
}

/// What a descriptor's number stands behind.
const FD: &[u8] = b"fd:";

fn descriptor(text: &[u8]) -> Option<i32> {
    parse_number(behind(text, FD)?).and_then(|fd| i32::try_from(fd).ok())
}

fn bind(text: &[u8]) -> Option<Bind<'_>> {
    let (text, writable) = before(text, b":rw").map_or((text, false), |rest| (rest, true));
    let target = text.rsplit(|byte| *byte == b':').next()?;
    let source = before(before(text, target)?, b":")?;
    (!source.is_empty() && target.len() > 1 && target.starts_with(b"/")).then_some(Bind {
        source,
        target,
        writable,
    })
}

fn environment(value: &CStr) -> Option<&CStr> {
    let equals = value.to_bytes().iter().position(|byte| *byte == b'=')?;
    (equals > 0).then_some(value)
}

/// Never 0: root inside would own what root on the host owns. Never the last: it means "unchanged" to setresuid(2).
fn id(value: &[u8]) -> Option<u32> {
    let id = u32::try_from(parse_number(value)?).ok()?;
    (id != 0 && id != u32::MAX).then_some(id)
}

/// Without the id of the runs that ask for none: they share it, and a run with a range shares with nobody.
fn range(value: &CStr) -> Option<Range> {
    let mut ends = value.to_bytes().splitn(2, |byte| *byte == b'-');
    let (first, last) = (id(ends.next()?)?, id(ends.next()?)?);
    let range = Range { first, last };
    (first <= last && !range.contains(DEFAULT_ID)).then_some(range)
}

fn digest(value: &CStr) -> Option<&[u8]> {
    let bytes = value.to_bytes();
    (bytes.len() == 64 && bytes.iter().all(u8::is_ascii_hexdigit)).then_some(bytes)
}

fn hostname(value: &CStr) -> Option<&CStr> {
    let bytes = value.to_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    ((1..=64).contains(&bytes.len()) && bytes.iter().all(plain)).then_some(value)
}

fn net(value: &CStr) -> Option<Net> {
    match value.to_bytes() {
        b"none" => Some(Net::None),
        b"loopback" => Some(Net::Loopback),
        b"host" => Some(Net::Host),
        _ => None,
    }
}

fn cgroup(value: &CStr) -> Option<CgroupChoice> {
    match value.to_bytes() {
        b"auto" => Some(CgroupChoice::Auto),
        b"v2" => Some(CgroupChoice::V2),
        b"v1" => Some(CgroupChoice::V1),
        b"none" => Some(CgroupChoice::None),
        _ => None,
    }
}

fn seccomp(value: &CStr) -> Option<SeccompChoice<'_>> {
    match value.to_bytes() {
        b"default" => Some(SeccompChoice::Default),
        b"off" => Some(SeccompChoice::Off),
        _ => some_path(value).map(SeccompChoice::File),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    /// Parses words that live for the rest of the test program.
    fn parse_words(words: &[&str]) -> Result<Options<'static>, UsageError<'static>> {
        let mut line = String::new();
        for word in words {
            line += &format!("'{word}' ");
        }
        let line = Box::leak(CString::new(line).unwrap().into_bytes_with_nul().into_boxed_slice());
        let pointers = Box::leak(vec![core::ptr::null(); words.len() + 1].into_boxed_slice());
        parse(Args::split(line, pointers).unwrap())
    }

    fn with(options: &[&str]) -> Result<Options<'static>, UsageError<'static>> {
        parse_words(&[&["--root", "/r"], options, &["--", "/bin/true", "-x"]].concat())
    }

    fn message(options: &[&str]) -> String {
        let mut buffer = [0; 200];
        let mut line = Text::new(&mut buffer);
        with(options).err().unwrap().render(&mut line);
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_bare_command_line_has_the_defaults() {
        let options = with(&[]).ok().unwrap();
        assert_eq!(options.root, c"/r");
        assert_eq!((options.command.len(), options.command.get(1)), (2, Some(c"-x")));
        assert_eq!(options.limits, Limits::DEFAULT);
        assert_eq!((options.uid, options.net, options.tty), (None, Net::Loopback, false));
    }

    #[test]
    fn times_take_units_and_decimals() {
        for (text, nanoseconds) in
            [("1s", 1_000_000_000), ("0.25s", 250_000_000), ("10us", 10_000), ("1.5ms", 1_500_000)]
        {
            assert_eq!(
                with(&["--cpu-time", text]).ok().unwrap().limits.cpu_time,
                Some(nanoseconds),
                "{text}"
            );
        }
        assert_eq!(with(&["--wall-time", "none"]).ok().unwrap().limits.wall_time, None);
        for bad in ["1", "s", "-1s", "1.s", "1m", "1e3s", "99999999999999999999s", "0.0001us"] {
            assert!(with(&["--cpu-time", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_take_powers_of_1024() {
        for (text, bytes) in [("0", 0), ("64K", 64 << 10), ("256M", 256 << 20), ("2G", 2 << 30), ("17", 17)] {
            assert_eq!(with(&["--memory", text]).ok().unwrap().limits.memory, Some(bytes), "{text}");
        }
        for bad in ["", "M", "1T", "1.5M", "-1", "1k", "99999999999G"] {
            assert!(with(&["--memory", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bind_names_source_target_and_mode() {
        let options = with(&["--bind", "/a:/b", "--bind", "/c:d:/e:rw"]).ok().unwrap();
        assert_eq!(
            options.binds.as_slice(),
            [
                Bind { source: b"/a", target: b"/b", writable: false },
                Bind { source: b"/c:d", target: b"/e", writable: true },
            ]
        );
        for bad in ["/a", ":/b", "/a:b", "/a:/", "/a:/b:ro"] {
            assert!(with(&["--bind", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_report_goes_to_a_file_a_descriptor_or_stdout() {
        for (text, destination) in [
            ("-", Destination::Stdout),
            ("fd:7", Destination::Fd(7)),
            ("/tmp/r", Destination::Path(c"/tmp/r")),
        ] {
            assert_eq!(with(&["--report", text]).ok().unwrap().report, Some(destination));
        }
        assert!(with(&["--report", "fd:x"]).is_err());
    }

    #[test]
    fn a_start_is_awaited_on_a_descriptor() {
        assert_eq!(with(&["--start-on", "fd:3"]).ok().unwrap().start_on, Some(3));
        for bad in ["3", "fd:", "fd:-1", "fd:99999999999", "-", "/tmp/f"] {
            assert!(with(&["--start-on", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn cpus_are_a_list_of_ranges() {
        let cpus = with(&["--cpus", "0-2,5"]).ok().unwrap().cpus.unwrap();
        assert_eq!((cpus.words[0], cpus.count()), (0b10_0111, 4));
        assert!(with(&["--cpus", "2-1"]).is_err());
    }

    #[test]
    fn root_is_never_a_submissions_id() {
        for bad in ["0", "4294967295", "-1", "judge"] {
            assert!(with(&["--uid", bad]).is_err(), "{bad}");
            assert!(with(&["--gid", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_of_uids_goes_from_low_to_high_and_leaves_out_the_default() {
        let range = with(&["--uid-range", "61000-61999"]).ok().unwrap().uid_range;
        assert_eq!(range, Some(Range { first: 61_000, last: 61_999 }));
        for bad in ["61000", "61999-61000", "0-5", "59999-60001", "60000-60000", "1-2-3", "-"] {
            assert!(with(&["--uid-range", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        let hex = "0123456789abcdef".repeat(4);
        assert_eq!(with(&["--rootfs-digest", &hex]).ok().unwrap().rootfs_digest, Some(hex.as_bytes()));
        for bad in [&hex[1..], &hex.replace('0', "g"), "\"}"] {
            assert!(with(&["--rootfs-digest", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_guard_is_taken_away_by_name() {
        let options = with(&["--without", "seccomp"]).ok().unwrap();
        assert!(!options.guards.has(Guard::Seccomp) && options.guards.has(Guard::Capabilities));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(message(&["--frob", "1"]), "init: unknown option `--frob`");
        assert_eq!(
            message(&["--memory", "lots"]),
            "init: `--memory` takes a size in bytes such as `64K` or `256M`, or `none`, not `lots`"
        );
        assert_eq!(message(&["stray"]), "init: `stray` is no option; a command goes behind `--`");
        assert_eq!(parse_words(&["--root"]).err(), Some(UsageError::MissingValue(b"--root")));
        assert_eq!(parse_words(&["--", "x"]).err(), Some(UsageError::MissingRoot));
        assert_eq!(parse_words(&["--root", "/r"]).err(), Some(UsageError::MissingCommand));
        let too_many: Vec<&str> = ["--env", "A=B"].repeat(MAX_ENV + 1);
        assert_eq!(with(&too_many).err(), Some(UsageError::TooMany(b"--env")));
    }
}
