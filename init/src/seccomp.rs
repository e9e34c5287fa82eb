//! The system-call filter: the policy as data, and its installation as the submission's last act before execve(2).
//!
//! The policy is `init/policy/default.policy`, compiled when init is built, or a file that `capsule seccomp compile`
//! made. Which calls it allows and why stands there.
//!
//! A forbidden call does not simply die of SIGSYS: that death looks like `raise(SIGSYS)`, a parent never learns the number,
//! and nobody learns of a child's. Instead the call waits for a listener (SECCOMP_RET_USER_NOTIF), which is PID 1: it
//! reports number and architecture, and the run ends. The call is never made, even if no process listens any more (then
//! the kernel answers ENOSYS).
//!
//! A signal with a handler ends that wait, also before the listener has read anything, and then no descriptor becomes
//! readable: poll(2) misses such a call. But the kernel has counted it: SECCOMP_IOCTL_NOTIF_RECV returns once for each
//! call that ever waited, with ENOENT where it does not wait any more. So PID 1 does not poll, it sleeps in that ioctl,
//! and calls it once more when all others are dead. Since Linux 6.11 it also returns ENOENT when no process is left
//! under the filter; so PID 1 is under it itself. Hence two filters: PID 1 has one that only reports, and the
//! submission's process adds one with all other answers. The kernel translates each of them to machine code, which takes
//! it longer than any other call of a run's set-up but those for namespaces: so the one that reports holds no more.
//!
//! Where an outer sandbox listens already, the kernel allows no second listener, and a forbidden call dies of SIGSYS.
#![deny(unsafe_code)]

use core::ffi::CStr;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::arch::{AUDIT_ARCH, FOREIGN_ABI, SECOND_ABI_BIT};
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::{Guard, Guards, Reason};
use crate::mounts::Devices;
use crate::options::{Net, SeccompChoice};
use crate::setup::Setup;
use crate::sys::fd::Fd;
use crate::sys::{self, Instruction, Notification};

// Shared with the builder, to which all of it is public.
#[allow(unreachable_pub)]
#[path = "../policy/image.rs"]
mod image;

pub(crate) use image::Image;
use image::{Defect, MAX_IMAGE};

const _: () =
    assert!(MAX_IMAGE == size_of::<sys::PolicyBuffer>(), "a policy fits, and one byte more does not");

static DEFAULT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/default.policy.bin"));

/// The policy that a run asks for; `None` without a filter.
///
/// # Errors
/// A file that cannot be read, is not a compiled policy (ENOEXEC), or is one for another version or machine (EINVAL).
pub(crate) fn load(choice: SeccompChoice<'_>, guards: &mut Guards) -> Result<Option<Image<'static>>, Error> {
    if choice == SeccompChoice::Off {
        guards.remove(Guard::Seccomp);
    }
    if !guards.has(Guard::NoNewPrivs) && guards.has(Guard::Seccomp) {
        // The kernel demands it: a set-user-ID program could be fooled by a filter that its caller installed
        // (seccomp(2)).
        guards.mark_unavailable(Guard::Seccomp, Reason::NeedsNoNewPrivs);
    }
    if !guards.has(Guard::Seccomp) {
        return Ok(None);
    }
    let bytes = match choice {
        SeccompChoice::File(path) => read(path)?,
        SeccompChoice::Default | SeccompChoice::Off => DEFAULT,
    };
    let errno = |defect| match defect {
        Defect::NotAPolicy => Errno::NOEXEC,
        _ => Errno::INVAL,
    };
    let refuse = |defect| at(Step::Seccomp, Call::Read, Subject::Policy)(errno(defect));
    Image::parse(bytes, AUDIT_ARCH).map(Some).map_err(refuse)
}

/// The whole file; one that is longer than any policy is cut, and refused for it later.
fn read(path: &CStr) -> Result<&'static [u8], Error> {
    let fail = |call| at(Step::Seccomp, call, Subject::Policy);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = sys::fd::open(path, flags, Mode::empty()).map_err(fail(Call::Open))?;
    let buffer = sys::policy_buffer();
    let mut len = 0;
    loop {
        let room = buffer.get_mut(len..).unwrap_or_default();
        match rustix::io::read(&file, room).map_err(fail(Call::Read))? {
            0 => return Ok(buffer.get(..len).unwrap_or_default()),
            more => len += more,
        }
    }
}

