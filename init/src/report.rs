//! The report: renders the verdict of `outcome.rs` and what was measured as one JSON object on one line. Pure.
//!
//! A field that this run cannot know is absent, never invented. Times are in microseconds, sizes in bytes.

use crate::cgroup::Version;
use crate::describe::{push_errno, subject_name};
use crate::error::{Error, Subject};
use crate::guard::{Guard, State};
use crate::hint::hint;
use crate::message::Turns;
use crate::named::named;
use crate::options::Net;
use crate::outcome::{Facts, Outcome, Status};
use crate::packed::{Packed, packed};
use crate::rlimits::callers_hard_limit;
use crate::setup::Setup;
use crate::text::{Parts, Text, strip_prefix};

/// Version of the report's format.
pub const VERSION: u64 = 1;

/// The most bytes that a report can have: every guard with its reason, every limit, and an error with a path.
pub const MAX_LEN: usize = 16 << 10;

/// The state of a guard that is up.
pub const GUARD_ON: &[u8] = b"on";
/// The state of a guard that the command line took away.
pub const GUARD_OFF: &[u8] = b"off";
/// How the state of a guard starts that is not available; the reason follows.
pub const GUARD_UNAVAILABLE: &[u8] = b"unavailable: ";

/// What was measured of a run and does not decide its verdict.
#[derive(Clone, Copy, Default)]
pub(crate) struct Measures {
    /// Wall time from the supervisor's start to exec, in nanoseconds.
    pub(crate) setup: Option<u64>,
    /// The most memory it held, in bytes.
    pub(crate) memory_peak: Option<u64>,
    /// The most tasks at one time.
    pub(crate) pids_peak: Option<u64>,
    pub(crate) turns: Option<Turns>,
    /// Time for which its quota throttled it, in microseconds.
    pub(crate) throttled: Option<u64>,
    /// Bytes passed on from stdout and stderr; with a terminal the first is both.
    pub(crate) output: [Option<u64>; 2],
    /// Number and name of the forbidden call that ended it.
    pub(crate) forbidden: Option<(u32, &'static [u8])>,
    /// Which cgroup version held the limits.
    pub(crate) cgroup: Option<Version>,
    /// Whether stdin was a file of the submission's own.
    pub(crate) stdin_is_file: bool,
}

/// All that a report is made of.
pub(crate) struct Report<'a> {
    pub(crate) setup: &'a Setup<'a>,
    pub(crate) outcome: &'a Outcome,
    pub(crate) facts: &'a Facts,
    pub(crate) measures: &'a Measures,
    /// The kernel's release, uname(2).
    pub(crate) kernel: &'a [u8],
}

impl Report<'_> {
    /// Writes the report, with its newline.
    pub(crate) fn render(&self, text: &mut Text<'_>) {
        let Report { setup, outcome, facts, measures, kernel } = *self;
        let mut object = Object::open(text);
        object.number(b"version", VERSION);
        object.string(b"status", outcome.status.name());
        object.maybe(b"exit_code", outcome.exit_code.map(u64::from));
        object.maybe(b"signal", outcome.signal.map(u64::from));
        object.maybe(b"cpu_us", facts.cpu.map(|cpu| micros(cpu.total)));
        object.maybe(b"user_us", facts.cpu.map(|cpu| micros(cpu.user)));
        object.maybe(b"system_us", facts.cpu.map(|cpu| micros(cpu.total - cpu.user)));
        object.maybe(b"wall_us", facts.wall.map(micros));
        turns(measures, &mut object);
        object.maybe(b"setup_us", measures.setup.map(micros));
        object.maybe(b"memory_peak_bytes", measures.memory_peak);
        object.maybe(b"oom_kills", facts.oom_kills);
        object.maybe(b"pids_peak", measures.pids_peak);
        object.boolean(b"stdin_file", measures.stdin_is_file);
        object.maybe(b"stdout_bytes", measures.output[0]);
        object.maybe(b"stderr_bytes", measures.output[1]);
        let undelivered = facts.undelivered.iter().sum();
        object.maybe(b"undelivered_bytes", measures.output[0].map(|_| undelivered));
        object.boolean(b"truncated", facts.truncated);
        if let Some((number, name)) = measures.forbidden {
            object.key(b"syscall");
            let mut inner = Object::open(object.text);
            if name.is_empty() {
                inner.key(b"number");
                inner.text.push(b"null");
                inner.string(b"reason", b"a signal came before it was read");
            } else {
                inner.number(b"number", number.into());
                inner.string(b"name", name);
            }
            inner.close();
        }
        object.key(b"limits");
        limits(setup, facts, measures, object.text);
        object.key(b"guards");
        guards(setup, object.text);
        object.string(b"kernel", kernel);
        object.string(b"cgroup", cgroup_name(measures.cgroup));
        if let Some(digest) = setup.options.rootfs_digest {
            object.string(b"rootfs", digest);
        }
        if let Some(holes) = setup.options.known_bad {
            object.key(b"known_bad");
            object.text.push(holes);
        }
        if let Some(option) = setup.options.too_little() {
            object.key(b"warning");
            object.text.push(b"\"");
            push_warning(option, object.text);
            object.text.push(b"\"");
        }
        if let Some(error) = outcome.error {
            object.key(b"error");
            describe(error, setup, object.text);
        }
        object.close();
        text.push(b"\n");
    }
}

