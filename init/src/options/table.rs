//! The table of all options: the one place where an option's name, value and help are written.

use core::ffi::CStr;

use super::Options;
use super::spec::{Group, OptionSpec, ValueKind};
use super::values::{
    Refused, absolute, add, bind, cgroup, descriptor, destination, digest, environment, hostname, id, names,
    net, nonempty, open_files, pids, quota, range, require, scratch_size, seccomp, set, without,
};
use crate::amount::{duration, limit, size};
use crate::cpus::Cpus;
use crate::packed::{Packed, packed};

/// Sets an option from its value; a flag's value is empty.
pub(super) type Setter = for<'a> fn(&mut Options<'a>, &'a CStr) -> Result<(), Refused>;

/// The option with this name, and what sets it.
pub(super) fn find(name: &[u8]) -> Option<(OptionSpec, Setter)> {
    let mut all = all();
    let spec = all.find(|spec| spec.name.as_bytes() == name)?;
    Some(spec).zip(SETTERS.get(all.passed - 1).copied())
}

/// [`OPTIONS`], for init itself: without the texts of [`help`].
pub(super) fn all() -> All {
    All { passed: 0, texts: TEXTS }
}

/// What help says of the option with this index.
pub(super) fn help(index: usize) -> Packed {
    packed!(HELPS).line(index)
}

/// The options from one on.
pub(super) struct All {
    passed: usize,
    texts: &'static str,
}

impl All {
    fn text(&mut self, len: u8) -> &'static str {
        let (text, rest) = self.texts.split_at_checked(len.into()).unwrap_or_default();
        self.texts = rest;
        text
    }
}

impl Iterator for All {
    type Item = OptionSpec;

    // Not inlined, as there are three loops: init's size.
    #[inline(never)]
    fn next(&mut self) -> Option<OptionSpec> {
        let row = ROWS.get(self.passed)?;
        self.passed += 1;
        Some(OptionSpec {
            name: self.text(row.name),
            value: Some(self.text(row.value)).filter(|value| !value.is_empty()),
            default: self.text(row.default),
            help: "",
            group: row.group,
            kind: row.kind,
            repeatable: row.repeatable,
        })
    }
}

/// An option as init keeps it: the texts of all stand one after the other in `TEXTS`, and here are their lengths. As
/// [`OPTIONS`] has them, each text would take 16 bytes for its place.
struct Row {
    name: u8,
    value: u8,
    default: u8,
    group: Group,
    kind: ValueKind,
    repeatable: bool,
}

/// One table, in three forms with the same order: what other crates may see, what init keeps of it, and what only the
/// parser may see.
macro_rules! options {
    ($($name:literal $([$value:literal])?, $group:ident, $kind:ident, default $default:literal, $times:ident,
       $help:literal, $set:expr;)*) => {
        /// Every option of `init run`.
        pub const OPTIONS: &[OptionSpec] = &[$(OptionSpec {
            name: $name,
            value: options!(@value $($value)?),
            group: Group::$group,
            kind: ValueKind::$kind,
            default: $default,
            help: $help,
            repeatable: options!(@repeatable $times),
        }),*];
        const TEXTS: &str = concat!($($name, $($value,)? $default),*);
        const HELPS: &str = concat!($($help, "\n"),*);
        const ROWS: &[Row] = &[$(Row {
            name: $name.len() as u8,
            value: concat!($($value)?).len() as u8,
            default: $default.len() as u8,
            group: Group::$group,
            kind: ValueKind::$kind,
            repeatable: options!(@repeatable $times),
        }),*];
        const SETTERS: &[Setter] = &[$($set),*];
    };
    (@value $value:literal) => { Some($value) };
    (@value) => { None };
    (@repeatable once) => { false };
    (@repeatable often) => { true };
}

