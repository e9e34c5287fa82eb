//! The report: one JSON object on one line, the only word of a run that counts. Pure.
//!
//! A field that this run cannot know is absent, never invented. Times are in microseconds, sizes in bytes.

use crate::cgroup::{CpuTime, Version};
use crate::error::push_errno;
use crate::guard::{Guard, State};
use crate::options::Options;
use crate::outcome::Outcome;
use crate::text::Text;

/// Version of the report's format.
pub const VERSION: u64 = 1;

/// The most bytes that a report can have: every guard with its reason, every limit, and an error with a path.
pub const MAX_LEN: usize = 16 << 10;

/// What is told of a run beside its verdict.
#[derive(Clone, Copy, Default)]
pub struct Measures<'a> {
    /// CPU time of the submission, in nanoseconds.
    pub cpu: Option<CpuTime>,
    /// Wall time from exec to exit, in nanoseconds.
    pub wall: Option<u64>,
    /// Wall time from the supervisor's start to exec, in nanoseconds.
    pub setup: Option<u64>,
    /// The most memory it held, in bytes.
    pub memory_peak: Option<u64>,
    /// How many processes the OOM killer ended.
    pub oom_kills: Option<u64>,
    /// The most tasks at one time.
    pub pids_peak: Option<u64>,
    /// Bytes passed on from stdout and stderr; with a terminal the first is all.
    pub output: [Option<u64>; 2],
    /// Whether a stream was cut.
    pub truncated: bool,
    /// Number and name of the forbidden call that ended it.
    pub forbidden: Option<(u32, &'a [u8])>,
    /// The kernel's release, uname(2).
    pub kernel: &'a [u8],
    /// Which cgroup version held the limits.
    pub cgroup: Option<Version>,
}

/// Writes the report, with its newline.
pub fn render(options: &Options<'_>, outcome: &Outcome, measures: &Measures<'_>, text: &mut Text<'_>) {
    let mut object = Object::open(text);
    object.number(b"version", VERSION);
    object.string(b"status", outcome.status.name());
    object.maybe(b"exit_code", outcome.exit_code.map(u64::from));
    object.maybe(b"signal", outcome.signal.map(u64::from));
    object.maybe(b"cpu_us", measures.cpu.map(|cpu| micros(cpu.total)));
    object.maybe(b"user_us", measures.cpu.map(|cpu| micros(cpu.user)));
    object.maybe(b"system_us", measures.cpu.map(|cpu| micros(cpu.total - cpu.user)));
    object.maybe(b"wall_us", measures.wall.map(micros));
    object.maybe(b"setup_us", measures.setup.map(micros));
    object.maybe(b"memory_peak_bytes", measures.memory_peak);
    object.maybe(b"oom_kills", measures.oom_kills);
    object.maybe(b"pids_peak", measures.pids_peak);
    object.maybe(b"stdout_bytes", measures.output[0]);
    object.maybe(b"stderr_bytes", measures.output[1]);
    object.boolean(b"truncated", measures.truncated);
    if let Some((number, name)) = measures.forbidden {
        object.key(b"syscall");
        let mut inner = Object::open(object.text);
        inner.number(b"number", number.into());
        inner.string(b"name", name);
        inner.close();
    }
    object.key(b"limits");
    limits(options, measures, object.text);
    object.key(b"guards");
    guards(options, object.text);
    object.string(b"kernel", measures.kernel);
    object.string(b"cgroup", cgroup_name(measures.cgroup));
    if let Some(digest) = options.rootfs_digest {
        object.string(b"rootfs", digest);
    }
    if let Some(error) = &outcome.error {
        object.key(b"error");
        let mut inner = Object::open(object.text);
        inner.string(b"step", error.step());
        inner.string(b"call", error.call());
        if let Some(subject) = error.subject().name(options) {
            inner.string(b"subject", subject);
        }
        let mut name = [0; 64];
        let mut name = Text::new(&mut name);
        push_errno(&mut name, error.errno());
        inner.string(b"errno", name.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default());
        inner.close();
    }
    object.close();
    text.push(b"\n");
}

/// The mechanism of a limit whose guard the command line took away.
const NOTHING: &[u8] = b"none";

