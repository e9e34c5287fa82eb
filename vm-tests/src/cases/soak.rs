//! The soak in a VM: a short form, for the cgroup hierarchies and kernels that this host does not have.

use super::case;
use crate::case::{Case, Expect};
use crate::initramfs::PROBES;
use crate::plan::Step;
use crate::suite::Suite;

/// A minute's work under emulation on a slow machine.
const RUNS: &str = "30";
const KILLS: &str = "20";
/// Only a soak that hangs takes longer, on the slowest machine too.
const LIMIT_MS: u64 = 300_000;

/// The agent does the soak, as a step like any other.
pub(crate) fn cases() -> Vec<Case> {
    [("root", "root"), ("an ordinary user", "user")].map(|(who, identity)| soak(who, identity)).into()
}

fn soak(who: &str, identity: &str) -> Case {
    let seed = fastrand::u32(..).to_string();
    let argv = ["/vm-tests/agent", "soak", "/init", "/rootfs", PROBES, identity, RUNS, KILLS, &seed];
    let step = Step { limit_ms: LIMIT_MS, ..Step::bare(format!("by {who}"), &argv) };
    case(Suite::Soak, step, &["PR-11", "JDG-27"], vec![Expect::Exit(0)])
}
