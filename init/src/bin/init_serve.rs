//! The program `init-serve`: all that init runs, and `serve`. A program of its own, as init has no byte to spare.
#![no_std]
#![no_main]

#[path = "../mem.rs"]
mod mem;
#[path = "../start.rs"]
mod start;

use init::serve_main as program;
