//! The run's cgroup: found, made, limited, measured and removed, on version 2 and on version 1.
//!
//! The supervisor opens the parent directories first, then starts the sandbox, then makes the directory of the
//! run: whoever of the two outlives the other knows all that is needed to remove it ([`Place::remove`]).
//! Only the submission is in it, neither supervisor nor PID 1: what it measures is the submission's alone.

use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::clock;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::options::{CgroupChoice, Limits, Options};
use crate::path::PathBuffer;
use crate::sys::fd::{self, Fd};
use crate::text::{Text, behind, parse_number};

/// Files that a failure can be about.
pub const FILES: &[&CStr] = &[
    c"(the cgroup's directory)",
    c"memory.max",
    c"memory.swap.max",
    c"memory.oom.group",
    c"pids.max",
    c"memory.limit_in_bytes",
    c"memory.memsw.limit_in_bytes",
    c"pids.max",
    c"tasks",
    c"cpuset.cpus",
    c"cpuset.mems",
];

const DIRECTORY: Subject = Subject::CgroupFile(0);
const TASKS: Subject = Subject::CgroupFile(8);
const CPUS: Subject = Subject::CgroupFile(9);
const MEMS: Subject = Subject::CgroupFile(10);

/// Cgroup version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// One hierarchy; the submission is born into it (clone3(2), CLONE_INTO_CGROUP).
    V2,
    /// A hierarchy for each controller; the submission joins each before exec.
    V1,
}

/// The controllers of version 1 that we use. In version 2 the first slot stands for the one hierarchy.
const V1_CONTROLLERS: [&[u8]; SLOTS] = [b"memory", b"pids", b"cpuacct", b"cpuset"];
const SLOTS: usize = 4;
const MEMORY: usize = 0;
const PIDS: usize = 1;
const CPUACCT: usize = 2;
const CPUSET: usize = 3;

/// Where the run's directory goes, decided before the sandbox starts.
pub struct Place {
    /// Which version it is.
    pub version: Version,
    parents: [Option<Fd>; SLOTS],
    /// Where the run's CPUs are set, if they are: a slot of `parents`.
    cpuset: Option<usize>,
    name: [u8; NAME_LEN],
}

/// `capsule-` and two numbers in hexadecimal, and a NUL.
const NAME_LEN: usize = 8 + 8 + 1 + 16 + 1;

/// A limit to write: whose guard it is, in which slot of `Place`, to which file.
struct Setting {
    guard: Guard,
    slot: usize,
    file: u8,
    value: fn(&Limits) -> Option<u64>,
    /// Whether the file may be missing (a kernel without swap accounting): then the guard is not to be had.
    optional: bool,
}

/// In the order in which the kernel wants them: memory.memsw must not be below memory.
const SETTINGS_V2: &[Setting] = &[
    Setting { guard: Guard::Memory, slot: 0, file: 1, value: |limits| limits.memory, optional: false },
    Setting { guard: Guard::Swap, slot: 0, file: 2, value: |_| Some(0), optional: true },
    Setting { guard: Guard::OomGroup, slot: 0, file: 3, value: |_| Some(1), optional: false },
    Setting { guard: Guard::Pids, slot: 0, file: 4, value: |limits| limits.pids, optional: false },
];
const SETTINGS_V1: &[Setting] = &[
    Setting { guard: Guard::Memory, slot: MEMORY, file: 5, value: |limits| limits.memory, optional: false },
    Setting { guard: Guard::Swap, slot: MEMORY, file: 6, value: |limits| limits.memory, optional: true },
    Setting { guard: Guard::Pids, slot: PIDS, file: 7, value: |limits| limits.pids, optional: false },
];

impl Place {
    /// Looks for a hierarchy that can hold the run. Guards that it cannot give are noted as unavailable.
    ///
    /// # Errors
    /// When the version that the options insist on cannot be had.
    pub fn find(options: &mut Options<'_>) -> Result<Option<Place>, Error> {
        let mut memberships = [0; 4096];
        let memberships = read_file(CWD, c"/proc/self/cgroup", &mut memberships).unwrap_or_default();
        let choice = options.cgroup;
        let cpus = options.guards.has(Guard::Cpuset);
        let found = match choice {
            CgroupChoice::None => None,
            CgroupChoice::V2 => find_v2(memberships, cpus),
            CgroupChoice::V1 => find_v1(memberships, cpus),
            CgroupChoice::Auto => find_v2(memberships, cpus).or_else(|| find_v1(memberships, cpus)),
        };
        if found.is_none() && matches!(choice, CgroupChoice::V1 | CgroupChoice::V2) {
            return Err(at(Step::Cgroup, Call::Open, DIRECTORY)(Errno::NOENT));
        }
        note_missing(options, found.as_ref());
        Ok(found)
    }

