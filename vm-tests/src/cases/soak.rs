//! The soak in a VM: a short form, for the cgroup hierarchies and kernels that this host does not have.

use super::case;
use crate::case::{Case, Expect};
use crate::initramfs::PROBES;
use crate::plan::Step;

/// A minute's work under emulation on a slow machine.
const RUNS: &str = "30";
const KILLS: &str = "20";
/// Only what hangs takes longer: how fast the machine is, is nothing that a soak finds out.
const LIMIT_MS: u64 = 300_000;

/// The suite. The agent does the soak, as a step like any other.
pub fn cases() -> Vec<Case> {
    [("root", "root"), ("an ordinary user", "user")].map(|(who, identity)| soak(who, identity)).into()
}

fn soak(who: &str, identity: &str) -> Case {
    let seed = fastrand::u32(..).to_string();
    let words = ["/vm-tests/agent", "soak", "/init", "/rootfs", PROBES, identity, RUNS, KILLS, &seed];
    let step = Step { limit_ms: LIMIT_MS, ..Step::bare(format!("soak/by {who}"), &words) };
    case(step, &["PR-11", "JDG-27"], vec![Expect::Exit(0)])
}
