//! The program `box-exec`: entry point and memory functions are init's; everything else is `init::box_exec`.
#![no_std]
#![no_main]

#[path = "../mem.rs"]
mod mem;
#[path = "../start.rs"]
mod start;

use init::box_exec::box_exec as program;
