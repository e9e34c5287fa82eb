//! Fuzzes `readers/policy.rs`.
#![no_main]

#[path = "../readers/policy.rs"]
mod reader;

capsule_fuzz::target!(reader::read);