    /// Makes the run's directory and writes its limits.
    pub fn create(&self, options: &mut Options<'_>) -> Result<Cgroup, Error> {
        let mut directories = [const { None }; SLOTS];
        for (directory, parent) in directories.iter_mut().zip(&self.parents) {
            let Some(parent) = parent else { continue };
            let error = at(Step::Cgroup, Call::Mkdir, DIRECTORY);
            rustix::fs::mkdirat(parent, self.name(), Mode::from_raw_mode(0o755)).map_err(&error)?;
            *directory = Some(open_directory(parent.as_fd(), self.name()).map_err(&error)?);
        }
        let accounts = options.guards.has(Guard::CpuAccounting);
        let cgroup = Cgroup { version: self.version, directories, accounts };
        let settings = if self.version == Version::V2 { SETTINGS_V2 } else { SETTINGS_V1 };
        for setting in settings {
            cgroup.apply(setting, options)?;
        }
        if let Some(slot) = self.cpuset {
            cgroup.confine(slot, self.parents.get(slot), options)?;
        }
        Ok(cgroup)
    }

    /// Opens the directory that [`Place::create`] made, for the submission to be born into (version 2).
    pub fn open(&self) -> Result<Fd, Error> {
        let [parent, ..] = &self.parents;
        let parent = parent.as_ref().ok_or(Errno::NOENT);
        parent.and_then(|parent| open_directory(parent.as_fd(), self.name())).map_err(at(
            Step::Cgroup,
            Call::Open,
            DIRECTORY,
        ))
    }

    /// Moves the calling thread into each hierarchy (version 1). Writing 0 to `tasks` moves the caller without
    /// the machine-wide lock that moving a whole process takes.
    pub fn join(&self) -> Result<(), Error> {
        for parent in self.parents.iter().flatten() {
            let mut path = PathBuffer::new();
            path.join(&[self.name().to_bytes(), b"/tasks"])
                .and_then(|tasks| write_file(parent.as_fd(), tasks, b"0"))
                .map_err(at(Step::Cgroup, Call::Write, TASKS))?;
        }
        Ok(())
    }

    /// Removes the run's directories. All its processes are dead; a missing directory is as good as removed.
    pub fn remove(&self) {
        /// The kernel may still be tearing down the last process: a few times a millisecond is ample.
        const TRIES: usize = 50;
        for parent in self.parents.iter().flatten() {
            for _ in 0..TRIES {
                match rustix::fs::unlinkat(parent, self.name(), AtFlags::REMOVEDIR) {
                    Err(Errno::BUSY) => clock::sleep_ms(1),
                    _ => break,
                }
            }
        }
    }

    /// Lets the host's directories be inherited.
    #[cfg(capsule_mutation = "keep-one-fd")]
    pub fn leak(&self) {
        for parent in self.parents.iter().flatten() {
            let _ = rustix::io::fcntl_setfd(parent, rustix::io::FdFlags::empty()); // then the mutant is none
        }
    }

    fn name(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.name).unwrap_or_default()
    }

    fn new(version: Version, parents: [Option<Fd>; SLOTS], cpuset: Option<usize>) -> Place {
        let mut name = [0; NAME_LEN];
        // A pid and the time since boot: nobody else has both.
        let pid = rustix::process::getpid().as_raw_nonzero().get() as u64;
        Text::new(&mut name).push(b"capsule-").hex(pid, 8).push(b"-").hex(clock::now(), 16).push(b"\0");
        Place { version, parents, cpuset, name }
    }
}

/// Says of each guard that `found` cannot give why that is.
fn note_missing(options: &mut Options<'_>, found: Option<&Place>) {
    let why_nothing =
        if options.cgroup == CgroupChoice::None { "--cgroup none" } else { "no cgroup that can be written" };
    let has = |slot: usize| {
        found.is_some_and(|place| {
            place.version == Version::V2 || place.parents.get(slot).is_some_and(Option::is_some)
        })
    };
    let why = if found.is_some() { "controller missing" } else { why_nothing };
    const NEEDS: &[(Guard, usize)] = &[
        (Guard::Memory, MEMORY),
        (Guard::Swap, MEMORY),
        (Guard::OomGroup, MEMORY),
        (Guard::Pids, PIDS),
        (Guard::CpuAccounting, CPUACCT),
    ];
    for (guard, slot) in NEEDS {
        if !has(*slot) {
            options.guards.unavailable(*guard, why);
        }
    }
    if found.is_none_or(|place| place.cpuset.is_none()) {
        options.guards.unavailable(Guard::Cpuset, why);
    }
    if found.is_some_and(|place| place.version == Version::V1) {
        let why = "version 1 kills one process, the supervisor then the rest";
        options.guards.unavailable(Guard::OomGroup, why);
    }
}

