//! Every way a guest can fail is told apart, within the deadline, with what it said.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use vm_tests::frame::FrameError;
use vm_tests::vm::Cause;

use crate::world::{boot, deadlines};

#[test]
fn a_kernel_panic_is_a_failure_that_shows_the_panic() {
    let failure = boot("panic", None).run(deadlines(60, 60)).unwrap_err();
    assert!(
        matches!(&failure.cause, Cause::Panic(line) if line.contains("Attempted to kill init")),
        "{failure}"
    );
    assert!(failure.transcript.console.contains("fixture: READY"), "{failure}");
}

#[test]
fn a_guest_that_hangs_is_a_failure_at_the_deadline() {
    let begun = Instant::now();
    let failure = boot("hang", None).run(deadlines(15, 60)).unwrap_err();
    assert!(matches!(failure.cause, Cause::NotReady(_)), "{failure}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(failure.transcript.console.contains("fixture: READY"), "{failure}");
}

#[test]
fn talk_on_the_console_does_not_count_as_life() {
    let failure = boot("chatter", None).run(deadlines(15, 60)).unwrap_err();
    assert!(matches!(failure.cause, Cause::NotReady(_)), "{failure}");
    assert!(failure.transcript.console.contains("12 passed, 0 failed"), "{failure}");
}

#[test]
fn a_forged_pass_is_a_failure() {
    let failure = boot("forge", None).run(deadlines(60, 60)).unwrap_err();
    assert!(matches!(failure.cause, Cause::Frames(FrameError::WrongDigest(0))), "{failure}");
}

#[test]
fn a_frame_cut_in_the_middle_is_a_failure() {
    let failure = boot("half-frame", None).run(deadlines(60, 60)).unwrap_err();
    assert!(matches!(failure.cause, Cause::Frames(FrameError::CutShort { seq: 0, .. })), "{failure}");
}

#[test]
fn a_guest_that_powers_off_without_a_word_is_a_failure() {
    let failure = boot("power-off", None).run(deadlines(60, 60)).unwrap_err();
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
    let begun = Instant::now();
    let failure = booted.run(deadlines(60, 60)).unwrap_err();
    assert!(matches!(failure.cause, Cause::Died(..)), "{failure}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
