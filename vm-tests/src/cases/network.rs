//! What network a submission has, by `--net`.

use super::{PROBE, attacks, case};
use crate::case::{Case, Expect};
use crate::message::Observation;
use crate::plan::Step;
use crate::probe::Outcome;
use crate::suite::Suite;

/// The case with the host's network is for VMs: it talks to the host's services.
pub(crate) fn cases() -> Vec<Case> {
    let step = |name: &str, argv: &[&str], options: &[&str]| Step::sandbox(name, argv).with(options);
    let loopback = [PROBE, "verdict", "loopback"];
    let service = attacks::arguments(PROBE, "network/loopback-service");
    let refused = vec![Expect::Exit(125), Expect::Status("sandbox-error".into()), Expect::Rule(is_named)];
    vec![
        case(
            Suite::Network,
            step("none has no internet sockets", &loopback, &["--net", "none"]),
            &["NET-15"],
            vec![Expect::Exit(libc::EAFNOSUPPORT), Expect::Rule(is_its_own)],
        ),
        case(
            Suite::Network,
            step("loopback talks to itself", &loopback, &["--net", "loopback"]),
            &["NET-15"],
            vec![Expect::Exit(0), Expect::Stdout("hello\n".into()), Expect::Rule(is_its_own)],
        ),
        Case {
            contained: false,
            ..case(
                Suite::Network,
                step("host reaches the host's services, and says so", &service, &["--net", "host"]),
                &[],
                vec![Expect::Attack(Outcome::Escaped), Expect::Rule(is_the_hosts)],
            )
        },
        case(
            Suite::Network,
            step(
                "host is none for who insists",
                &service,
                &["--net", "host", "--require", "network-namespace"],
            ),
            &[],
            refused,
        ),
    ]
}

/// The error names the guard for which the run does not start.
fn is_named(seen: &Observation) -> Result<(), String> {
    let report = seen.report()?;
    match report["error"]["subject"].as_str() {
        Some("network-namespace") => Ok(()),
        other => Err(format!("the error names {other:?}")),
    }
}

fn is_its_own(seen: &Observation) -> Result<(), String> {
    namespace_is(seen, "on")
}

fn is_the_hosts(seen: &Observation) -> Result<(), String> {
    namespace_is(seen, "off")
}

fn namespace_is(seen: &Observation, wanted: &str) -> Result<(), String> {
    match seen.guard("network-namespace") {
        Some(state) if state == wanted => Ok(()),
        other => Err(format!("the network namespace is {other:?}, not {wanted:?}")),
    }
}
