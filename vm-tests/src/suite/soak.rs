//! The soak in a VM: a short form, for the cgroup hierarchies and kernels that this host does not have.

use super::case;
use crate::case::{Case, Expect};
use crate::initramfs::PROBES;
use crate::plan::Step;

/// As many as emulation does within the time that a step may be silent.
const RUNS: &str = "30";
const KILLS: &str = "20";
const LIMIT_MS: u64 = 55_000;

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
