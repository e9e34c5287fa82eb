//! What all targets share.

/// The most memory that a reader may hold at one time, whatever it reads. An allocation beyond it ends the run.
pub const MOST_MEMORY: usize = 64 << 20;
