//! The submissions that are likely to come next, and what stands ready for them.
//!
//! A kind gets a place here when it is asked for, and programs get ready from the second time on. As many of it are kept as
//! were at work at one time, and all kinds together up to a bound; those that were not asked for longest make room. One thread
//! has them made and given up, so that no submission waits for that. Nothing gets ready while the machine is short of memory.

use std::fs;
use std::mem;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::warm::{Kind, Warm};
use super::workroom::Workroom;

/// A kind that was not asked for this long is not kept.
const LONGEST_WAIT: Duration = Duration::from_mins(10);
/// How often that and the machine's memory are looked at while no submission comes.
const LOOK: Duration = Duration::from_mins(1);
/// A kind whose programs could not get ready this often is left alone.
const MOST_FAILURES: u32 = 3;
/// The least part of the memory that stays available, as one of so many.
const PART_LEFT: u64 = 4;
/// Kinds that are known at one time: clients choose them.
const MOST_KINDS: usize = 64;

/// What stands ready in one room.
#[derive(Debug)]
pub struct Stock {
    shelves: Arc<Shelves>,
    /// To the thread; absent where nothing is kept.
    asks: Option<Sender<Ask>>,
}

/// What the thread is to do.
enum Ask {
    /// A submission of this kind is done.
    Fill(Kind),
    /// End these: that waits until their programs have ended.
    End(Vec<Warm>),
}

#[derive(Debug)]
struct Shelves {
    most: usize,
    all: Mutex<Vec<Shelf>>,
}

/// One kind.
#[derive(Debug)]
struct Shelf {
    kind: Kind,
    ready: Vec<Warm>,
    /// Submissions that are at work, and the most that were at one time.
    at_work: usize,
    wanted: usize,
    is_known: bool,
    failures: u32,
    asked: Instant,
}

