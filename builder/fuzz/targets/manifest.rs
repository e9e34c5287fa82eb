//! Fuzzes `readers/manifest.rs`.
#![no_main]

#[path = "../readers/manifest.rs"]
mod reader;

capsule_fuzz::target!(reader::read);