/// The unified hierarchy stands at one of these.
const V2_ROOTS: [&[u8]; 2] = [b"/sys/fs/cgroup", b"/sys/fs/cgroup/unified"];

/// A directory of version 2 that may hand memory and pids on to children: our own cgroup or the nearest one above it,
/// so that as many of the limits above us as possible keep counting. One that has processes itself hands on nothing,
/// unless it is the root; so where a subtree was delegated to us, we must be in a cgroup of our own below it.
fn find_v2(memberships: &[u8], cpus: bool) -> Option<Place> {
    const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270; // linux/magic.h
    let own = membership(memberships, b"")?;
    let mut buffer = PathBuffer::new();
    for root in V2_ROOTS {
        for below in self_and_above(own) {
            let Ok(path) = buffer.join(&[root, below]) else { continue };
            let Ok(directory) = open_directory(CWD, path) else { continue };
            let is_v2 =
                rustix::fs::fstatfs(&directory).is_ok_and(|fs| fs.f_type as u64 == CGROUP2_SUPER_MAGIC);
            if is_v2 && hands_on(directory.as_fd(), b"+memory +pids", &[b"memory", b"pids"]) {
                let has_cpus = cpus && hands_on(directory.as_fd(), b"+cpuset", &[b"cpuset"]);
                let parents = [Some(directory), None, None, None];
                return Some(Place::new(Version::V2, parents, has_cpus.then_some(0)));
            }
        }
    }
    None
}

/// A cgroup's path, then that of each above it, up to the root's.
fn self_and_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::successors(Some(path), |path| {
        let end = path.iter().rposition(|byte| *byte == b'/').filter(|_| path.len() > 1)?;
        path.get(..end.max(1))
    })
}

/// Whether children of this directory get these controllers, after asking for them.
fn hands_on(directory: BorrowedFd<'_>, request: &[u8], controllers: &[&[u8]]) -> bool {
    // Who starts a process in a child takes it out of its own cgroup, and must be allowed to by what is above both:
    // this directory (cgroups(7), "Cgroup delegation containment").
    if !writable(directory, c".") || !writable(directory, c"cgroup.procs") {
        return false;
    }
    let has_all = || {
        let mut enabled = [0; 256];
        let enabled = read_file(directory, c"cgroup.subtree_control", &mut enabled).unwrap_or_default();
        controllers.iter().all(|wanted| words(enabled).any(|word| word == *wanted))
    };
    // Refused (EBUSY) where the directory itself has processes and is not the root; then it may be on already.
    has_all() || (write_file(directory, c"cgroup.subtree_control", request).is_ok() && has_all())
}

/// The directories of version 1: for each controller our own cgroup or the nearest above it that can be written.
fn find_v1(memberships: &[u8], cpus: bool) -> Option<Place> {
    let mut parents = [const { None }; SLOTS];
    let mut buffer = PathBuffer::new();
    let wanted = if cpus { SLOTS } else { CPUSET };
    for (parent, controller) in parents.iter_mut().zip(V1_CONTROLLERS).take(wanted) {
        let Some(own) = membership(memberships, controller) else { continue };
        *parent = self_and_above(own).find_map(|below| {
            let path = buffer.join(&[b"/sys/fs/cgroup/", controller, below]).ok()?;
            open_directory(CWD, path).ok().filter(|directory| writable(directory.as_fd(), c"."))
        });
    }
    let cpuset = parents[CPUSET].is_some().then_some(CPUSET);
    parents.iter().any(Option::is_some).then(|| Place::new(Version::V1, parents, cpuset))
}

/// Our own path in the hierarchy of `controller` (version 2: empty), from the lines `ID:CONTROLLERS:PATH` of
/// /proc/self/cgroup (cgroups(7)).
fn membership<'a>(memberships: &'a [u8], controller: &[u8]) -> Option<&'a [u8]> {
    memberships.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.splitn(3, |byte| *byte == b':').skip(1);
        let controllers = fields.next()?;
        let path = fields.next()?;
        controllers.split(|byte| *byte == b',').any(|name| name == controller).then_some(path)
    })
}

