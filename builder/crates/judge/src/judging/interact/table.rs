//! The loop around an interaction: it passes on what is said, and sees the ends.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use run::exec::Running;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde_json::Value;

use super::decide::First;
use super::fifo::Door;
use super::relay::Relay;
use super::transcript::{Speaker, Transcript};
use super::watch::{LOOK, Watch};
use super::{Ended, Interaction, Talk, Talked};
use crate::judging::facts::Facts;
use crate::judging::program::Ruled;
use crate::judging::protocol::Ruling;
use crate::problem::Verdict;

/// Between two looks at what is not expected to happen.
const LATE_LOOK: Duration = Duration::from_millis(20);
/// How long a submission may take to end by itself when nothing depends on it any more.
const GRACE: Duration = Duration::from_millis(100);

/// An interaction under way.
pub(super) struct Table<'a> {
    talk: &'a Talk<'a>,
    begin: Instant,
    users: Vec<User>,
    interactor: Option<Running>,
    /// What the interactor writes to stdout, if that is not for the submission, and to stderr.
    written: [File; 2],
    transcript: Transcript,
    /// Over the interactor, and over all that run.
    watches: [Watch; 2],
    /// Whether all were asked to end, because the work is called off.
    is_called_off: bool,
    /// Why this process ended the submission, if it did.
    ended_for: Option<EndedFor>,
    /// When a submission is ended on which nothing depends any more.
    cut_at: Option<Instant>,
    ruled: Option<(Ruled, Option<Value>)>,
}

/// A process of the submission.
pub(super) struct User {
    running: Option<Running>,
    to_user: Relay,
    to_interactor: Relay,
    /// The FIFO from it, if there is one.
    door: Option<Door>,
    errors: File,
    facts: Option<Facts>,
    /// Whether the interactor may know that it has ended.
    is_told: bool,
    /// Whether the interactor had ended before.
    first: First,
}

/// Why a submission is ended from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndedFor {
    /// It waited for too long.
    WallTime,
    /// Nothing depends on it any more.
    Nothing,
}

/// What is ready of a process: the sources and targets of the two relays, its end.
type Ready = [bool; 5];

impl User {
    pub(super) fn new(
        running: Running,
        to_user: Relay,
        to_interactor: Relay,
        door: Option<Door>,
        errors: File,
    ) -> User {
        let (running, first) = (Some(running), First::Submission);
        User { running, to_user, to_interactor, door, errors, facts: None, is_told: false, first }
    }

    /// Ends it when the interaction cannot go on.
    pub(super) fn kill(self) {
        kill(self.running);
    }

    fn polled(&self) -> [Option<PollFd<'_>>; 5] {
        let reading = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let writing = |fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT);
        [
            self.to_user.source().map(reading),
            self.to_user.target().map(writing),
            self.to_interactor.source().map(reading),
            self.to_interactor.target().map(writing),
            self.running.as_ref().map(|run| reading(run.as_fd())),
        ]
    }
}

