//! The large buffers of a process. They are zero pages of the kernel's until they are used, as a local array would
//! not be.

use core::ffi::c_char;
use core::sync::atomic::{AtomicBool, Ordering};

use super::process::exit;

use super::filter::Instruction;

/// Room for a policy that the operator wrote: the longest that a reader has to take.
pub(crate) type PolicyBuffer = [u8; 20 << 10];

/// Room for the instructions of a policy's filters.
pub(crate) type ProgramBuffer = [Instruction; 1024];

/// Room for one stream's bytes on their way.
pub(crate) type StreamBuffer = [u8; 64 << 10];

/// Room for a request of `init-serve`, and for what its PID 1 is told with it.
pub(crate) type RequestBuffer = [u8; (64 << 10) + 64];

/// Room for the arguments of a request.
pub(crate) type PointerBuffer = [*const c_char; 4096];

/// Declares a function that returns the one buffer of its kind that this process has. A second call ends the process.
macro_rules! buffer {
    ($(#[$doc:meta])* $function:ident: $kind:ty = $empty:expr) => {
        $(#[$doc])*
        pub(crate) fn $function() -> &'static mut $kind {
            static mut BUFFER: $kind = $empty;
            static TAKEN: AtomicBool = AtomicBool::new(false);
            if TAKEN.swap(true, Ordering::Relaxed) {
                exit(125);
            }
            #[allow(static_mut_refs)] // the one reference that there ever is
            // SAFETY: the flag above makes this the only reference to `BUFFER`, which has no other name.
            unsafe {
                &mut BUFFER
            }
        }
    };
}

buffer! {
    /// For the file of `--seccomp`.
    policy_buffer: PolicyBuffer = [0; size_of::<PolicyBuffer>()]
}

buffer! {
    /// For the filters of this run.
    program_buffer: ProgramBuffer = [[0; size_of::<Instruction>()]; 1024]
}

buffer! {
    /// For the three streams, and one for the report.
    stream_buffers: [StreamBuffer; 4] = [[0; size_of::<StreamBuffer>()]; 4]
}

buffer! {
    /// For a request as it comes and a copy of it that is split into arguments, in the server and in a slot.
    request_buffers: [RequestBuffer; 4] = [[0; size_of::<RequestBuffer>()]; 4]
}

buffer! {
    /// For the arguments in the server and in a slot.
    pointer_buffers: [PointerBuffer; 2] = [[core::ptr::null(); 4096]; 2]
}
