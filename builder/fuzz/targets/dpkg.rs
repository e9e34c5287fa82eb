//! Fuzzes `readers/dpkg.rs`.
#![no_main]

#[path = "../readers/dpkg.rs"]
mod reader;

capsule_fuzz::target!(reader::read);