/// Where forbidden calls wait.
pub(crate) struct Listener {
    pub(crate) fd: Fd,
    /// Whether it learns of each. Not of those that PID 1 or set-up makes itself, where a policy forbids one.
    pub(crate) hears_all: bool,
}

/// The two filters of a run.
pub(crate) struct Filters {
    /// PID 1's, which all processes of the sandbox inherit: forbidden calls wait for the listener.
    reports: &'static [Instruction],
    /// The submission's: all other answers.
    answers: &'static mut [Instruction],
}

impl Filters {
    /// The filters of a policy for this run.
    pub(crate) fn new(policy: &Image<'_>, setup: &Setup<'_>, devices: Devices) -> Filters {
        let mode = mode(setup.options.net, devices, can_write_to_disk(setup));
        let mut programs = policy.programs(mode, sys::program_buffer());
        if cfg!(capsule_mutation = "no-arch-check") {
            programs.iter_mut().for_each(|program| take_every_architecture(program));
        }
        let [answers, reports] = programs;
        Filters { reports, answers }
    }

    /// Makes forbidden calls of all processes that this one will fork wait for the listener that is returned
    /// (close-on-exec). `None` where an outer sandbox has one.
    ///
    /// # Errors
    /// As seccomp(2): EINVAL for a program that the kernel's checker refuses.
    pub(crate) fn listen(&mut self) -> Result<Option<Listener>, Errno> {
        let listener = match sys::add_filter(self.reports, true) {
            // An outer sandbox (or container runtime) listens: one listener for all filters of a process (seccomp(2)).
            Err(Errno::BUSY) => None,
            added => added?.map(|fd| Listener { fd, hears_all: !self.answers.contains(&KILL) }),
        };
        // Before this process forks: the submission's has nothing to change, and so no page of its own to make for it.
        leave_to_listener(self.answers, listener.is_some());
        Ok(listener)
    }

    /// Installs the submission's filter on this process and all that it becomes; no_new_privs has to be set.
    ///
    /// # Errors
    /// As seccomp(2): EINVAL for a program that the kernel's checker refuses, EACCES without no_new_privs.
    pub(crate) fn install(&self) -> Result<(), Errno> {
        sys::add_filter(self.answers, false).map(drop)
    }
}

/// Changes what the submission's filter answers to a forbidden call. Of two filters' answers the stricter one counts, and
/// waiting for the listener is less strict than all but to allow (seccomp(2)). Without a listener it is this filter that
/// has to end the process.
fn leave_to_listener(answers: &mut [Instruction], is_heard: bool) {
    let instead = if is_heard { ALLOW } else { KILL };
    answers.iter_mut().filter(|one| **one == NOTIFY).for_each(|one| *one = instead);
}

/// Lets calls of any architecture through, for the test that notices.
fn take_every_architecture(program: &mut [Instruction]) {
    // The second instruction compares the architecture (policy/emit.rs).
    if let Some([_, _, equal, other, ..]) = program.get_mut(1) {
        *other = *equal;
    }
}

/// Whether anything that the run can write is on the host's disks.
fn can_write_to_disk(setup: &Setup<'_>) -> bool {
    !setup.has(Guard::ReadOnlyRoot) || setup.options.binds.as_slice().iter().any(|bind| bind.writable)
}

/// Which of a policy's programs (policy/image.rs).
fn mode(net: Net, devices: Devices, writable: bool) -> u16 {
    net as u16 + 3 * devices as u16 + 6 * u16::from(writable)
}

/// `BPF_RET`, linux/bpf_common.h.
const RETURN: u8 = 0x06;
/// `ret SECCOMP_RET_USER_NOTIF`, linux/seccomp.h: how a compiled policy forbids a call.
const NOTIFY: Instruction = [RETURN, 0, 0, 0, 0x00, 0x00, 0xc0, 0x7f];
/// `ret SECCOMP_RET_KILL_PROCESS`: how it forbids one that PID 1 or set-up makes (PID 1's filter lets it through).
const KILL: Instruction = [RETURN, 0, 0, 0, 0x00, 0x00, 0x00, 0x80];
/// `ret SECCOMP_RET_ALLOW`.
const ALLOW: Instruction = [RETURN, 0, 0, 0, 0x00, 0x00, 0xff, 0x7f];