impl Stock {
    /// Keeps up to so many ready.
    pub fn new(room: Arc<Workroom>, most: usize) -> Stock {
        let shelves = Arc::new(Shelves { most, all: Mutex::default() });
        let (asks, asked) = mpsc::channel();
        let keeper = Arc::clone(&shelves);
        let keep = move || {
            loop {
                match asked.recv_timeout(LOOK) {
                    Ok(Ask::Fill(kind)) => keeper.fill(&room, &kind),
                    Ok(Ask::End(warm)) => drop(warm),
                    Err(RecvTimeoutError::Timeout) => drop(keeper.give_up(has_memory())),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        let thread = (most > 0).then(|| Builder::new().name("stock".to_owned()).spawn(keep));
        // Without the thread all start cold.
        Stock { shelves, asks: thread.is_some_and(|thread| thread.is_ok()).then_some(asks) }
    }

    /// Whether anything is kept here.
    pub fn keeps_some(&self) -> bool {
        self.asks.is_some()
    }

    /// What stands ready for a submission of this kind. [`Stock::refill`] has to follow.
    pub fn take(&self, kind: &Kind) -> Option<Warm> {
        let asks = self.asks.as_ref()?;
        let (taken, gone) = self.shelves.take(kind);
        if !gone.is_empty() {
            let _the_thread_lives_as_long = asks.send(Ask::End(gone));
        }
        taken
    }

    /// Has more get ready, now that a submission of this kind is done.
    pub fn refill(&self, kind: Kind) {
        if let Some(asks) = &self.asks {
            let _the_thread_lives_as_long = asks.send(Ask::Fill(kind));
        }
    }
}

impl Shelves {
    /// What stands ready, and what is of no use any more.
    fn take(&self, kind: &Kind) -> (Option<Warm>, Vec<Warm>) {
        let (mut shelves, mut gone) = (self.lock(), Vec::new());
        let at = match shelves.iter().position(|shelf| shelf.kind == *kind) {
            Some(at) => at,
            None => {
                if shelves.len() >= MOST_KINDS
                    && let Some((oldest, _)) = shelves.iter().enumerate().min_by_key(|(_, shelf)| shelf.asked)
                {
                    gone = shelves.swap_remove(oldest).ready;
                }
                shelves.push(Shelf::new(kind.clone()));
                shelves.len() - 1
            }
        };
        let shelf = &mut shelves[at];
        shelf.asked = Instant::now();
        shelf.at_work += 1;
        shelf.wanted = shelf.wanted.max(shelf.at_work).min(self.most);
        let before = gone.len();
        gone.extend(shelf.ready.extract_if(.., |warm| !warm.stands()));
        shelf.failures += u32::from(gone.len() > before);
        // One that is not ready would keep its submission waiting, at times for longer than a cold start takes.
        let ready = shelf.ready.iter().position(Warm::is_ready);
        let taken = ready.map(|at| shelf.ready.remove(at));
        if taken.is_some() {
            shelf.failures = 0;
        }
        (taken, gone)
    }

    /// Has as many get ready as there is room for.
    fn fill(&self, room: &Workroom, kind: &Kind) {
        drop(self.give_up(has_memory()));
        let (gone, lacking) = self.make_room(kind);
        drop(gone);
        for _ in 0..lacking {
            let made = room.warm(kind);
            let mut shelves = self.lock();
            let Some(shelf) = shelves.iter_mut().find(|shelf| shelf.kind == *kind) else { return };
            match made {
                Ok(Some(warm)) => shelf.ready.push(warm),
                // It never will.
                Ok(None) => shelf.failures = MOST_FAILURES,
                Err(_) => shelf.failures += 1,
            }
        }
    }

    /// What is kept no longer: of kinds that were not asked for, and of all where memory is short.
    fn give_up(&self, has_memory: bool) -> Vec<Warm> {
        let (mut shelves, mut gone) = (self.lock(), Vec::new());
        for shelf in shelves.iter_mut() {
            if !has_memory || shelf.is_old() {
                gone.append(&mut shelf.ready);
            }
            if !has_memory {
                shelf.wanted = 0;
            }
        }
        shelves.retain(|shelf| shelf.at_work > 0 || !shelf.is_old());
        gone
    }

    /// A submission of this kind is done. Takes away what makes room, and says how many are to be made.
    fn make_room(&self, kind: &Kind) -> (Vec<Warm>, usize) {
        let (mut shelves, mut gone) = (self.lock(), Vec::new());
        let Some(own) = shelves.iter_mut().find(|shelf| shelf.kind == *kind) else { return (gone, 0) };
        own.at_work = own.at_work.saturating_sub(1);
        let was_known = mem::replace(&mut own.is_known, true);
        if !was_known || own.failures >= MOST_FAILURES {
            return (gone, 0);
        }
        let lacking = own.wanted.saturating_sub(own.ready.len());
        let all: usize = shelves.iter().map(|shelf| shelf.ready.len()).sum();
        let mut excess = (all + lacking).saturating_sub(self.most);
        shelves.sort_by_key(|shelf| shelf.asked);
        for shelf in shelves.iter_mut().filter(|shelf| shelf.kind != *kind) {
            let count = excess.min(shelf.ready.len());
            gone.extend(shelf.ready.drain(..count));
            excess -= count;
        }
        (gone, lacking.saturating_sub(excess))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Shelf>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn new(kind: Kind) -> Shelf {
        let (asked, ready) = (Instant::now(), Vec::new());
        Shelf { kind, ready, at_work: 0, wanted: 0, is_known: false, failures: 0, asked }
    }

    fn is_old(&self) -> bool {
        self.asked.elapsed() > LONGEST_WAIT
    }
}

/// Whether the machine has memory for programs that only wait; where it does not tell, it has.
fn has_memory() -> bool {
    fs::read_to_string("/proc/meminfo").map_or(true, |text| leaves_enough(&text))
}

/// By the text of proc_meminfo(5).
fn leaves_enough(text: &str) -> bool {
    let amount = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse::<u64>().ok()
    };
    match (amount("MemTotal"), amount("MemAvailable")) {
        (Some(total), Some(available)) => available >= total / PART_LEFT,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> Kind {
        Kind { language: name.to_owned(), compile: Vec::new(), run: Vec::new(), arguments: Vec::new() }
    }

    #[test]
    fn programs_wait_only_where_a_quarter_of_the_memory_is_left() {
        let text =
            |available| format!("MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:   {available} kB\n");
        assert!(leaves_enough(&text(250)) && !leaves_enough(&text(249)));
        assert!(leaves_enough(""));
    }

    #[test]
    fn a_kind_is_kept_from_the_second_time_on_and_as_often_as_it_was_at_work() {
        let shelves = Shelves { most: 4, all: Mutex::default() };
        let lacking = |shelves: &Shelves| shelves.make_room(&kind("a")).1;
        shelves.take(&kind("a"));
        assert_eq!(lacking(&shelves), 0, "asked for once");
        for _ in 0..3 {
            shelves.take(&kind("a"));
        }
        assert_eq!(lacking(&shelves), 3);
        for _ in 0..9 {
            shelves.take(&kind("a"));
        }
        assert_eq!(lacking(&shelves), 4, "no more than the operator says");
        shelves.give_up(false);
        assert_eq!(lacking(&shelves), 0, "memory is short");
    }

    #[test]
    fn clients_cannot_make_it_know_any_number_of_kinds() {
        let shelves = Shelves { most: 1, all: Mutex::default() };
        (0..1000).for_each(|number| drop(shelves.take(&kind(&number.to_string()))));
        assert_eq!(shelves.lock().len(), MOST_KINDS);
        assert!(shelves.lock().iter().any(|shelf| shelf.kind == kind("999")));
    }
}
