//! The attacks: every probe in a sandbox, where it must be blocked.

use super::{PROBE, case};
use crate::case::{Case, Expect};
use crate::plan::Step;
use crate::probe::{Attack, Control, Outcome, attacks};
use crate::suite::Suite;

/// Every probe in a sandbox.
pub fn cases() -> Vec<Case> {
    attacks().map(|attack| in_sandbox(attack, Outcome::Blocked)).collect()
}

/// The controls: the same probes as root without any sandbox. One that does not escape there proves nothing here.
pub fn controls() -> Vec<Case> {
    let escaping = attacks().filter(|attack| attack.control == Control::Bare);
    escaping
        .map(|attack| {
            let probe = format!("{}/probe", crate::initramfs::PROBES);
            let step = Step::bare(attack.name, &arguments(&probe, attack.name));
            case(Suite::Controls, step, attack.ids, vec![Expect::Attack(Outcome::Escaped)])
        })
        .collect()
}

/// This attack in a sandbox, with the outcome that is expected.
pub(crate) fn in_sandbox(attack: &Attack, expected: Outcome) -> Case {
    let step = Step::sandbox(attack.name, &arguments(PROBE, attack.name));
    case(Suite::Attacks, step, attack.ids, vec![Expect::Attack(expected)])
}

/// The probe's command line for an attack.
pub fn arguments<'a>(probe: &'a str, name: &'a str) -> [&'a str; 7] {
    [probe, "attack", name, "{canary}", "{pid}", "{port}", "{socket}"]
}
