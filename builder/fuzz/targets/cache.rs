//! Fuzzes `readers/cache.rs`.
#![no_main]

#[path = "../readers/cache.rs"]
mod reader;

capsule_fuzz::target!(reader::read);
