//! The command line of `init run`: parsed once, strictly, into types that cannot be wrong and never change.
//!
//! Pure: nothing is opened or looked up here. `capsule run`, `capsule exec` and /etc/capsule have the same grammar.

pub(crate) mod help;
mod spec;
mod table;
mod usage;
mod values;

use core::ffi::CStr;

pub use self::spec::{Group, OptionSpec, ValueKind};
pub use self::table::OPTIONS;
pub use self::usage::UsageError;
use self::values::{Refused, destination};
use crate::cpus::Cpus;
use crate::guard::Guards;
use crate::limits::Limits;
use crate::list::List;
use crate::sys::Args;
use crate::user::Range;

/// The most `--bind` options of one run.
pub(crate) const MAX_BINDS: usize = 64;
/// The most `--env` options of one run.
pub(crate) const MAX_ENV: usize = 64;

/// What one run is asked to do.
pub struct Options<'a> {
    /// The directory that becomes `/`.
    pub(crate) root: &'a CStr,
    /// The program and its arguments; never empty.
    pub(crate) command: Args<'a>,
    /// What the submission may use.
    pub(crate) limits: Limits,
    /// Files for stdin, stdout and stderr; without one, the supervisor's own stream is passed on.
    pub(crate) streams: [Option<&'a CStr>; 3],
    /// How long the readers of the output may take what is left of it at the end, in nanoseconds.
    pub(crate) drain_time: Option<u64>,
    /// Where the report goes; without one there is none.
    pub(crate) report: Option<Destination<'a>>,
    /// A descriptor that the caller opened: the submission starts after a byte has come from it.
    pub(crate) start_on: Option<i32>,
    /// Whether the command gets ready before the run starts, and stops itself then: a request's word, and no option.
    pub(crate) warms_up: bool,
    /// Files and directories of the host to show inside.
    pub(crate) binds: List<Bind<'a>, MAX_BINDS>,
    /// `K=V` strings of the submission's environment, added to the defaults.
    pub(crate) env: List<&'a CStr, MAX_ENV>,
    /// The directory it starts in; without one the work directory.
    pub(crate) cwd: Option<&'a CStr>,
    /// `--uid`: never 0.
    pub(crate) uid: Option<u32>,
    /// `--gid`: never 0.
    pub(crate) gid: Option<u32>,
    /// `--uid-range`.
    pub(crate) uid_range: Option<Range>,
    /// A descriptor that the caller opened and on which it has locked the uid.
    pub(crate) uid_lock: Option<i32>,
    /// Whether the sandbox has a user namespace, where it could do without.
    pub(crate) userns: bool,
    /// The host's name inside, uname(2).
    pub(crate) hostname: &'a CStr,
    /// What network there is.
    pub(crate) net: Net,
    /// CPUs it may run on.
    pub(crate) cpus: Option<Cpus>,
    /// The same, as it was written.
    pub(crate) cpus_list: &'a [u8],
    /// The digest of the root's manifest, by which the caller recognises what it ran; the report repeats it.
    pub(crate) rootfs_digest: Option<&'a [u8]>,
    /// Holes of the kernel that the caller knows of, a JSON array that the report repeats.
    pub(crate) known_bad: Option<&'a [u8]>,
    /// Which cgroup version is to hold the limits.
    pub(crate) cgroup: CgroupChoice,
    /// Which system calls are allowed.
    pub(crate) seccomp: SeccompChoice<'a>,
    /// Whether the streams are one pseudo-terminal.
    pub(crate) tty: bool,
    /// Whether `--output` is given: a session at a terminal has no limit unless it is asked for.
    pub(crate) output_given: bool,
    /// Which guards the command line leaves on, and which it requires.
    pub(crate) guards: Guards,
}

/// A host path shown inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bind<'a> {
    /// Path on the host.
    pub(crate) source: &'a [u8],
    /// Absolute path inside.
    pub(crate) target: &'a [u8],
    /// Whether it may be written.
    pub(crate) writable: bool,
}

/// Where a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Destination<'a> {
    /// `-`
    Stdout,
    /// `fd:N`: a descriptor that the caller opened.
    Fd(i32),
    /// A file, made or overwritten.
    Path(&'a CStr),
}