/// The name of a forbidden call, or what else is known of it; letters, digits and `_` only. Empty if nothing is.
pub(crate) fn name<'a>(call: Notification, policy: &Image<'a>) -> &'a [u8] {
    match call.arch {
        AUDIT_ARCH if call.number & SECOND_ABI_BIT != 0 => b"x32",
        AUDIT_ARCH => policy.name(call.number).unwrap_or(b"unknown"),
        arch if arch == FOREIGN_ABI.0 => FOREIGN_ABI.1,
        0 => b"",
        _ => b"foreign",
    }
}

#[cfg(test)]
mod tests {
    use super::image::MAX_INSTRUCTIONS;
    use super::*;
    use crate::guard::State;

    fn all() -> Guards {
        Guards::ALL_ON
    }

    fn default_policy() -> Image<'static> {
        Image::parse(DEFAULT, AUDIT_ARCH).unwrap()
    }

    fn count(program: &[Instruction], wanted: Instruction) -> usize {
        program.iter().filter(|instruction| **instruction == wanted).count()
    }

    #[test]
    fn the_default_policy_is_whole_and_small() {
        assert_eq!(load(SeccompChoice::Default, &mut all()), Ok(Some(default_policy())));
        assert!(DEFAULT.len() <= 2200, "{} bytes of init's 80 KiB", DEFAULT.len());
    }

    #[test]
    fn one_filter_reports_what_the_other_does_not_answer() {
        let mode = mode(Net::Loopback, Devices::Own, false);
        let mut buffer = [[0; 8]; MAX_INSTRUCTIONS];
        let [original, reports] =
            default_policy().programs(mode, &mut buffer).map(|program| program.to_vec());
        let made = |is_heard| {
            let mut answers = original.clone();
            leave_to_listener(&mut answers, is_heard);
            answers
        };
        let kills = count(&original, NOTIFY);
        assert!(kills > 0 && count(&original, KILL) == 0, "the default policy kills nothing that init calls");
        let [answers, alone] = [true, false].map(made);
        assert!(count(&reports, NOTIFY) > 0);
        assert!(reports.iter().all(|one| one[0] != RETURN || *one == NOTIFY || *one == ALLOW));
        assert_eq!((count(&answers, NOTIFY), count(&answers, KILL)), (0, 0));
        assert_eq!((count(&alone, NOTIFY), count(&alone, KILL)), (0, kills));
    }

    #[test]
    fn none_differs_from_loopback_and_loopback_is_host_and_the_hosts_devices_make_a_difference() {
        let program = |net, devices| {
            default_policy().programs(mode(net, devices, false), &mut [[0; 8]; MAX_INSTRUCTIONS])[0].to_vec()
        };
        for devices in [Devices::Own, Devices::Host] {
            assert_ne!(program(Net::None, devices), program(Net::Loopback, devices));
            assert_eq!(program(Net::Host, devices), program(Net::Loopback, devices));
        }
        assert_ne!(program(Net::Host, Devices::Own), program(Net::Host, Devices::Host));
    }

    #[test]
    fn a_violation_has_a_name_for_the_report() {
        let name = |arch, number| name(Notification { arch, number }, &default_policy());
        assert_eq!(name(AUDIT_ARCH, 169), b"reboot");
        assert_eq!(name(AUDIT_ARCH, 0x4000_0000 | 39), b"x32");
        assert_eq!(name(FOREIGN_ABI.0, 20), b"i386");
        assert_eq!(name(AUDIT_ARCH, 0), b"unknown");
        assert_eq!(name(0xc000_00b7, 1), b"foreign");
        assert_eq!(name(0, 0), b"");
    }

    #[test]
    fn a_file_that_is_not_a_policy_is_refused() {
        let refused = |path| load(SeccompChoice::File(path), &mut all()).unwrap_err();
        assert_eq!(refused(c"/bin/sh").errno(), Errno::NOEXEC);
        assert_eq!(refused(c"/nonexistent").call(), Call::Open);
    }

    #[test]
    fn a_run_without_the_filter_says_so() {
        let mut guards = all();
        assert_eq!(load(SeccompChoice::Off, &mut guards), Ok(None));
        assert_eq!(guards.state(Guard::Seccomp), State::Off);
        let mut guards = all();
        guards.remove(Guard::NoNewPrivs);
        assert_eq!(load(SeccompChoice::Default, &mut guards), Ok(None));
        assert!(matches!(guards.state(Guard::Seccomp), State::Unavailable(_)));
    }
}
