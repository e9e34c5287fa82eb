//! Finds on the build host what a recipe requests. Only reads.

pub(crate) mod applets;
pub mod bytecode;
pub(crate) mod data;
pub mod dpkg;
pub(crate) mod include;
pub(crate) mod inputs;
pub(crate) mod os_release;
#[allow(unreachable_pub)]
pub(crate) mod probe;
pub(crate) mod slice;
pub mod toolchain;
