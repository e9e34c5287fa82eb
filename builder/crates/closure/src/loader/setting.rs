//! The settings of a search: everything that decides its result, except the files.

use std::path::PathBuf;

use crate::arch::cpu::Cpu;

/// Everything that decides the result of a search, except the files.
#[derive(Debug, Clone)]
pub struct Setting {
    /// `LD_LIBRARY_PATH`, already split.
    pub library_path: Vec<PathBuf>,
    /// The CPU to load for.
    pub cpu: Cpu,
    /// Whether the directories of ld.so.conf are searched when ld.so.cache is missing. The loader itself does not read
    /// ld.so.conf; this finds what it will find after ldconfig(8) has run.
    pub conf_without_cache: bool,
    /// Which /etc/ld.so.preload is obeyed.
    pub preload: Preload,
}

/// Which /etc/ld.so.preload is obeyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preload {
    /// The tree's own.
    OfTree,
    /// One with this text, as an image will have it; empty when it will not have one.
    Text(Vec<u8>),
}

/// The path of the list of libraries that every program loads first (ld.so(8)).
pub const PRELOAD_FILE: &str = "/etc/ld.so.preload";