options! {
    "--root" ["DIR"], FilesAndEnvironment, Directory, default "", once,
        "the directory that becomes / (required)",
        |o, v| set(&mut o.root, nonempty(v));
    "--bind" ["SRC:/DST[:rw]"], FilesAndEnvironment, Bind, default "", often,
        "show a file or directory of the host, read-only without :rw",
        |o, v| add(&mut o.binds, bind(v.to_bytes()));
    "--env" ["NAME=VALUE"], FilesAndEnvironment, Variable, default "", often,
        "set a variable of the otherwise clean environment",
        |o, v| add(&mut o.env, environment(v));
    "--cwd" ["DIR"], FilesAndEnvironment, AbsolutePath, default "/home/judge", once,
        "the working directory inside",
        |o, v| set(&mut o.cwd, absolute(v).map(Some));

    "--cpu-time" ["TIME"], Limits, Duration, default "none", once,
        "CPU time of all processes together",
        |o, v| set(&mut o.limits.cpu_time, limit(v.to_bytes(), duration));
    "--cpu-quota" ["TIME"], Limits, Quota, default "none", once,
        "CPU time in each 100ms; 50ms is half a CPU, 200ms are two",
        |o, v| set(&mut o.limits.cpu_quota, quota(v.to_bytes()));
    "--wall-time" ["TIME"], Limits, Duration, default "none", once,
        "time from exec to exit",
        |o, v| set(&mut o.limits.wall_time, limit(v.to_bytes(), duration));
    "--idle-time" ["TIME"], Limits, Duration, default "none", once,
        "wall time minus CPU time",
        |o, v| set(&mut o.limits.idle_time, limit(v.to_bytes(), duration));
    "--drain-time" ["TIME"], Limits, Duration, default "none", once,
        "time for the output's readers to take what is left at the end",
        |o, v| set(&mut o.drain_time, limit(v.to_bytes(), duration));
    "--memory" ["SIZE"], Limits, Size, default "256M", once,
        "memory of all processes and of the files that they write",
        |o, v| set(&mut o.limits.memory, limit(v.to_bytes(), size));
    "--pids" ["N"], Limits, Pids, default "64", once,
        "processes and threads at one time",
        |o, v| set(&mut o.limits.pids, pids(v.to_bytes()));
    "--output" ["SIZE"], Limits, Size, default "16M", once,
        "bytes on each stream and in each file",
        |o, v| {
            o.output_given = true;
            set(&mut o.limits.output, limit(v.to_bytes(), size))
        };
    "--stack" ["SIZE"], Limits, Size, default "64M", once,
        "stack of the main thread",
        |o, v| set(&mut o.limits.stack, limit(v.to_bytes(), size));
    "--open-files" ["N"], Limits, OpenFiles, default "64", once,
        "descriptors of one process",
        |o, v| set(&mut o.limits.open_files, open_files(v.to_bytes()));
    "--tmp" ["SIZE"], Limits, Bytes, default "64M", once,
        "bytes in /tmp, /dev/shm and the work directory together",
        |o, v| set(&mut o.limits.tmp, scratch_size(v.to_bytes()));
    "--cpus" ["LIST"], Limits, Cpus, default "", once,
        "the CPUs to run on, as in 0-2,5; otherwise those of the caller",
        |o, v| {
            o.cpus_list = v.to_bytes();
            set(&mut o.cpus, Cpus::parse(o.cpus_list).map(Some))
        };

    "--stdin" ["FILE"], Streams, Path, default "", once,
        "read stdin from a file, not from the caller's stdin",
        |o, v| set(&mut o.streams[0], nonempty(v).map(Some));
    "--no-input", Streams, Flag, default "", once,
        "no stdin, as from /dev/null; also -n",
        |o, _| { o.streams[0] = Some(c"/dev/null"); Ok(()) };
    "--stdout" ["FILE"], Streams, Path, default "", once,
        "write stdout to a file",
        |o, v| set(&mut o.streams[1], nonempty(v).map(Some));
    "--stderr" ["FILE"], Streams, Path, default "", once,
        "write stderr to a file",
        |o, v| set(&mut o.streams[2], nonempty(v).map(Some));
    "--tty", Streams, Flag, default "", once,
        "one pseudo-terminal in place of the three pipes",
        |o, _| { o.tty = true; Ok(()) };

    "--report" ["FILE|-|fd:N"], Report, Destination, default "", once,
        "write the report, one line of JSON; `-` is stdout",
        |o, v| set(&mut o.report, destination(v).map(Some));
    "--rootfs-digest" ["HEX"], Report, Digest, default "", once,
        "the SHA-256 that the report repeats as `rootfs`",
        |o, v| set(&mut o.rootfs_digest, digest(v).map(Some));
    "--known-bad" ["JSON"], Report, Names, default "", once,
        "what the report has as `known_bad`",
        |o, v| set(&mut o.known_bad, names(v).map(Some));

    "--uid" ["N"], Identity, Id, default "", once,
        "user id of the submission, which other runs may have",
        |o, v| set(&mut o.uid, id(v.to_bytes()).map(Some));
    "--gid" ["N"], Identity, Id, default "60000", once,
        "group id of the submission",
        |o, v| set(&mut o.gid, id(v.to_bytes()).map(Some));
    "--uid-range" ["FIRST-LAST"], Identity, IdRange, default "", once,
        "take a uid, and the gid with its number, that no other run has",
        |o, v| set(&mut o.uid_range, range(v).map(Some));
    "--uid-lock" ["fd:N"], Identity, Descriptor, default "", once,
        "share the caller's lock on the uid of --uid-range",
        |o, v| set(&mut o.uid_lock, descriptor(v.to_bytes()).map(Some));
    "--userns", Identity, Flag, default "", once,
        "make a user namespace, as for ordinary users",
        |o, _| { o.userns = true; Ok(()) };
    "--hostname" ["NAME"], Identity, Hostname, default "capsule", once,
        "the host's name inside",
        |o, v| set(&mut o.hostname, hostname(v));

    "--net" ["none|loopback|host"], Network, Network, default "loopback", once,
        "unix sockets only, a `lo` of its own, or the host's network",
        |o, v| set(&mut o.net, net(v));

    "--start-on" ["fd:N"], Sandbox, Descriptor, default "", once,
        "prepare everything, then wait for a byte from this descriptor",
        |o, v| set(&mut o.start_on, descriptor(v.to_bytes()).map(Some));
    "--cgroup" ["auto|v2|v1|none"], Sandbox, Cgroup, default "auto", once,
        "what holds memory, processes and CPU accounts",
        |o, v| set(&mut o.cgroup, cgroup(v));
    "--seccomp" ["default|off|FILE"], Sandbox, Seccomp, default "default", once,
        "the system calls that are allowed",
        |o, v| set(&mut o.seccomp, seccomp(v));
    "--require" ["GUARD,..."], Sandbox, Guards, default "", often,
        "refuse to start where one of these guards is not available",
        |o, v| require(o, v);
    "--without" ["GUARD"], Sandbox, Guard, default "", often,
        "take a guard away, for tests; `init guards` lists them",
        |o, v| without(o, v);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    #[test]
    fn init_keeps_the_table_that_others_see() {
        let without_help = OPTIONS.iter().map(|spec| OptionSpec { help: "", ..*spec });
        assert!(all().eq(without_help));
        for (index, spec) in OPTIONS.iter().enumerate() {
            let mut help = [0; 128];
            let mut help = Text::new(&mut help);
            assert_eq!(help.push_packed(super::help(index)).as_bytes(), spec.help.as_bytes());
        }
    }
}