/// What is wrong with an option that allows too little.
pub(crate) fn push_warning(option: &str, text: &mut Text<'_>) {
    text.push(option.as_bytes());
    text.push_packed(packed!(" is less than any program needs (bytes, unless K, M or G follows)"));
}

/// Writes the report of a run that could not begin, as its command line is not valid: `message` is what stderr has.
pub(crate) fn render_refused(message: &[u8], text: &mut Text<'_>) {
    let mut object = Object::open(text);
    object.number(b"version", VERSION);
    object.string(b"status", Status::SandboxError.name());
    object.key(b"error");
    let mut error = Object::open(object.text);
    error.string(b"step", b"options");
    error.string(b"call", b"parse");
    error.string(b"errno", b"EINVAL");
    error.string(b"message", strip_prefix(message, b"init: ").unwrap_or(message));
    error.close();
    object.close();
    text.push(b"\n");
}

/// How long and how often the run went without a CPU.
fn turns(measures: &Measures, object: &mut Object<'_, '_>) {
    if let Some(Turns { waited, forced }) = measures.turns {
        object.number(b"waited_us", micros(waited));
        object.number(b"csw_forced", forced);
    }
    object.maybe(b"throttled_us", measures.throttled);
}

fn describe(error: Error, setup: &Setup<'_>, text: &mut Text<'_>) {
    let mut object = Object::open(text);
    object.packed(b"step", error.step());
    object.packed(b"call", error.call().packed());
    if let Some(subject) = subject_name(error.subject(), setup.options) {
        object.string(b"subject", subject);
    }
    let mut name = [0; 64];
    let mut name = Text::new(&mut name);
    push_errno(&mut name, error.errno());
    // Without the explanation in parentheses, which is for terminals.
    object.string(b"errno", Parts::new(name.as_bytes(), b' ').next().unwrap_or_default());
    if let Subject::Resource(index) = error.subject() {
        object.maybe(b"hard_limit", callers_hard_limit(index));
    }
    if let Some(hint) = hint(error) {
        object.packed(b"hint", hint);
    }
    object.close();
}

named! {
    /// What measures and enforces a limit.
    Mechanism {
        // The command line took its guard away.
        Nothing = "none",
        CpuAccount = "cgroup cpu account, timer",
        ProcessClocks = "process clocks, timer",
        CpuQuota = "cgroup cpu quota",
        WallClock = "CLOCK_MONOTONIC, timer",
        Schedstat = "schedstat, timer",
        Memory = "cgroup memory",
        // Version 1 does not count what waits in a socket for its reader.
        MemoryOfV1 = "cgroup memory, without UDP queues",
        Data = "RLIMIT_DATA",
        Pids = "cgroup pids",
        Processes = "RLIMIT_NPROC",
        PipesAndFileSize = "pipes of the supervisor, RLIMIT_FSIZE",
        Pipes = "pipes of the supervisor",
        FileSize = "RLIMIT_FSIZE",
        Stack = "RLIMIT_STACK, not observed",
        OpenFiles = "RLIMIT_NOFILE, not observed",
        Tmpfs = "tmpfs size, not observed",
    }
}

