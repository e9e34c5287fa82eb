//! The init binary: entry point and memory functions; everything else is the library.
#![no_std]
#![no_main]

mod mem;
mod start;

use init::main as program;
