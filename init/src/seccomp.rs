//! The system-call filter: the policy as data, and its installation as the submission's last act before execve(2).
//!
//! The policy is `init/policy/default.policy`, compiled when init is built, or a file that `capsule seccomp compile`
//! made. Which calls it allows and why stands there.
//!
//! A forbidden call does not simply die of SIGSYS: nobody could tell that death from `raise(SIGSYS)`, and a parent
//! never learns the number. Instead the filter tells the supervisor (SECCOMP_RET_USER_NOTIF), which notes number and
//! architecture and ends the run. Nothing is decided there: the call is never made, whatever the supervisor does and
//! even if it is dead (then it answers ENOSYS). Where an outer sandbox listens already, the kernel allows no second
//! listener, and the filter kills with SIGSYS as written.
#![deny(unsafe_code)]

use core::ffi::CStr;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::{Guard, Guards};
use crate::mounts::Devices;
use crate::options::{Net, SeccompChoice};
use crate::sys::fd::Fd;
use crate::sys::{self, Instruction};

#[path = "../policy/image.rs"]
mod image;

use image::{Defect, MAX_INSTRUCTIONS};
pub use image::{Image, MAX_IMAGE};

/// `AUDIT_ARCH_X86_64`, linux/audit.h.
const ARCH: u32 = 0xc000_003e;
/// `AUDIT_ARCH_I386`, linux/audit.h.
const ARCH_I386: u32 = 0x4000_0003;
/// `__X32_SYSCALL_BIT`, asm/unistd.h.
const X32_BIT: u32 = 0x4000_0000;

static DEFAULT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/default.policy.bin"));

