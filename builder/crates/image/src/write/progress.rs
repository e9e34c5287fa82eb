//! A progress bar on stderr: only if that is a terminal, and only for a build that takes more than a second.

use std::io::{IsTerminal, stderr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A shorter build shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts the bytes that are done; all threads of a build share it.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    started: Instant,
    watched: bool,
    done: AtomicU64,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    /// A bar for `total` bytes.
    pub(crate) fn new(total: u64) -> Progress {
        let watched = stderr().is_terminal();
        Progress { total, started: Instant::now(), watched, done: AtomicU64::new(0), bar: OnceLock::new() }
    }

    /// Counts `bytes` more, and moves the bar.
    pub(crate) fn advance(&self, bytes: u64) {
        let done = bytes + self.done.fetch_add(bytes, Ordering::Relaxed);
        if self.watched && self.started.elapsed() > PATIENCE {
            self.bar.get_or_init(|| bar(self.total)).set_position(done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template("{bar:40} {binary_bytes}/{binary_total_bytes}, about {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