/// The run's cgroup.
pub struct Cgroup {
    version: Version,
    directories: [Option<Fd>; SLOTS],
    /// Whether its CPU account counts (`--without cpu-accounting`).
    accounts: bool,
}

/// CPU time used, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuTime {
    /// In all.
    pub total: u64,
    /// Of it in user space; the rest in the kernel.
    pub user: u64,
}

impl Cgroup {
    fn apply(&self, setting: &Setting, options: &mut Options<'_>) -> Result<(), Error> {
        let Some(Some(directory)) = self.directories.get(setting.slot) else { return Ok(()) };
        let is_forgotten = cfg!(capsule_mutation = "swap") && setting.guard == Guard::Swap
            || cfg!(capsule_mutation = "no-pids-limit") && setting.guard == Guard::Pids;
        if !options.guards.has(setting.guard) || is_forgotten {
            return Ok(());
        }
        let Some(value) = (setting.value)(&options.limits) else { return Ok(()) };
        let mut digits = [0; 20];
        let mut text = Text::new(&mut digits);
        text.number(value);
        let file = FILES.get(usize::from(setting.file)).copied().unwrap_or_default();
        if self.version == Version::V1 && setting.guard == Guard::Swap && !options.guards.has(Guard::Memory) {
            // Version 1 limits memory and swap together, and that not below the limit of memory alone.
            options.guards.unavailable(Guard::Swap, "version 1 limits no swap without memory");
            return Ok(());
        }
        match write_file(directory.as_fd(), file, text.as_bytes()) {
            Err(Errno::NOENT) if setting.optional => {
                options.guards.unavailable(setting.guard, "kernel without swap accounting");
                Ok(())
            }
            result => result.map_err(at(Step::Cgroup, Call::Write, Subject::CgroupFile(setting.file))),
        }
    }

    /// Sets the CPUs, and in version 1 the memory nodes too: a new cpuset has neither there, and takes no process.
    fn confine(&self, slot: usize, parent: Option<&Option<Fd>>, options: &Options<'_>) -> Result<(), Error> {
        let (Some(Some(directory)), Some(Some(parent))) = (self.directories.get(slot), parent) else {
            return Ok(());
        };
        if self.version == Version::V1 {
            let mut nodes = [0; 256];
            read_file(parent.as_fd(), c"cpuset.effective_mems", &mut nodes)
                .and_then(|nodes| write_file(directory.as_fd(), c"cpuset.mems", nodes))
                .map_err(at(Step::Cgroup, Call::Write, MEMS))?;
        }
        let written = write_file(directory.as_fd(), c"cpuset.cpus", options.cpus_list);
        written.map_err(at(Step::Cgroup, Call::Write, CPUS))
    }

    /// CPU time of all processes that were ever in it, if it is to be asked. Exact up to the last timer tick of what
    /// runs now.
    pub fn cpu_time(&self) -> Option<CpuTime> {
        if !self.accounts {
            return None;
        }
        match self.version {
            Version::V2 => {
                let mut buffer = [0; 512];
                let stat = self.read(0, c"cpu.stat", &mut buffer)?;
                let micros = |key: &[u8]| keyed(stat, key).map(|value| value * 1_000);
                Some(CpuTime { total: micros(b"usage_usec")?, user: micros(b"user_usec")? })
            }
            Version::V1 => {
                let total = self.number(CPUACCT, c"cpuacct.usage")?;
                // These two are sampled at ticks and need not add up to the exact total: only their ratio is used.
                let user = self.number(CPUACCT, c"cpuacct.usage_user")?;
                let system = self.number(CPUACCT, c"cpuacct.usage_sys")?;
                Some(CpuTime { total, user: share(total, user, system) })
            }
        }
    }

    /// The most memory that it ever held, in bytes. Version 2: Linux 5.19 or later.
    pub fn memory_peak(&self) -> Option<u64> {
        match self.version {
            Version::V2 => self.number(0, c"memory.peak"),
            Version::V1 => self.number(MEMORY, c"memory.max_usage_in_bytes"),
        }
    }

    /// How many processes the OOM killer ended in it.
    pub fn oom_kills(&self) -> Option<u64> {
        let (slot, file) = match self.version {
            Version::V2 => (0, c"memory.events"),
            Version::V1 => (MEMORY, c"memory.oom_control"),
        };
        let mut buffer = [0; 512];
        keyed(self.read(slot, file, &mut buffer)?, b"oom_kill")
    }