/// The policy that a run asks for; `None` if it wants no filter, or cannot have one.
///
/// # Errors
/// A file that cannot be read, or is no compiled policy (ENOEXEC), or none for this version and machine (EINVAL).
pub fn load(choice: SeccompChoice<'_>, guards: &mut Guards) -> Result<Option<Image<'static>>, Error> {
    if choice == SeccompChoice::Off {
        guards.remove(Guard::Seccomp);
    }
    if !guards.has(Guard::NoNewPrivs) && guards.has(Guard::Seccomp) {
        // Or a set-user-ID program could be fooled by what the filter refuses: the kernel insists.
        guards.unavailable(Guard::Seccomp, "a filter needs no_new_privs");
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
    Image::parse(bytes, ARCH).map(Some).map_err(refuse)
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

/// Installs the filter on this process and all that it becomes; no_new_privs has to be set.
///
/// Returns the listener that tells of forbidden calls (close-on-exec), or `None` where an outer sandbox has one, and
/// forbidden calls die of SIGSYS.
///
/// # Errors
/// As seccomp(2): EINVAL for a program that the kernel's checker refuses, EACCES without no_new_privs.
pub fn install(policy: &Image<'_>, net: Net, devices: Devices) -> Result<Option<Fd>, Errno> {
    let mut buffer = [[0; size_of::<Instruction>()]; MAX_INSTRUCTIONS];
    let program = policy.program(mode(net, devices), &mut buffer);
    replace(program, KILL, TELL);
    if cfg!(capsule_mutation = "no-arch-check")
        && let Some([_, _, equal, other, ..]) = program.get_mut(1)
    {
        *other = *equal; // the second instruction compares the architecture (policy/emit.rs)
    }
    match sys::seccomp_listen(program) {
        Ok(listener) => Ok(Some(listener)),
        Err(Errno::BUSY) => {
            replace(program, TELL, KILL);
            sys::seccomp_set_mode_filter(0, program).map(|_| None)
        }
        Err(errno) => Err(errno),
    }
}

/// Which of a policy's programs (policy/image.rs).
fn mode(net: Net, devices: Devices) -> u16 {
    net as u16 + 3 * devices as u16
}

/// `ret SECCOMP_RET_KILL_PROCESS`, linux/seccomp.h: the only way in which a compiled policy forbids a call.
const KILL: Instruction = [0x06, 0, 0, 0, 0x00, 0x00, 0x00, 0x80];
/// `ret SECCOMP_RET_USER_NOTIF`: the call waits, and the listener is told.
const TELL: Instruction = [0x06, 0, 0, 0, 0x00, 0x00, 0xc0, 0x7f];

fn replace(program: &mut [Instruction], old: Instruction, new: Instruction) {
    for instruction in program.iter_mut().filter(|instruction| **instruction == old) {
        *instruction = new;
    }
}

/// A forbidden call that was attempted, as the kernel told of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which table the number is of: `seccomp_data.arch`.
    pub arch: u32,
    /// The number, as it was called.
    pub number: u32,
}

impl Violation {
    /// The call's name, or what else is known of it; letters, digits and `_` only.
    pub fn name<'a>(&self, policy: &Image<'a>) -> &'a [u8] {
        match self.arch {
            ARCH if self.number & X32_BIT != 0 => b"x32",
            ARCH => policy.name(self.number).unwrap_or(b"unknown"),
            ARCH_I386 => b"i386",
            _ => b"foreign",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::State;

    fn all() -> Guards {
        Guards::ALL_ON
    }

    fn default_policy() -> Image<'static> {
        Image::parse(DEFAULT, ARCH).unwrap()
    }

    fn count(program: &[Instruction], wanted: Instruction) -> usize {
        program.iter().filter(|instruction| **instruction == wanted).count()
    }

    #[test]
    fn the_default_policy_is_whole_and_small() {
        assert_eq!(load(SeccompChoice::Default, &mut all()), Ok(Some(default_policy())));
        assert!(DEFAULT.len() <= 2500, "{} bytes of init's 64 KiB", DEFAULT.len());
    }

    #[test]
    fn telling_replaces_every_kill_and_nothing_else() {
        let mut buffer = [[0; 8]; MAX_INSTRUCTIONS];
        let program = default_policy().program(mode(Net::Loopback, Devices::Own), &mut buffer);
        let before = program.to_vec();
        let kills = count(program, KILL);
        assert!(kills > 0 && count(program, TELL) == 0);
        replace(program, KILL, TELL);
        assert!(count(program, KILL) == 0 && count(program, TELL) == kills);
        assert_eq!(before.iter().zip(program.iter()).filter(|(a, b)| a != b).count(), kills);
        replace(program, TELL, KILL);
        assert_eq!(program, before);
    }

    #[test]
    fn none_differs_from_loopback_and_loopback_is_host_and_the_hosts_devices_make_a_difference() {
        let program = |net, devices| {
            default_policy().program(mode(net, devices), &mut [[0; 8]; MAX_INSTRUCTIONS]).to_vec()
        };
        for devices in [Devices::Own, Devices::Host] {
            assert_ne!(program(Net::None, devices), program(Net::Loopback, devices));
            assert_eq!(program(Net::Host, devices), program(Net::Loopback, devices));
        }
        assert_ne!(program(Net::Host, Devices::Own), program(Net::Host, Devices::Host));
    }

    #[test]
    fn a_violation_has_a_name_for_the_report() {
        let name = |arch, number| Violation { arch, number }.name(&default_policy());
        assert_eq!(name(ARCH, 169), b"reboot");
        assert_eq!(name(ARCH, 0x4000_0000 | 39), b"x32");
        assert_eq!(name(ARCH_I386, 20), b"i386");
        assert_eq!(name(ARCH, 0), b"unknown");
        assert_eq!(name(0xc000_00b7, 1), b"foreign");
    }

    #[test]
    fn a_file_that_is_no_policy_is_refused() {
        let refused = |path| load(SeccompChoice::File(path), &mut all()).unwrap_err();
        assert_eq!(refused(c"/bin/sh").errno(), Errno::NOEXEC);
        assert_eq!(refused(c"/nonexistent").call(), Call::Open.name());
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
