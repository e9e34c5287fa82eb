//! A bar of bytes, for a person who waits: only on a terminal, and only after a second.

use std::io::{IsTerminal, stderr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Nobody needs a bar for less.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts bytes; shows them when it takes long.
#[derive(Debug)]
pub struct Progress {
    total: u64,
    started: Instant,
    watched: bool,
    done: AtomicU64,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    /// Shows nothing, ever.
    pub fn hidden() -> Progress {
        Progress::make(0, false)
    }

    /// Up to `total` bytes, on stderr when that is a terminal.
    pub fn new(total: u64) -> Progress {
        Progress::make(total, stderr().is_terminal())
    }

    fn make(total: u64, watched: bool) -> Progress {
        Progress { total, started: Instant::now(), watched, done: AtomicU64::new(0), bar: OnceLock::new() }
    }

    /// `bytes` more are done.
    pub fn advance(&self, bytes: u64) {
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
        ProgressStyle::with_template("{bar:40} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
