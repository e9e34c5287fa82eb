//! Privileges, dropped in one place: first the submission's, all of them; then PID 1's, all but two.
//!
//! The rules are those of capabilities(7) and credentials(7); the order is forced by them and stands in the code.

use rustix::process::{DumpableBehavior, parent_process_death_signal, set_parent_process_death_signal};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, Gid, Uid, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
    set_capabilities_secure_bits, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::setup::Setup;

/// No way back: uid 0 means nothing, changing users changes no capability, none can be kept or made ambient.
const LOCKED: CapabilitiesSecureBits = CapabilitiesSecureBits::NO_ROOT
    .union(CapabilitiesSecureBits::NO_ROOT_LOCKED)
    .union(CapabilitiesSecureBits::NO_SETUID_FIXUP)
    .union(CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED)
    .union(CapabilitiesSecureBits::KEEP_CAPS_LOCKED)
    .union(CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE)
    .union(CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED);

const NO_CAPABILITIES: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// Makes this process the submission's user, with no capability in any of the five sets.
pub(crate) fn drop_all(setup: &Setup<'_>) -> Result<(), Error> {
    let has = |guard| setup.has(guard);
    let fail = |call| at(Step::Credentials, call, Subject::None);
    if has(Guard::Capabilities) {
        // While CAP_SETPCAP is still there: dropping from the bounding set needs it (capabilities(7)). The kernel
        // answers EINVAL past its last capability.
        let mut bit = 0;
        while remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)).is_ok() {
            bit += 1;
            if cfg!(capsule_mutation = "keep-sys-chroot")
                && bit == CapabilitySet::SYS_CHROOT.bits().trailing_zeros()
            {
                bit += 1;
            }
        }
    }
    let secure_bits = match (has(Guard::Capabilities), has(Guard::Securebits)) {
        (true, true) => LOCKED,
        (true, false) => CapabilitiesSecureBits::empty(),
        (false, _) => CapabilitiesSecureBits::NO_SETUID_FIXUP, // or the change of user would clear them
    };
    // Before the change of user, which obeys them, and while CAP_SETPCAP is there, which setting them needs (prctl(2)).
    set_capabilities_secure_bits(secure_bits).map_err(fail(Call::Prctl))?;
    if setup.identity.privileged && has(Guard::Groups) {
        // Before the change of user: setgroups(2) needs CAP_SETGID.
        set_thread_groups(&[]).map_err(fail(Call::Setgroups))?;
    }
    if setup.identity.privileged && has(Guard::Uid) {
        let judge = setup.ids.inside;
        let (uid, gid) = (Uid::from_raw(judge.uid), Gid::from_raw(judge.gid));
        set_thread_res_gid(gid, gid, gid).map_err(fail(Call::Setresgid))?;
        // After the group: the change of user takes the right to change groups, unless NO_SETUID_FIXUP holds.
        set_thread_res_uid(uid, uid, uid).map_err(fail(Call::Setresuid))?;
    }
    if has(Guard::Capabilities) {
        // The ambient set would survive execve(2), unlike the others of a process that is not root (capabilities(7)).
        clear_ambient_capability_set().map_err(fail(Call::Prctl))?;
        set_capabilities(None, NO_CAPABILITIES).map_err(fail(Call::Capset))?;
    } else {
        keep_over_exec().map_err(fail(Call::Capset))?;
    }
    // Before the filter, which the kernel refuses without it (seccomp(2)).
    if has(Guard::NoNewPrivs) {
        set_no_new_privs(true).map_err(fail(Call::Prctl))?;
    }
    Ok(())
}

/// Gives this process the effective user `uid`, beside its own one, with the capabilities that it has.
pub(crate) fn act_as(own: u32, uid: u32) -> Result<(), Error> {
    let fail = |call| at(Step::Credentials, call, Subject::None);
    // Or a change from and to root would change the capabilities (capabilities(7)). A new user namespace starts without.
    set_capabilities_secure_bits(CapabilitiesSecureBits::NO_SETUID_FIXUP).map_err(fail(Call::Prctl))?;
    let (own, signal) = (Uid::from_raw(own), parent_process_death_signal());
    set_thread_res_uid(own, Uid::from_raw(uid), own).map_err(fail(Call::Setresuid))?;
    // A change of user takes it back, and a caller may rest on it (prctl(2), PR_SET_PDEATHSIG).
    set_parent_process_death_signal(signal.unwrap_or(None)).map_err(fail(Call::Prctl))
}

/// Takes from PID 1 all but what it needs should the supervisor die: to kill what is left (CAP_KILL), and to remove the
/// cgroup from a directory in which its mode lets only root write (CAP_DAC_OVERRIDE).
///
/// It became undumpable before the submission was made ([`undumpable`]).
pub(crate) fn drop_init() -> Result<(), Error> {
    let kept = CapabilitySet::KILL.union(CapabilitySet::DAC_OVERRIDE);
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(at(Step::Credentials, Call::Capset, Subject::None))
}

/// Makes /proc/PID of this process root's alone, and ptrace(2) impossible (CVE-2016-8659, CVE-2016-9962).
pub(crate) fn undumpable(setup: &Setup<'_>) -> Result<(), Error> {
    if !setup.has(Guard::InitUndumpable) {
        return Ok(());
    }
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(at(
        Step::Credentials,
        Call::Prctl,
        Subject::None,
    ))
}

/// For `--without capabilities`: execve(2) by an ordinary user takes all capabilities but the ambient ones, so a
/// test of their absence must make them ambient.
fn keep_over_exec() -> rustix::io::Result<()> {
    let mut sets = rustix::thread::capabilities(None)?;
    // A capability must be permitted and inheritable to become ambient (capabilities(7)).
    sets.effective = sets.permitted;
    sets.inheritable = sets.permitted;
    set_capabilities(None, sets)?;
    let each = (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit));
    each.filter(|capability| sets.permitted.contains(*capability))
        .try_for_each(|capability| configure_capability_in_ambient_set(capability, true))
}
