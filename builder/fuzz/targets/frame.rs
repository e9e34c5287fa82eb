//! Fuzzes `readers/frame.rs`.
#![no_main]

#[path = "../readers/frame.rs"]
mod reader;

capsule_fuzz::target!(reader::read);
