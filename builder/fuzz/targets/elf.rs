//! Fuzzes `readers/elf.rs`.
#![no_main]

#[path = "../readers/elf.rs"]
mod reader;

capsule_fuzz::target!(reader::read);