/// For each limit that is set: its value, what was seen, and what measures and enforces it.
fn limits(options: &Options<'_>, measures: &Measures<'_>, text: &mut Text<'_>) {
    let limits = &options.limits;
    let has = |guard| options.guards.has(guard);
    let by_rlimit = |mechanism: &'static [u8]| if has(Guard::Rlimits) { mechanism } else { NOTHING };
    // A guard that was taken away leaves nothing in its place; one that cannot be had does (limits.rs).
    let in_cgroup = |guard, mechanism: &'static [u8], otherwise| match options.guards.state(guard) {
        State::On => mechanism,
        State::Off => NOTHING,
        State::Unavailable(_) => by_rlimit(otherwise),
    };
    let cpu = measures.cpu.map(|cpu| cpu.total);
    let idle = measures.wall.map(|wall| wall.saturating_sub(cpu.unwrap_or(0)));
    let output = measures.output[0].max(measures.output[1]);
    let clock: &[u8] = match has(Guard::CpuAccounting) {
        true => b"cgroup cpu account, timer",
        false => b"process clocks, timer",
    };
    let passed: &[u8] = match (has(Guard::OutputCap), has(Guard::Rlimits)) {
        (true, true) => b"pipes of the supervisor, RLIMIT_FSIZE",
        (true, false) => b"pipes of the supervisor",
        (false, _) => by_rlimit(b"RLIMIT_FSIZE"),
    };
    let memory = in_cgroup(Guard::Memory, b"cgroup memory", b"RLIMIT_DATA");
    let pids = in_cgroup(Guard::Pids, b"cgroup pids", b"RLIMIT_NPROC");
    let mut object = Object::open(text);
    object.limit(b"cpu_us", limits.cpu_time.map(micros), cpu.map(micros), clock);
    let wall = measures.wall.map(micros);
    object.limit(b"wall_us", limits.wall_time.map(micros), wall, b"CLOCK_MONOTONIC, timer");
    object.limit(b"idle_us", limits.idle_time.map(micros), idle.map(micros), clock);
    object.limit(b"memory_bytes", limits.memory, measures.memory_peak, memory);
    object.limit(b"pids", limits.pids, measures.pids_peak, pids);
    object.limit(b"output_bytes", limits.output, output, passed);
    object.limit(b"stack_bytes", limits.stack, None, by_rlimit(b"RLIMIT_STACK, not observed"));
    object.limit(b"open_files", limits.open_files, None, by_rlimit(b"RLIMIT_NOFILE, not observed"));
    object.limit(b"tmp_bytes", Some(limits.tmp), None, b"tmpfs size, not observed");
    object.close();
}

/// `"on"`, `"off"`, or `"unavailable: WHY"` for each guard.
fn guards(options: &Options<'_>, text: &mut Text<'_>) {
    let mut object = Object::open(text);
    for guard in Guard::ALL {
        match options.guards.state(*guard) {
            State::On => object.string(guard.name(), b"on"),
            State::Off => object.string(guard.name(), b"off"),
            State::Unavailable(why) => {
                object.key(guard.name());
                object.text.push(b"\"unavailable: ").push(why.as_bytes()).push(b"\"");
            }
        }
    }
    object.close();
}

fn micros(nanoseconds: u64) -> u64 {
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
    fn limit(&mut self, key: &[u8], limit: Option<u64>, observed: Option<u64>, mechanism: &[u8]) {
        let Some(limit) = limit else { return };
        self.key(key);
        let mut row = Object::open(self.text);
        row.number(b"limit", limit);
        row.maybe(b"observed", observed);
        row.string(b"mechanism", mechanism);
        row.close();
    }

    fn boolean(&mut self, key: &[u8], value: bool) {
        self.key(key);
        self.text.push(if value { b"true" } else { b"false" });
    }

    fn string(&mut self, key: &[u8], value: &[u8]) {
        self.key(key);
        self.text.json_string(value);
    }

    fn close(self) {
        self.text.push(b"}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::parse;
    use crate::sys::Args;

    fn limits_of(line: &str) -> String {
        let mut line = line.as_bytes().to_vec();
        let mut pointers = [core::ptr::null(); 32];
        let options = parse(Args::split(&mut line, &mut pointers).unwrap()).ok().unwrap();
        let mut buffer = [0; MAX_LEN];
        let mut text = Text::new(&mut buffer);
        limits(&options, &Measures::default(), &mut text);
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
        let fewer = limits_of("--root /r --without memory --without rlimits -- /x ");
        assert!(fewer.contains(r#""memory_bytes":{"limit":268435456,"mechanism":"none"}"#), "{fewer}");
        assert!(fewer.contains(r#""stack_bytes":{"limit":67108864,"mechanism":"none"}"#), "{fewer}");
        assert!(fewer.contains(r#""mechanism":"pipes of the supervisor"}"#), "{fewer}");
    }
}
