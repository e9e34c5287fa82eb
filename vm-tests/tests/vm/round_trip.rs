//! A plan goes into a VM and observations come back, without any sandbox in between.

use vm_tests::case::Verdict;
use vm_tests::cases::attacks::controls;
use vm_tests::kernel::Kernel;
use vm_tests::matrix::judge;
use vm_tests::message::End;
use vm_tests::plan::Step;
use vm_tests::processor::Processor;

use crate::world::{PATIENT, boot, plan};

const PROBE: &str = "/vm-tests/probes/probe";

#[test]
fn steps_are_run_in_order_and_reported_as_they_ended() {
    let agent = "/vm-tests/agent";
    let mut overdue = Step::bare("never ends", &[PROBE, "verdict", "sleep"]);
    overdue.limit_ms = 500;
    let plan = plan(vec![
        Step::bare("wrong arguments", &[agent, "nonsense"]),
        Step::bare("missing program", &["/nowhere"]),
        overdue,
    ]);
    let session = boot("agent", Some(&plan)).run(PATIENT).unwrap_or_else(|failure| panic!("{failure}"));
    let ends: Vec<End> = session.observations.iter().map(|seen| seen.end).collect();
    assert_eq!(ends, [End::Code(1), End::Unstarted, End::Overdue], "{:?}", session.observations);
    assert!(session.observations[0].stderr.contains("error: agent:"), "{:?}", session.observations[0]);
    assert!(session.observations.iter().all(|seen| seen.leftovers.is_empty()), "{:?}", session.observations);
    assert!(session.hello.kernel.starts_with("6.1"), "{:?}", session.hello);
}

#[test]
fn debians_kernels_are_started_unpacked() {
    for series in ["6.1", "6.12"] {
        let kernel = Kernel::of_series(series, Processor::HERE).unwrap();
        assert_eq!(kernel.unpacked.as_ref().err(), None, "{series}");
        assert_ne!(kernel.file(), kernel.image, "{series}");
    }
}

#[test]
fn what_a_step_leaves_behind_is_named() {
    let plan = plan(vec![
        Step::bare("clean", &[PROBE, "verdict", "hello"]),
        Step::bare("daemon", &[PROBE, "verdict", "daemon"]),
        Step::bare("clean again", &[PROBE, "verdict", "hello"]),
    ]);
    let session = boot("agent", Some(&plan)).run(PATIENT).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(session.observations[0].leftovers.is_empty(), "{:?}", session.observations[0]);
    assert!(session.observations[2].leftovers.is_empty(), "{:?}", session.observations[2]);
    assert!(
        session.observations[1].leftovers.iter().any(|left| left.contains("(probe)")),
        "{:?}",
        session.observations[1]
    );
}

#[test]
fn every_control_escapes_where_there_is_no_sandbox() {
    let cases = controls();
    let plan = plan(cases.iter().map(|case| case.step.clone()).collect());
    let session = boot("agent", Some(&plan)).run(PATIENT).unwrap_or_else(|failure| panic!("{failure}"));
    let rows = judge("no sandbox", &cases, &session.observations, &session.hello.secret);
    let failed: Vec<_> = rows.iter().filter(|row| row.verdict != Verdict::Passed).collect();
    assert!(failed.is_empty() && !rows.is_empty(), "{failed:#?}");
}