/// For each limit that is set: its value, what was seen, and what measures and enforces it.
fn limits(setup: &Setup<'_>, facts: &Facts, measures: &Measures, text: &mut Text<'_>) {
    use Mechanism::*;
    let limits = &setup.options.limits;
    let has = |guard| setup.has(guard);
    let by_rlimit = |mechanism| if has(Guard::Rlimits) { mechanism } else { Nothing };
    // A guard that was taken away leaves nothing in its place; for one that is not available an rlimit stands in
    // (rlimits.rs).
    let in_cgroup = |guard, mechanism, otherwise| match setup.guards.state(guard) {
        State::On => mechanism,
        State::Off => Nothing,
        State::Unavailable(_) => by_rlimit(otherwise),
    };
    let cpu = facts.cpu.map(|cpu| cpu.total);
    // The limit holds for each stream alone; the fuller one is what came closest to it.
    let output = measures.output[0].max(measures.output[1]);
    let clock = if has(Guard::CpuAccounting) { CpuAccount } else { ProcessClocks };
    let passed = match (has(Guard::OutputCap), has(Guard::Rlimits)) {
        (true, true) => PipesAndFileSize,
        (true, false) => Pipes,
        (false, _) => by_rlimit(FileSize),
    };
    // Without a network of any kind a submission has no such sockets.
    let counts_udp = measures.cgroup != Some(Version::V1) || setup.options.net == Net::None;
    let memory = in_cgroup(Guard::Memory, if counts_udp { Memory } else { MemoryOfV1 }, Data);
    let pids = in_cgroup(Guard::Pids, Pids, Processes);
    let mut object = Object::open(text);
    object.limit(b"cpu_us", limits.cpu_time.map(micros), cpu.map(micros), clock);
    // Of each tenth of a second (limits.rs).
    let quota = in_cgroup(Guard::CpuQuota, CpuQuota, Nothing);
    object.limit(b"cpu_quota_us", limits.cpu_quota.map(micros), None, quota);
    let wall = facts.wall.map(micros);
    object.limit(b"wall_us", limits.wall_time.map(micros), wall, WallClock);
    // Otherwise a run that waits for a CPU is idle.
    let idle_clock = if facts.waited.is_some() { Schedstat } else { clock };
    object.limit(b"idle_us", limits.idle_time.map(micros), facts.idle().map(micros), idle_clock);
    object.limit(b"memory_bytes", limits.memory, measures.memory_peak, memory);
    object.limit(b"pids", limits.pids, measures.pids_peak, pids);
    object.limit(b"output_bytes", limits.output, output, passed);
    object.limit(b"stack_bytes", limits.stack, None, by_rlimit(Stack));
    object.limit(b"open_files", limits.open_files, None, by_rlimit(OpenFiles));
    object.limit(b"tmp_bytes", Some(limits.tmp), None, Tmpfs);
    object.close();
}

/// `"on"`, `"off"`, or `"unavailable: WHY"` for each guard.
fn guards(setup: &Setup<'_>, text: &mut Text<'_>) {
    let mut object = Object::open(text);
    for guard in Guard::ALL {
        match setup.guards.state(*guard) {
            State::On => object.string(guard.name(), GUARD_ON),
            State::Off => object.string(guard.name(), GUARD_OFF),
            State::Unavailable(why) => {
                // The reasons are ours and need no escaping.
                object.key(guard.name());
                object.text.push(b"\"").push(GUARD_UNAVAILABLE).push_packed(why.text()).push(b"\"");
            }
        }
    }
    object.close();
}

fn micros(nanoseconds: u64) -> u64 {
    // Rounded down. The verdict does not come from here, but from the nanoseconds.
    nanoseconds / 1_000
}

