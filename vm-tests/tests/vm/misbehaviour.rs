//! Every way in which a guest can fail has a cause of its own, within the deadline, with a transcript.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use vm_tests::case::{Case, Verdict};
use vm_tests::cases::attacks;
use vm_tests::frame::FrameError;
use vm_tests::message::End;
use vm_tests::plan::{Plan, Step};
use vm_tests::vm::Cause;

use crate::world::{self, PATIENT, boot, not_ready};

#[test]
fn a_kernel_panic_is_a_failure_that_shows_the_panic() {
    let failure = boot("panic", None).run(PATIENT).unwrap_err();
    assert!(
        matches!(&failure.cause, Cause::Panic(line) if line.contains("Attempted to kill init")),
        "{failure}"
    );
    assert!(failure.transcript.console.contains("fixture: READY"), "{failure}");
}

#[test]
fn a_guest_that_hangs_is_a_failure_at_the_deadline() {
    not_ready("hang", "fixture: READY");
}

#[test]
fn output_on_the_console_does_not_count_as_life() {
    not_ready("chatter", "12 passed, 0 failed");
}

#[test]
fn a_forged_pass_is_a_failure() {
    let failure = boot("forge", None).run(PATIENT).unwrap_err();
    assert!(matches!(failure.cause, Cause::Frames(FrameError::WrongDigest(0))), "{failure}");
}

/// Without a sandbox, where it has every descriptor that it could ever get hold of.
fn plan(program: &[&str]) -> Plan {
    let argv: Vec<&str> = ["/vm-tests/probes/probe", "verdict"].iter().chain(program).copied().collect();
    let steps = vec![
        Step::bare("liar", &argv),
        Step::bare("honest", &["/vm-tests/probes/probe", "verdict", "hello"]),
    ];
    world::plan(steps)
}

#[test]
fn a_probe_that_prints_a_forged_pass_has_failed() {
    let plan = plan(&["forge", "0"]);
    let session = boot("agent", Some(&plan)).run(PATIENT).unwrap_or_else(|failure| panic!("{failure}"));
    let liar = &session.observations[0];
    assert!(liar.end == End::Code(0) && liar.stdout.contains("12 passed, 0 failed"), "{liar:?}");
    let attack = attacks::cases().into_iter().find(|case| case.finding(liar).is_none()).unwrap();
    let case = Case { step: plan.steps[0].clone(), contained: false, ..attack };
    let Verdict::Failed(why) = case.judge(liar, &session.hello.secret) else { panic!("it passed") };
    assert!(why[0].starts_with("the probe printed "), "{why:?}");
    assert_eq!(session.observations[1].stdout, "hello\n", "the next step was harmed");
}

#[test]
fn a_probe_that_gets_at_the_results_port_ends_the_run() {
    let failure = boot("agent", Some(&plan(&["scribble", "0"]))).run(PATIENT).unwrap_err();
    assert!(matches!(failure.cause, Cause::Frames(FrameError::NotAFrame(_))), "{failure}");
}

#[test]
fn a_frame_cut_in_the_middle_is_a_failure() {
    let failure = boot("half-frame", None).run(PATIENT).unwrap_err();
    assert!(matches!(failure.cause, Cause::Frames(FrameError::CutShort { seq: 0, .. })), "{failure}");
}

#[test]
fn a_guest_that_powers_off_without_a_frame_is_a_failure() {
    let failure = boot("power-off", None).run(PATIENT).unwrap_err();
    assert!(matches!(failure.cause, Cause::Died(_, 0)), "{failure}");
}

#[test]
fn a_killed_qemu_is_a_failure_at_once() {
    let booted = boot("hang", None);
    let pid = Pid::from_raw(i32::try_from(booted.vm.pid()).unwrap()).unwrap();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        kill_process(pid, Signal::KILL).unwrap();
    });
    // Not by a deadline: those have causes of their own.
    let failure = booted.run(PATIENT).unwrap_err();
    assert!(matches!(failure.cause, Cause::Died(..)), "{failure}");
}
