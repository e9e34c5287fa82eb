//! Fuzzes `readers/problem.rs`.
#![no_main]

#[path = "../readers/problem.rs"]
mod reader;

capsule_fuzz::target!(reader::read);