    /// The most tasks that were ever in it at one time. Linux 6.1 or later.
    pub fn pids_peak(&self) -> Option<u64> {
        self.number(if self.version == Version::V2 { 0 } else { PIDS }, c"pids.peak")
    }

    /// A descriptor that becomes readable when the OOM killer strikes in it. Version 1 only: version 2 kills the
    /// whole group by itself (memory.oom.group).
    pub fn oom_notice(&self) -> Option<Fd> {
        use rustix::fd::AsRawFd;
        let directory = self.directories[MEMORY].as_ref().filter(|_| self.version == Version::V1)?;
        let notice = fd::event().ok()?;
        let control = open_file(directory.as_fd(), c"memory.oom_control", OFlags::RDONLY).ok()?;
        let mut line = [0; 32];
        let mut line = Text::new(&mut line);
        line.number(notice.as_fd().as_raw_fd() as u64).push(b" ").number(control.as_fd().as_raw_fd() as u64);
        write_file(directory.as_fd(), c"cgroup.event_control", line.as_bytes()).ok()?;
        Some(notice)
    }

    fn read<'b>(&self, slot: usize, file: &CStr, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        read_file(self.directories.get(slot)?.as_ref()?.as_fd(), file, buffer).ok()
    }

    fn number(&self, slot: usize, file: &CStr) -> Option<u64> {
        let mut buffer = [0; 32];
        parse_number(self.read(slot, file, &mut buffer)?.trim_ascii_end())
    }
}

/// `total`, divided as `part` is to `rest`.
fn share(total: u64, part: u64, rest: u64) -> u64 {
    let whole = part as f64 + rest as f64;
    // 53 bits are microseconds of centuries. Nothing of nothing is NaN, which becomes 0.
    (total as f64 * (part as f64 / whole)) as u64
}

/// The number behind `key` in lines of `KEY NUMBER`.
fn keyed(text: &[u8], key: &[u8]) -> Option<u64> {
    text.split(|byte| *byte == b'\n').find_map(|line| parse_number(behind(behind(line, key)?, b" ")?))
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace)
}

fn writable(directory: BorrowedFd<'_>, file: &CStr) -> bool {
    rustix::fs::accessat(directory, file, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<Fd, Errno> {
    open_file(parent, name, OFlags::RDONLY | OFlags::DIRECTORY)
}

fn open_file(directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<Fd, Errno> {
    fd::open_at(directory, name, flags | OFlags::CLOEXEC, Mode::empty())
}

/// Reads a small file of the kernel in one go; what does not fit in `buffer` is cut off.
pub fn read_file<'b>(
    directory: BorrowedFd<'_>,
    name: &CStr,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Errno> {
    let file = open_file(directory, name, OFlags::RDONLY)?;
    let len = rustix::io::read(&file, &mut *buffer)?;
    Ok(buffer.get(..len).unwrap_or_default())
}

/// Writes a small file of the kernel in one go.
pub fn write_file(directory: BorrowedFd<'_>, name: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    let file = open_file(directory, name, OFlags::WRONLY)?;
    rustix::io::write(&file, bytes).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERSHIPS: &[u8] = b"9:name=systemd:/\n4:memory:/judge/a\n2:cpu,cpuacct:/b\n0::/user.slice\n";

    #[test]
    fn our_own_cgroup_is_found_by_controller() {
        assert_eq!(membership(MEMBERSHIPS, b"memory"), Some(&b"/judge/a"[..]));
        assert_eq!(membership(MEMBERSHIPS, b"cpuacct"), Some(&b"/b"[..]));
        assert_eq!(membership(MEMBERSHIPS, b"pids"), None);
        assert_eq!(membership(MEMBERSHIPS, b""), Some(&b"/user.slice"[..]));
    }

    #[test]
    fn above_a_cgroup_are_its_parents_up_to_the_root() {
        let all = |path: &'static [u8]| self_and_above(path).collect::<Vec<_>>();
        assert_eq!(all(b"/judge/a"), [&b"/judge/a"[..], b"/judge", b"/"]);
        assert_eq!(all(b"/"), [b"/"]);
    }

    #[test]
    fn a_share_keeps_the_total() {
        assert_eq!(share(100, 3, 1), 75);
        assert_eq!(share(u64::MAX, 1, 0), u64::MAX);
        assert_eq!(share(5, 0, 0), 0);
    }

    #[test]
    fn a_key_is_matched_whole() {
        let events = b"low 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(keyed(events, b"oom_kill"), Some(2));
        assert_eq!(keyed(events, b"oom"), Some(3));
        assert_eq!(keyed(events, b"kill"), None);
    }
}
