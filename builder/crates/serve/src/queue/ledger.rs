//! Which submissions wait, which are sent to the workers, and which worker has which one for how long. Pure: the caller brings
//! the time, which is monotonic, so that a stepped clock ends no lease.
//!
//! ```text
//!   Waiting ──next──► Sent ──begin──► Leased ──settle──► (gone)
//!      ▲                │ nobody took it   │ the lease ended, or the attempt failed
//!      └────────────────┴──────────────────┘
//! ```
//!
//! Only a few are sent at a time, one for each slot of the workers: the others wait here, where tenants take turns. A message
//! may be lost, or come twice: what is sent and not begun is sent again, and what is begun is held by one worker.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::fair::Fair;

/// Messages that are under way although no worker was heard of.
const LEAST_SENT: usize = 4;
/// A worker that was not heard of for so many leases is gone, and a message that nobody took is lost.
const SILENCE: u32 = 2;
/// Until a worker that may not have a submission looks again whether another one took it.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// The submissions of a service with workers.
pub(crate) struct Ledger {
    lease: Duration,
    waiting: Fair<String>,
    entries: BTreeMap<String, Entry>,
    workers: BTreeMap<String, Worker>,
}

struct Entry {
    tenant: String,
    priority: i8,
    /// The worker that failed at it last: another one is to try.
    avoid: Option<String>,
    stage: Stage,
}

enum Stage {
    Waiting,
    Sent { since: Instant },
    Leased(Lease),
}

struct Lease {
    worker: String,
    /// `None` until the store has it.
    attempt: Option<u32>,
    until: Instant,
}

struct Worker {
    slots: usize,
    seen: Instant,
}

/// What a worker that has a message is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// It holds the submission from now on.
    Yours,
    /// The submission is finished, or was called off.
    Gone,
    /// Another worker holds it, or is to: this is when to ask again.
    Later(Duration),
}

/// A lease that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expired {
    pub(crate) id: String,
    pub(crate) attempt: u32,
    pub(crate) worker: String,
}

/// What the workers do now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fleet {
    pub(crate) workers: usize,
    pub(crate) slots: usize,
    /// Submissions that a worker holds.
    pub(crate) leased: usize,
    /// Submissions that no worker holds.
    pub(crate) waiting: usize,
}

impl Ledger {
    pub(crate) fn new(lease: Duration) -> Ledger {
        Ledger { lease, waiting: Fair::default(), entries: BTreeMap::new(), workers: BTreeMap::new() }
    }

    /// Adds a submission, or has one wait again; `avoid` is the worker that failed at it.
    pub(crate) fn put(&mut self, tenant: &str, priority: i8, id: &str, avoid: Option<&str>) {
        let entry = Entry {
            tenant: tenant.to_owned(),
            priority,
            avoid: avoid.map(str::to_owned),
            stage: Stage::Waiting,
        };
        // One that waits already has its turn.
        let waits = |old: Entry| matches!(old.stage, Stage::Waiting);
        if !self.entries.insert(id.to_owned(), entry).is_some_and(waits) {
            self.waiting.put(tenant, priority, id.to_owned());
        }
    }

    /// Adds a submission that a worker had when an earlier service ended: it may still have it.
    pub(crate) fn resume(
        &mut self,
        tenant: &str,
        priority: i8,
        id: &str,
        attempt: u32,
        worker: &str,
        now: Instant,
    ) {
        let lease = Lease { worker: worker.to_owned(), attempt: Some(attempt), until: now + self.lease };
        let entry = Entry { tenant: tenant.to_owned(), priority, avoid: None, stage: Stage::Leased(lease) };
        self.entries.insert(id.to_owned(), entry);
    }

    /// The next one to send; `None` while there are messages for all free slots, or nothing waits.
    pub(crate) fn next(&mut self, now: Instant) -> Option<String> {
        let sent = self.entries.values().filter(|entry| matches!(entry.stage, Stage::Sent { .. })).count();
        if sent >= self.fleet(now).slots.max(LEAST_SENT) {
            return None;
        }
        loop {
            let id = self.waiting.take()?;
            // It may be finished, called off, or held by a worker that had an old message.
            if let Some(entry) = self.entries.get_mut(&id)
                && matches!(entry.stage, Stage::Waiting)
            {
                entry.stage = Stage::Sent { since: now };
                return Some(id);
            }
        }
    }

