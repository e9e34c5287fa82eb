//! init: the runner's library.
#![cfg_attr(not(test), no_std)]
use core::ffi::c_char;

/// What the kernel handed to the process.
pub struct Invocation {}
impl Invocation {
    /// Wraps the raw argument and environment arrays.
    pub fn new(_args: &'static [*const c_char], _env: &'static [*const c_char]) -> Self {
        Invocation {}
    }
}
/// The whole program.
pub fn main(_invocation: Invocation) -> ! {
    loop {}
}
/// Reports a bug of our own and ends.
pub fn panicked(_location: Option<&core::panic::Location<'_>>) -> ! {
    loop {}
}