/// `--net`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Net {
    /// A network namespace with nothing up, and no sockets but AF_UNIX.
    None,
    /// A network namespace with `lo` up.
    Loopback,
    /// The host's network, shared.
    Host,
}

/// `--cgroup`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CgroupChoice {
    /// Version 2 where it has the controllers, else 1.
    Auto,
    /// Version 2 or nothing.
    V2,
    /// Version 1 or nothing.
    V1,
    /// None: rlimits have to be enough.
    None,
}

/// `--seccomp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SeccompChoice<'a> {
    /// The policy that init carries.
    Default,
    /// No filter.
    Off,
    /// A policy that `capsule seccomp compile` made.
    File(&'a CStr),
}

/// Parses the arguments after `init run`.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse<'a>(args: Args<'a>) -> Result<Options<'a>, UsageError<'a>> {
    let mut options = Options::new(args.from(args.len()));
    parse_into(&mut options, args).map(|()| options)
}

/// The same in place: the options are pages long, and init has no use for a second copy on its stack.
pub(crate) fn parse_into<'a>(options: &mut Options<'a>, args: Args<'a>) -> Result<(), UsageError<'a>> {
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        at += 1;
        let name = arg.to_bytes();
        // The first one only: the command may have its own.
        if name == b"--" {
            options.command = args.from(at);
            break;
        }
        // As rsh(1) and ssh(1) have it.
        let name = if name == b"-n" { b"--no-input" } else { name };
        if !name.starts_with(b"--") {
            return Err(UsageError::Stray(name));
        }
        let (spec, set) = table::find(name).ok_or(UsageError::Unknown(name))?;
        let mut value = c"";
        if spec.value.is_some() {
            value = args.get(at).ok_or(UsageError::MissingValue(spec.name))?;
            at += 1;
        }
        set(options, value).map_err(|refused| match refused {
            Refused::Value => {
                UsageError::BadValue { option: spec.name, value: value.to_bytes(), kind: spec.kind }
            }
            Refused::Full => UsageError::TooMany(spec.name),
        })?;
    }
    if options.root.is_empty() {
        return Err(UsageError::MissingRoot);
    }
    if options.command.is_empty() {
        return Err(UsageError::MissingCommand);
    }
    Ok(())
}

/// Where the report goes, by a command line that [`parse`] refuses: the last `--report` with a value that can be used.
pub(crate) fn report_of_refused<'a>(args: Args<'a>) -> Option<Destination<'a>> {
    // What is wrong may be an option's name, so which arguments are values is not known: any may be an option.
    let before_command = (0..args.len()).take_while(|at| args.get(*at) != Some(c"--"));
    let is_report = |at: &usize| args.get(*at) == Some(c"--report");
    let value = |at: usize| args.get(at + 1).filter(|value| *value != c"--").and_then(destination);
    before_command.filter(is_report).filter_map(value).last()
}

