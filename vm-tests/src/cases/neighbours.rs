//! Two runs at the same time: one plants a token in a channel, the other must not find it.

use super::{PROBE, case};
use crate::case::{Case, Expect};
use crate::plan::Step;
use crate::probe::Outcome;
use crate::probe::channel::{Channel, channels};
use crate::suite::Suite;

/// Both in sandboxes, where nothing is seen.
pub(crate) fn cases() -> Vec<Case> {
    let plain =
        channels().map(|channel| pair(Suite::Neighbours, channel, Step::sandbox, PROBE, Outcome::Blocked));
    plain.chain(channels().filter(|channel| is_of_devices(channel)).map(in_user_namespaces)).collect()
}

/// The same with `--userns`: inside, root cannot make device nodes either.
fn in_user_namespaces(channel: &Channel) -> Case {
    let case = pair(Suite::Neighbours, channel, Step::sandbox, PROBE, Outcome::Blocked);
    let mut step = case.step.with(&["--userns"]);
    step.name.push_str(", in user namespaces");
    Case { step, ..case }
}

/// The controls: both without a sandbox, where every channel carries.
pub(crate) fn controls() -> Vec<Case> {
    let probe = format!("{}/probe", crate::initramfs::PROBES);
    channels().map(|channel| pair(Suite::Controls, channel, Step::bare, &probe, Outcome::Escaped)).collect()
}

fn pair(
    suite: Suite,
    channel: &Channel,
    place: fn(String, &[&str]) -> Step,
    probe: &str,
    expected: Outcome,
) -> Case {
    let side = |of| side(probe, channel.name, of);
    let name = match suite {
        Suite::Controls => format!("neighbour/{}", channel.name),
        _ => channel.name.to_string(),
    };
    let mut step = place(name, &side("look"));
    step.neighbour = Some(side("plant").map(str::to_string).into());
    case(suite, step, channel.ids, vec![Expect::Attack(expected)])
}

/// What one of the two runs.
pub(super) fn side<'a>(probe: &'a str, channel: &'a str, side: &'a str) -> [&'a str; 5] {
    [probe, "channel", channel, side, "{token}"]
}

fn is_of_devices(channel: &Channel) -> bool {
    channel.name.starts_with("device-")
}
