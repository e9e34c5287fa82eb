//! Writes a checked plan: the tree, the archives, the manifest, the scripts.

mod content;
pub(crate) mod context;
pub mod formats;
pub(crate) mod image;
mod in_use;
pub mod interrupt;
mod listing;
pub(crate) mod manifest;
pub(crate) mod progress;
pub(crate) mod scripts;
pub mod staging;