impl<'a> Options<'a> {
    /// The option that allows less than any program needs, if one does: a unit is likely to be missing.
    pub(crate) fn too_little(&self) -> Option<&'static str> {
        // The smallest static programs, with the kernel's own memory for a process. Exec takes some of the stack.
        let is_below = |limit: Option<u64>, least| limit.is_some_and(|limit| limit < least);
        if is_below(self.limits.memory, 256 << 10) {
            return Some("--memory");
        }
        is_below(self.limits.stack, 64 << 10).then_some("--stack")
    }

    /// Whether the command gets ready before the run starts. init has no word for it, and no code.
    pub(crate) fn warms_up(&self) -> bool {
        cfg!(feature = "serve") && self.warms_up
    }

    /// The options of a run whose caller gives none.
    pub(crate) fn new(command: Args<'a>) -> Self {
        Options {
            root: c"",
            command,
            limits: Limits::DEFAULT,
            streams: [None; 3],
            drain_time: None,
            report: None,
            start_on: None,
            warms_up: false,
            binds: List::new(Bind { source: b"", target: b"", writable: false }),
            env: List::new(c""),
            cwd: None,
            uid: None,
            gid: None,
            uid_range: None,
            uid_lock: None,
            userns: false,
            hostname: c"capsule",
            net: Net::Loopback,
            cpus: None,
            cpus_list: b"",
            rootfs_digest: None,
            known_bad: None,
            cgroup: CgroupChoice::Auto,
            seccomp: SeccompChoice::Default,
            tty: false,
            output_given: false,
            guards: Guards::ALL_ON,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Guard;
    use crate::text::Text;
    use crate::user::DEFAULT_ID;
    use std::ffi::CString;

    /// Parses arguments that live for the rest of the test program.
    fn parse_args(args: &[&str]) -> Result<Options<'static>, UsageError<'static>> {
        parse(with_args(args))
    }

    fn with_args(args: &[&str]) -> Args<'static> {
        let mut line = String::new();
        for arg in args {
            line += &format!("'{arg}' ");
        }
        let line = Box::leak(CString::new(line).unwrap().into_bytes_with_nul().into_boxed_slice());
        let pointers = Box::leak(vec![core::ptr::null(); args.len() + 1].into_boxed_slice());
        Args::split(line, pointers).unwrap()
    }

    fn with(options: &[&str]) -> Result<Options<'static>, UsageError<'static>> {
        parse_args(&[&["--root", "/r"], options, &["--", "/bin/true", "-x"]].concat())
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
    fn a_command_line_that_is_refused_may_still_say_where_the_report_goes() {
        let report = |options: &[&str]| {
            report_of_refused(with_args(&[options, &["--", "x", "--report", "y"]].concat()))
        };
        assert_eq!(report(&["--frob", "1", "--report", "r"]), Some(Destination::Path(c"r")));
        assert_eq!(report(&["--report", "fd:7", "--report", "fd:x"]), Some(Destination::Fd(7)));
        assert_eq!(report(&["--memory", "--report", "r", "stray"]), Some(Destination::Path(c"r")));
        assert_eq!(report(&["--report"]), None);
        assert_eq!(report(&[]), None);
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
        for good in ["[]", "[\"CVE-2026-46242\",\"CVE-2026-43091\"]"] {
            assert_eq!(with(&["--known-bad", good]).ok().unwrap().known_bad, Some(good.as_bytes()));
        }
        for bad in ["", "CVE-2026-46242", "[\"a\"],\"status\":\"ok\""] {
            assert!(with(&["--known-bad", bad]).is_err(), "{bad}");
        }
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
    fn a_usage_error_names_what_is_wrong() {
        assert_eq!(message(&["--frob", "1"]), "init: unknown option `--frob`");
        assert_eq!(
            message(&["--memory", "lots"]),
            "init: `--memory` takes a size in bytes such as `64K` or `256M`, or `none`, not `lots`"
        );
        assert_eq!(message(&["stray"]), "init: `stray` is not an option; put the command after `--`");
        assert_eq!(parse_args(&["--root"]).err(), Some(UsageError::MissingValue("--root")));
        assert_eq!(parse_args(&["--", "x"]).err(), Some(UsageError::MissingRoot));
        assert_eq!(parse_args(&["--root", "/r"]).err(), Some(UsageError::MissingCommand));
        let too_many: Vec<&str> = ["--env", "A=B"].repeat(MAX_ENV + 1);
        assert_eq!(with(&too_many).err(), Some(UsageError::TooMany("--env")));
    }

    #[test]
    fn the_defaults_that_help_names_are_those_of_a_bare_command_line() {
        let bare = with(&[]).ok().unwrap();
        for spec in OPTIONS.iter().filter(|spec| !spec.default.is_empty()) {
            let given = with(&[spec.name, spec.default]).expect(spec.name);
            assert_eq!(given.limits, bare.limits, "{}", spec.name);
            assert_eq!(given.gid.unwrap_or(DEFAULT_ID), DEFAULT_ID);
            assert_eq!(given.cwd.unwrap_or(c"/home/judge"), c"/home/judge");
            assert_eq!(
                (given.hostname, given.net, given.cgroup, given.seccomp),
                (bare.hostname, bare.net, bare.cgroup, bare.seccomp)
            );
        }
    }
}
