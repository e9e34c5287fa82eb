//! builder

pub mod arch;
pub mod audit;
pub mod closure;
pub mod dlopen;
pub mod elf;
mod errno;
pub mod loader;
pub mod resolve;
pub mod script;
pub mod seccomp;
pub mod sysroot;