impl<'a> Table<'a> {
    pub(super) fn new(
        talk: &'a Talk<'a>,
        users: Vec<User>,
        interactor: Running,
        written: [File; 2],
    ) -> Table<'a> {
        Table {
            talk,
            begin: Instant::now(),
            users,
            interactor: Some(interactor),
            written,
            transcript: Transcript::default(),
            watches: Default::default(),
            is_called_off: false,
            ended_for: None,
            cut_at: None,
            ruled: None,
        }
    }

    /// Until all have ended. An error is the host's; no run is left then, either.
    pub(super) fn sit(mut self) -> Result<Talked, String> {
        if let Err(error) = self.until_all_end() {
            self.users.into_iter().for_each(User::kill);
            kill(self.interactor);
            return Err(error);
        }
        let unseen = || "an interaction ended without its end being seen".to_owned();
        let (ruled, run) = self.ruled.ok_or_else(unseen)?;
        let is_told = self.users.iter().all(|user| user.first == First::Submission);
        let ended = |user: User| Some(Ended { facts: user.facts?, errors: user.errors, first: user.first });
        let users: Option<Vec<Ended>> = self.users.into_iter().map(ended).collect();
        let first = if is_told { Speaker::Submission } else { Speaker::Interactor };
        let interaction = Interaction { first, run, transcript: self.transcript };
        Ok(Talked { users: users.ok_or_else(unseen)?, ruled, interaction })
    }

    fn until_all_end(&mut self) -> Result<(), String> {
        while self.interactor.is_some() || self.users.iter().any(|user| user.running.is_some()) {
            let (ready, has_ended) = self.wait()?;
            for (process, ready) in ready.into_iter().enumerate() {
                self.pass_on(process, ready)?;
            }
            if has_ended {
                self.interactor_ended()?;
            }
            self.act();
        }
        Ok(())
    }

    /// Of each process what is ready, and whether the interactor has ended.
    fn wait(&self) -> Result<(Vec<Ready>, bool), String> {
        let of_users: Vec<[Option<PollFd<'_>>; 5]> = self.users.iter().map(User::polled).collect();
        let is_there: Vec<Ready> = of_users.iter().map(|ends| ends.each_ref().map(Option::is_some)).collect();
        let interactor = self.interactor.as_ref();
        let mut polled: Vec<PollFd<'_>> = of_users.into_iter().flatten().flatten().collect();
        polled.extend(interactor.map(|run| PollFd::from_borrowed_fd(run.as_fd(), PollFlags::IN)));
        let cancel = self.talk.case.cancel.filter(|_| !self.is_called_off);
        let cancel = cancel.map(|cancel| cancel.descriptor()).transpose();
        let cancel = cancel.map_err(|error| format!("eventfd(2): {error}"))?;
        polled.extend(cancel.map(|cancel| PollFd::from_borrowed_fd(cancel, PollFlags::IN)));
        let timeout = self.timeout().map(|time| Timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(format!("poll(2): {errno}")),
        }
        let mut ready = polled.iter().map(|end| !end.revents().is_empty());
        let mut next = |is_there: bool| is_there && ready.next().unwrap_or(false);
        let of_users = is_there.into_iter().map(|ends| ends.map(&mut next)).collect();
        Ok((of_users, next(interactor.is_some())))
    }

    /// When to look again although nothing has happened.
    fn timeout(&self) -> Option<Duration> {
        if (0..self.users.len()).any(|process| self.waits_to_tell(process)) {
            return Some(LOOK);
        }
        let has_doors = self.interactor.is_some() && self.users.iter().any(|user| user.door.is_some());
        let doors = has_doors.then_some(LATE_LOOK);
        let is_running = self.ended_for.is_none() && self.users.iter().any(|user| user.running.is_some());
        let left = self.talk.wall.saturating_sub(self.begin.elapsed()).max(LATE_LOOK);
        let cut = self.cut_at.map(|at| at.saturating_duration_since(Instant::now()).max(LOOK));
        let of_submission = [is_running.then_some(left), cut.filter(|_| is_running)];
        of_submission.into_iter().chain([doors]).flatten().min()
    }

    fn pass_on(&mut self, process: usize, ready: Ready) -> Result<(), String> {
        let [heard_interactor, room_user, heard_user, room_interactor, has_ended] = ready;
        let (at, name) = (self.begin.elapsed(), self.name(process));
        let (user, transcript) = (&mut self.users[process], &mut self.transcript);
        if heard_interactor {
            user.to_user.read(|bytes| transcript.said(at, Speaker::Interactor, name, bytes));
        }
        if heard_user {
            user.to_interactor.read(|bytes| transcript.said(at, Speaker::Submission, name, bytes));
        }
        if room_user {
            user.to_user.write();
        }
        if room_interactor {
            user.to_interactor.write();
        }
        if has_ended { self.user_ended(process) } else { Ok(()) }
    }

    /// How the transcript names a process.
    fn name(&self, process: usize) -> Option<usize> {
        (self.users.len() > 1).then_some(process)
    }

    /// Whether a process has ended, and the interactor is still to learn of it.
    fn waits_to_tell(&self, process: usize) -> bool {
        let user = &self.users[process];
        user.running.is_none() && !user.is_told && self.interactor.is_some()
    }

    fn act(&mut self) {
        if !self.is_called_off && self.talk.case.cancel.is_some_and(|cancel| cancel.is_set()) {
            self.is_called_off = true;
            let users = self.users.iter().filter_map(|user| user.running.as_ref());
            users.chain(&self.interactor).for_each(Running::terminate);
        }
        for process in 0..self.users.len() {
            let is_heard = self.waits_to_tell(process) && self.users[process].to_interactor.is_drained();
            if is_heard && self.interactor_sleeps() {
                self.users[process].is_told = true;
                self.users[process].to_interactor.end();
            }
        }
        if self.interactor.is_some() {
            let told = self.users.iter().filter(|user| user.is_told);
            told.filter_map(|user| user.door.as_ref()).for_each(Door::open_and_close);
        }
        if self.ended_for.is_some() || self.users.iter().all(|user| user.running.is_none()) {
            return;
        }
        if self.cut_at.is_some_and(|at| Instant::now() >= at) {
            self.end_submission(EndedFor::Nothing);
        } else if self.begin.elapsed() >= self.talk.wall && self.all_sleep() {
            self.end_submission(EndedFor::WallTime);
        }
    }

    fn end_submission(&mut self, why: EndedFor) {
        self.ended_for = Some(why);
        self.users.iter().filter_map(|user| user.running.as_ref()).for_each(Running::terminate);
    }

    /// Whether the interactor sleeps, or has ended.
    fn interactor_sleeps(&mut self) -> bool {
        self.watches[0].finds_asleep(self.interactor.iter())
    }

    /// Whether all wait. A busy machine lets a pair that talks take long; it does not wait for each other.
    fn all_sleep(&mut self) -> bool {
        let users = self.users.iter().filter_map(|user| user.running.as_ref());
        self.watches[1].finds_asleep(users.chain(self.interactor.iter()))
    }

    fn user_ended(&mut self, process: usize) -> Result<(), String> {
        let name = self.name(process);
        let user = &mut self.users[process];
        let Some(running) = user.running.take() else { return Ok(()) };
        let ended = running.wait().map_err(|error| error.to_string())?;
        self.transcript.ended(self.begin.elapsed(), Speaker::Submission, name);
        // The interactor's output is read on: it does not get EPIPE for a submission that left early.
        user.to_user.end();
        let mut facts = Facts::read(&ended.report);
        // It may have ended by itself before.
        if facts.verdict == Verdict::InternalError {
            match self.ended_for {
                Some(EndedFor::WallTime) => {
                    (facts.verdict, facts.message) = (Verdict::TimeLimit, "wall-time-limit".to_owned());
                }
                Some(EndedFor::Nothing) => {
                    (facts.verdict, facts.message) = (Verdict::Accepted, String::new());
                }
                None => {}
            }
        }
        user.facts = Some(facts);
        Ok(())
    }

    fn interactor_ended(&mut self) -> Result<(), String> {
        let Some(interactor) = self.interactor.take() else { return Ok(()) };
        let ended = interactor.wait().map_err(|error| error.to_string())?;
        self.transcript.ended(self.begin.elapsed(), Speaker::Interactor, None);
        let facts = Facts::read(&ended.report);
        let Talk { interactor, case, .. } = self.talk;
        let [said, errors] = &mut self.written;
        let ruled = interactor.ruling(&facts, *case, Some(said), errors);
        let is_over = !ruled.as_ref().is_ok_and(Ruling::is_worth_something);
        for user in &mut self.users {
            user.first = if user.is_told { First::Submission } else { First::Interactor };
            user.to_interactor.end();
            if is_over {
                user.to_user.end();
                user.to_interactor.cut();
                self.cut_at = Some(Instant::now() + GRACE);
            }
        }
        self.ruled = Some((ruled, facts.report));
        Ok(())
    }
}

fn kill(running: Option<Running>) {
    if let Some(running) = running {
        running.kill();
        let _killed = running.wait();
    }
}
