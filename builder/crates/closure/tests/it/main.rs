//! The closure compared with real files and real loaders: one module for each subject.
#![allow(clippy::unwrap_used)] // In a test a panic is the report; clippy.toml covers `#[test]` functions only.

mod audit;
mod broken_elf;
mod elf_file;
mod have;
mod lints;
mod loader;
mod machine;
mod resolve;
