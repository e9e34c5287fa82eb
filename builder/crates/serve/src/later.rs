//! What is tried again after a pause, as when a disk was full.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{io, thread};

/// How long the pause is.
pub(crate) const PAUSE: Duration = Duration::from_secs(2);

type Again = Box<dyn FnOnce() + Send>;

/// One thread that waits for all of them.
pub(crate) struct Later(Mutex<Sender<(Instant, Again)>>);

impl Later {
    pub(crate) fn start() -> io::Result<Later> {
        let (sender, receiver) = channel();
        thread::Builder::new().name("later".to_owned()).spawn(move || wait(&receiver))?;
        Ok(Later(Mutex::new(sender)))
    }

    /// Has this be done after the pause, unless the service ends before.
    pub(crate) fn put(&self, again: impl FnOnce() + Send + 'static) {
        let sender = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _the_service_ends = sender.send((Instant::now() + PAUSE, Box::new(again)));
    }
}

/// The pause is the same for all: who came first is due first.
fn wait(due: &Receiver<(Instant, Again)>) {
    for (at, again) in due {
        thread::sleep(at.saturating_duration_since(Instant::now()));
        again();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_done_after_the_pause_in_the_order_in_which_they_came() {
        let later = Later::start().unwrap();
        let (said, heard) = channel();
        let begin = Instant::now();
        for number in [1, 2] {
            let said = said.clone();
            later.put(move || said.send(number).unwrap());
        }
        assert_eq!([heard.recv(), heard.recv()], [Ok(1), Ok(2)]);
        assert!(begin.elapsed() >= PAUSE);
    }
}
