//! Fuzzes `readers/text.rs`.
#![no_main]

#[path = "../readers/text.rs"]
mod reader;

capsule_fuzz::target!(reader::read);