fn cgroup_name(version: Option<Version>) -> &'static [u8] {
    match version {
        Some(Version::V2) => b"v2",
        Some(Version::V1) => b"v1",
        None => b"none",
    }
}

/// A JSON object under construction.
struct Object<'t, 'b> {
    text: &'t mut Text<'b>,
    empty: bool,
}

impl<'t, 'b> Object<'t, 'b> {
    fn open(text: &'t mut Text<'b>) -> Self {
        text.push(b"{");
        Object { text, empty: true }
    }

    fn key(&mut self, key: &[u8]) {
        if !core::mem::take(&mut self.empty) {
            self.text.push(b",");
        }
        self.text.push(b"\"").push(key).push(b"\":");
    }

    fn number(&mut self, key: &[u8], number: u64) {
        self.key(key);
        self.text.number(number);
    }

    fn maybe(&mut self, key: &[u8], number: Option<u64>) {
        if let Some(number) = number {
            self.number(key, number);
        }
    }

    /// One limit that is set: its value, what was seen, and what measures and enforces it.
    fn limit(&mut self, key: &[u8], limit: Option<u64>, observed: Option<u64>, mechanism: Mechanism) {
        let Some(limit) = limit else { return };
        self.key(key);
        let mut row = Object::open(self.text);
        row.number(b"limit", limit);
        row.maybe(b"observed", observed);
        row.packed(b"mechanism", mechanism.packed());
        row.close();
    }

    fn boolean(&mut self, key: &[u8], value: bool) {
        self.key(key);
        self.text.push(if value { b"true" } else { b"false" });
    }

    fn string(&mut self, key: &[u8], value: &[u8]) {
        self.key(key);
        // Paths and names may hold any byte.
        self.text.json_string(value);
    }

    /// A text of ours that needs no escaping.
    fn packed(&mut self, key: &[u8], value: Packed) {
        self.key(key);
        self.text.push(b"\"").push_packed(value).push(b"\"");
    }

    fn close(self) {
        self.text.push(b"}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;
    use crate::options::parse;
    use crate::sys::Args;
    use crate::user::Owner;

    fn limits_of(line: &str) -> String {
        limits_with(line, &Measures::default())
    }

    fn limits_with(line: &str, measures: &Measures) -> String {
        let mut line = line.as_bytes().to_vec();
        let mut pointers = [core::ptr::null(); 32];
        let options = parse(Args::split(&mut line, &mut pointers).unwrap()).ok().unwrap();
        let mut buffer = [0; MAX_LEN];
        let mut text = Text::new(&mut buffer);
        let identity = Identity { owner: Owner { uid: 0, gid: 0 }, privileged: true };
        let setup = Setup::new(&options, identity);
        limits(&setup, &Facts::default(), measures, &mut text);
        String::from_utf8(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_limit_whose_guard_was_taken_away_is_held_by_nothing() {
        let all = limits_of("--root /r -- /x ");
        assert!(all.contains(r#""memory_bytes":{"limit":268435456,"mechanism":"cgroup memory"}"#), "{all}");
        assert!(
            all.contains(r#""stack_bytes":{"limit":67108864,"mechanism":"RLIMIT_STACK, not observed"}"#),
            "{all}"
        );
        let one = Measures { cgroup: Some(Version::V1), ..Measures::default() };
        let with_cgroup = |line: &str| limits_with(line, &one);
        assert!(with_cgroup("--root /r -- /x ").contains(r#""cgroup memory, without UDP queues""#));
        assert!(with_cgroup("--root /r --net none -- /x ").contains(r#""cgroup memory""#));
        let fewer = limits_of("--root /r --without memory --without rlimits -- /x ");
        assert!(fewer.contains(r#""memory_bytes":{"limit":268435456,"mechanism":"none"}"#), "{fewer}");
        assert!(fewer.contains(r#""stack_bytes":{"limit":67108864,"mechanism":"none"}"#), "{fewer}");
        assert!(fewer.contains(r#""mechanism":"pipes of the supervisor"}"#), "{fewer}");
    }
}
