//! `_start`: from the stack the kernel prepared to `init::main`, and the panic handler.
//!
//! The initial stack layout is fixed by the System V ABI for x86-64, section 3.4.1:
//! `argc`, `argv[0..argc]`, NULL, `envp[..]`, NULL, the auxiliary vector.
// Unsafe: the entry point receives a raw stack pointer, and nothing can vouch for it but the ABI.
#![allow(unsafe_code)]

use core::arch::naked_asm;
use core::ffi::c_char;

/// Clears the frame pointer (the outermost frame has no caller), hands the initial stack pointer
/// to [`enter`], and aligns the stack as a call expects.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {enter}", enter = sym enter)
}

/// # Safety
/// `stack` is the stack pointer as the kernel set it at exec (see the file's first lines).
unsafe extern "C" fn enter(stack: *mut usize) -> ! {
    // SAFETY: the ABI puts argc at the stack pointer, and argc + 1 pointers behind it, the last one
    // NULL, then the environment in the same form. The strings live in the same, never unmapped, stack area.
    let (args, env) = unsafe {
        let argc = *stack;
        let argv = stack.add(1).cast::<*const c_char>();
        let envp = argv.add(argc + 1);
        let mut envc = 0;
        while !(*envp.add(envc)).is_null() {
            envc += 1;
        }
        (core::slice::from_raw_parts(argv, argc), core::slice::from_raw_parts(envp, envc))
    };
    init::main(init::Invocation::new(args, env))
}

/// There is nobody to unwind to: say where, and die with the exit code of a broken sandbox.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    init::panicked(info.location())
}

/// Referenced by core's precompiled code in unoptimised builds; never called, as panic = abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

