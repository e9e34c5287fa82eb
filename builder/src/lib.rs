//! The builder: from a list of binaries to a bundle, each step one function, each noun one type.
//!
//! ```text
//! request ─► closure ─► plan ─► image ─► manifest
//!          resolve    plan    write    manifest
//! ```

pub mod arch;
pub mod audit;
pub mod bench;
pub mod budget;
pub mod build;
mod bytecode;
pub mod cause;
pub mod cli;
pub mod closure;
pub mod data;
pub mod diff;
pub mod digest;
pub mod dlopen;
pub mod doctor;
pub mod elf;
mod errno;
pub mod error;
pub mod exec;
pub mod explain;
pub mod formats;
pub mod guards;
pub mod image_path;
pub mod include;
pub mod interrupt;
pub mod language;
mod leftover;
pub mod loader;
pub mod manifest;
pub mod name_pattern;
pub mod nss;
pub mod pack;
pub mod packages;
pub mod packs;
pub mod pattern;
pub mod plan;
pub mod probe;
pub mod progress;
pub mod prove;
pub mod quantity;
pub mod recipe;
pub mod render;
pub mod report;
pub mod request;
pub mod resolve;
pub mod runner;
pub mod sbom;
pub mod scratch;
pub mod script;
pub mod seccomp;
mod shards;
pub mod sizes;
pub mod skeleton;
pub mod slice;
pub mod staging;
pub mod sysroot;
pub mod trace;
pub mod treemap;
pub mod verify;
pub mod wanted;
pub mod write;