    /// What could not be sent waits again.
    pub(crate) fn unsent(&mut self, id: &str) {
        if let Some(entry) = self.entries.get_mut(id)
            && matches!(entry.stage, Stage::Sent { .. })
        {
            entry.stage = Stage::Waiting;
            self.waiting.put(&entry.tenant, entry.priority, id.to_owned());
        }
    }

    /// Has what was sent and taken by nobody wait again. While each slot of the workers has something to do, nobody could take it:
    /// it is not lost.
    pub(crate) fn resend(&mut self, now: Instant) {
        if self.are_all_busy(now) {
            return;
        }
        let lost = |entry: &Entry| matches!(entry.stage, Stage::Sent { since } if now >= since + SILENCE * self.lease);
        let ids: Vec<String> =
            self.entries.iter().filter(|(_, entry)| lost(entry)).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.unsent(id));
    }

    /// A worker has a message, and asks whether the submission is its own to do.
    pub(crate) fn begin(&mut self, id: &str, worker: &str, now: Instant) -> Begin {
        let others = self.alive(now).any(|(name, _)| name != worker);
        let until = now + self.lease;
        let Some(entry) = self.entries.get_mut(id) else { return Begin::Gone };
        match &entry.stage {
            Stage::Leased(lease) if now < lease.until => return Begin::Later(lease.until - now),
            // It is to be written down that this lease has ended, before there is a new one.
            Stage::Leased(_) => return Begin::Later(ELSEWHERE),
            Stage::Waiting | Stage::Sent { .. } => {}
        }
        if others && entry.avoid.as_deref() == Some(worker) {
            return Begin::Later(ELSEWHERE);
        }
        entry.stage = Stage::Leased(Lease { worker: worker.to_owned(), attempt: None, until });
        Begin::Yours
    }

    /// The store could not begin an attempt, for example because the disk is full. The worker still has its message and tries
    /// again, so no new message is sent: each try would add one.
    pub(crate) fn unbegun(&mut self, id: &str, worker: &str, now: Instant) {
        if let Some(entry) = self.entries.get_mut(id)
            && matches!(&entry.stage, Stage::Leased(lease) if lease.worker == worker && lease.attempt.is_none())
        {
            entry.stage = Stage::Sent { since: now };
        }
    }

    /// The store has the attempt that a worker began.
    pub(crate) fn begun(&mut self, id: &str, worker: &str, attempt: u32) {
        if let Some(Stage::Leased(lease)) = self.entries.get_mut(id).map(|entry| &mut entry.stage)
            && lease.worker == worker
            && lease.attempt.is_none()
        {
            lease.attempt = Some(attempt);
        }
    }

    /// A worker wants to keep a submission; says whether it still holds it.
    pub(crate) fn renew(&mut self, id: &str, worker: &str, attempt: u32, now: Instant) -> bool {
        let until = now + self.lease;
        match self.entries.get_mut(id).map(|entry| &mut entry.stage) {
            Some(Stage::Leased(lease)) if lease.is(worker, attempt) && now < lease.until => {
                lease.until = until;
                true
            }
            _ => false,
        }
    }

    /// Whether a worker holds a submission.
    pub(crate) fn holds(&self, id: &str, worker: &str, attempt: u32) -> bool {
        matches!(self.entries.get(id).map(|entry| &entry.stage), Some(Stage::Leased(lease)) if lease.is(worker, attempt))
    }

    /// A submission is finished, or was called off; says whether a worker held it.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.entries.remove(id).is_some_and(|entry| matches!(entry.stage, Stage::Leased(_)))
    }

    /// The leases that have ended. They stay until the caller puts their submissions again, or removes them.
    pub(crate) fn expired(&self, now: Instant) -> Vec<Expired> {
        let ended = self.entries.iter().filter_map(|(id, entry)| match &entry.stage {
            Stage::Leased(Lease { worker, attempt: Some(attempt), until }) if *until <= now => {
                Some(Expired { id: id.clone(), attempt: *attempt, worker: worker.clone() })
            }
            _ => None,
        });
        ended.collect()
    }

    /// A worker lives.
    pub(crate) fn seen(&mut self, worker: &str, slots: usize, now: Instant) {
        self.workers.insert(worker.to_owned(), Worker { slots, seen: now });
        let patience = SILENCE * self.lease;
        self.workers.retain(|_, worker| now < worker.seen + patience);
    }

    /// How many of a tenant's submissions no worker holds.
    pub(crate) fn of(&self, tenant: &str) -> usize {
        self.entries.values().filter(|entry| entry.tenant == tenant && entry.is_free()).count()
    }

    pub(crate) fn fleet(&self, now: Instant) -> Fleet {
        let free = self.entries.values().filter(|entry| entry.is_free()).count();
        Fleet {
            workers: self.alive(now).count(),
            slots: self.alive(now).map(|(_, worker)| worker.slots).sum(),
            leased: self.entries.len() - free,
            waiting: free,
        }
    }

    /// Of a submission that waits or is under way.
    pub(crate) fn owner(&self, id: &str) -> Option<(String, i8)> {
        self.entries.get(id).map(|entry| (entry.tenant.clone(), entry.priority))
    }

    fn are_all_busy(&self, now: Instant) -> bool {
        let slots: usize = self.alive(now).map(|(_, worker)| worker.slots).sum();
        let is_alive = |name: &str| self.alive(now).any(|(own, _)| own == name);
        let is_leased =
            |entry: &&Entry| matches!(&entry.stage, Stage::Leased(lease) if is_alive(&lease.worker));
        slots > 0 && self.entries.values().filter(is_leased).count() >= slots
    }

    fn alive(&self, now: Instant) -> impl Iterator<Item = (&str, &Worker)> {
        let patience = SILENCE * self.lease;
        self.workers
            .iter()
            .filter(move |(_, worker)| now < worker.seen + patience)
            .map(|(name, worker)| (name.as_str(), worker))
    }
}

