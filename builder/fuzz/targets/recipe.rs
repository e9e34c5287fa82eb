//! Fuzzes `readers/recipe.rs`.
#![no_main]

#[path = "../readers/recipe.rs"]
mod reader;

capsule_fuzz::target!(reader::read);
