//! The start of the submission, and what comes before it where the submission first gets ready: it is started at once, stops
//! itself when it is warm, and its run starts when it goes on.

use rustix::io::Errno;
use rustix::process::Pid;

use super::Run;
use crate::error::{Call, Step, Subject, at};
use crate::streams::Pump;

/// How far a submission is that gets ready before its run starts.
#[derive(Clone, Copy, Default)]
pub(super) struct WarmUp {
    pub(super) process: Option<Pid>,
    /// Whether it has stopped itself.
    pub(super) is_warm: bool,
    /// What it had used when it was told to go on.
    pub(super) used: Option<u64>,
}

impl Run<'_> {
    /// Not before the caller has said so, nor before there is a terminal of the right size, nor before the submission is warm.
    pub(super) fn send_go_if_ready(&mut self) {
        let is_warm = self.warms_up().is_none_or(|warm_up| warm_up.is_warm);
        if self.start_on.is_none() && self.for_terminal.is_none() && is_warm {
            if let Some(warm_up) = self.warms_up() {
                // It is stopped, so the account stands.
                let used = Some(self.watch.warmed_up(warm_up.process));
                self.warm_up = Some(WarmUp { used, ..warm_up });
            }
            self.pumps.iter().flatten().for_each(Pump::begin);
            let _ = self.channel.send_go(); // a dead PID 1 has left a message that says why
        }
    }

    /// In init none does, and it has no code for it.
    pub(super) fn warms_up(&self) -> Option<WarmUp> {
        self.warm_up.filter(|_| cfg!(feature = "serve"))
    }

    pub(super) fn waits_for_caller(&self) -> bool {
        self.start_on.is_some() && self.warms_up().is_none_or(|warm_up| warm_up.is_warm)
    }

    /// The submission has stopped itself.
    pub(super) fn note_warm(&mut self) {
        if let Some(warm_up) = self.warms_up() {
            self.warm_up = Some(WarmUp { is_warm: true, ..warm_up });
            self.send_go_if_ready();
        }
    }

    /// The submission is about to exec, or is warm and goes on: then the message comes from PID 1.
    pub(super) fn start(&mut self, at: u64, cpu: u64, sender: Option<Pid>) {
        match self.warms_up() {
            Some(WarmUp { process, used: Some(used), .. }) => self.watch.start(at, used, process),
            Some(warm_up) => self.warm_up = Some(WarmUp { process: sender, ..warm_up }),
            None => self.watch.start(at, cpu, sender),
        }
    }

    /// The submission ended before its run started. That is no verdict, whatever ended it.
    pub(super) fn ended_early(&mut self) {
        if (self.error, self.not_executed) == (None, None) {
            self.error = Some(at(Step::Start, Call::Died, Subject::Command)(Errno::CANCELED));
        }
    }
}