impl Entry {
    fn is_free(&self) -> bool {
        !matches!(self.stage, Stage::Leased(_))
    }
}

impl Lease {
    fn is(&self, worker: &str, attempt: u32) -> bool {
        self.worker == worker && self.attempt == Some(attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    /// A ledger with submissions, and the time of its start.
    fn ledger(ids: &[&str]) -> (Ledger, Instant) {
        let mut ledger = Ledger::new(LEASE);
        ids.iter().for_each(|id| ledger.put("t", 0, id, None));
        (ledger, Instant::now())
    }

    fn sent(ledger: &mut Ledger, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| ledger.next(now)).collect()
    }

    #[test]
    fn of_two_workers_with_one_message_one_holds_the_submission() {
        let (mut ledger, now) = ledger(&["1"]);
        assert_eq!(sent(&mut ledger, now), ["1"]);
        assert_eq!(ledger.begin("1", "a", now), Begin::Yours);
        ledger.begun("1", "a", 1);
        let later = now + Duration::from_secs(10);
        assert_eq!(ledger.begin("1", "b", later), Begin::Later(LEASE - Duration::from_secs(10)));
        assert_eq!(ledger.begin("1", "a", later), Begin::Later(LEASE - Duration::from_secs(10)));
        assert!(ledger.holds("1", "a", 1) && !ledger.holds("1", "b", 1) && !ledger.holds("1", "a", 2));
    }

    #[test]
    fn a_lease_that_ended_cannot_be_renewed_and_one_that_is_renewed_does_not_end() {
        let (mut ledger, now) = ledger(&["1"]);
        ledger.begin("1", "a", now);
        ledger.begun("1", "a", 1);
        let (before, after) = (now + LEASE - Duration::from_secs(1), now + LEASE);
        assert!(ledger.renew("1", "a", 1, before) && !ledger.renew("1", "b", 1, before));
        assert!(ledger.expired(after).is_empty() && ledger.renew("1", "a", 1, after));
        let end = after + LEASE;
        let expired = Expired { id: "1".to_owned(), attempt: 1, worker: "a".to_owned() };
        assert_eq!(ledger.expired(end), [expired]);
        assert!(!ledger.renew("1", "a", 1, end));
        // Nobody has it before that was written down.
        assert_eq!(ledger.begin("1", "b", end), Begin::Later(ELSEWHERE));
        ledger.put("t", 0, "1", None);
        assert_eq!(ledger.begin("1", "b", end), Begin::Yours);
        assert!(!ledger.renew("1", "a", 1, end));
    }

    #[test]
    fn a_worker_that_failed_leaves_the_next_attempt_to_another_if_there_is_one() {
        let (mut ledger, now) = ledger(&[]);
        ledger.put("t", 0, "1", Some("a"));
        ledger.seen("a", 1, now);
        ledger.seen("b", 1, now);
        assert_eq!(ledger.begin("1", "a", now), Begin::Later(ELSEWHERE));
        assert_eq!(ledger.begin("1", "b", now), Begin::Yours);
        ledger.put("t", 0, "1", Some("b"));
        // The other one is gone.
        let later = now + SILENCE * LEASE;
        ledger.seen("b", 1, later);
        assert_eq!(ledger.begin("1", "b", later), Begin::Yours);
    }

    #[test]
    fn as_many_are_sent_as_there_are_slots_and_the_tenants_take_turns() {
        let (mut ledger, now) = ledger(&["1", "2", "3", "4", "5", "6"]);
        ledger.put("u", 0, "u1", None);
        assert_eq!(sent(&mut ledger, now), ["1", "u1", "2", "3"]);
        ledger.seen("a", 5, now);
        assert_eq!(sent(&mut ledger, now), ["4"]);
        ledger.begin("1", "a", now);
        assert_eq!(sent(&mut ledger, now), ["5"]);
        let fleet = Fleet { workers: 1, slots: 5, leased: 1, waiting: 6 };
        assert_eq!((ledger.fleet(now), ledger.of("t"), ledger.of("u")), (fleet, 5, 1));
    }

    #[test]
    fn a_message_that_is_lost_is_sent_again_and_one_that_cannot_be_sent_too() {
        let (mut ledger, now) = ledger(&["1", "2"]);
        assert_eq!(sent(&mut ledger, now), ["1", "2"]);
        ledger.unsent("2");
        assert_eq!(sent(&mut ledger, now), ["2"]);
        ledger.begin("2", "a", now);
        ledger.resend(now + LEASE);
        assert!(sent(&mut ledger, now + LEASE).is_empty());
        ledger.resend(now + SILENCE * LEASE);
        assert_eq!(sent(&mut ledger, now + SILENCE * LEASE), ["1"]);
    }

    #[test]
    fn what_the_store_cannot_begin_is_under_way_and_not_sent_once_more() {
        let (mut ledger, now) = ledger(&["1"]);
        assert_eq!(sent(&mut ledger, now), ["1"]);
        for _ in 0..3 {
            assert_eq!(ledger.begin("1", "a", now), Begin::Yours);
            // Another worker has nothing to give back.
            ledger.unbegun("1", "b", now);
            assert!(matches!(ledger.begin("1", "b", now), Begin::Later(_)));
            ledger.unbegun("1", "a", now);
            assert!(sent(&mut ledger, now).is_empty());
        }
        // The worker is gone, and its message with it.
        ledger.resend(now + SILENCE * LEASE);
        assert_eq!(sent(&mut ledger, now + SILENCE * LEASE), ["1"]);
        ledger.begin("1", "a", now);
        ledger.begun("1", "a", 1);
        ledger.unbegun("1", "a", now);
        assert!(ledger.holds("1", "a", 1));
    }

    #[test]
    fn no_message_is_lost_while_nobody_could_take_it() {
        let (mut ledger, now) = ledger(&["1", "2"]);
        let later = now + 5 * SILENCE * LEASE;
        ledger.seen("a", 1, later);
        assert_eq!(sent(&mut ledger, now), ["1", "2"]);
        ledger.begin("1", "a", now);
        ledger.resend(later);
        assert!(sent(&mut ledger, later).is_empty());
        // The slot is free, and nobody takes the other one.
        ledger.remove("1");
        ledger.resend(later);
        assert_eq!(sent(&mut ledger, later), ["2"]);
        // A worker that is gone takes nothing: what it holds keeps no slot busy.
        ledger.begin("2", "b", later);
        ledger.put("t", 0, "3", None);
        assert_eq!(sent(&mut ledger, later), ["3"]);
        let end = later + SILENCE * LEASE;
        ledger.seen("a", 1, end);
        ledger.resend(end);
        assert_eq!(sent(&mut ledger, end), ["3"]);
    }

    #[test]
    fn what_is_finished_or_called_off_is_neither_sent_nor_begun() {
        let (mut ledger, now) = ledger(&["1", "2"]);
        ledger.begin("1", "a", now);
        assert!(ledger.remove("1") && !ledger.remove("2") && !ledger.remove("2"));
        assert!(sent(&mut ledger, now).is_empty());
        assert_eq!((ledger.begin("1", "b", now), ledger.begin("2", "b", now)), (Begin::Gone, Begin::Gone));
    }

    #[test]
    fn a_worker_keeps_what_it_had_when_the_service_was_started_again() {
        let (mut ledger, now) = ledger(&[]);
        ledger.resume("t", 0, "1", 4, "a", now);
        assert!(ledger.renew("1", "a", 4, now) && sent(&mut ledger, now).is_empty());
        assert_eq!(ledger.begin("1", "b", now), Begin::Later(LEASE));
        assert_eq!(ledger.expired(now + LEASE).len(), 1);
    }
}
