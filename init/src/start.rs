//! `_start`: from the stack that the kernel prepared to the program's first function, and the panic handler.
//!
//! The initial stack is the same on every processor (System V ABI for x86-64, section 3.4.1): `argc`, `argv[0..argc]`, NULL,
//! `envp[..]`, NULL, the auxiliary vector. Only the arguments are read: init reads nothing from its environment.
// Unsafe: the entry point receives a raw stack pointer, and nothing can vouch for it but the ABI.
#![allow(unsafe_code)]

use core::ffi::c_char;

use init::contract::Args;

#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    init::entry!(enter)
}

/// # Safety
/// `stack` is the stack pointer as the kernel set it at exec (see the file's first lines).
unsafe extern "C" fn enter(stack: *const usize) -> ! {
    // SAFETY: the ABI puts argc at the stack pointer and after it argc pointers to C strings, then a NULL; all of
    // it lies in the writable initial stack, which is never unmapped.
    let arguments = unsafe {
        let argc = *stack;
        let argv = stack.add(1).cast::<*const c_char>();
        Args::new(core::slice::from_raw_parts(argv, argc))
    };
    crate::program(arguments)
}

/// Nothing can unwind (`panic = "abort"`).
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    init::panicked(info.location())
}

/// Referenced by core's precompiled code in unoptimised builds; never called, as panic = abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
