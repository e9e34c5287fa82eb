//! memcpy, memmove, memset, memcmp, bcmp and strlen: what rustc expects of every target, and a libc would bring.
//!
//! Short is better than fast here: the one large copy that init does goes through the kernel.
// Unsafe: these are C functions by contract; callers (compiled code) guarantee their pointers.
#![allow(unsafe_code)]

use init::arch;

/// # Safety
/// As memcpy(3): both areas are `len` bytes long and do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: the caller guarantees both areas.
    unsafe { arch::copy(to, from, len) };
    to
}

/// # Safety
/// As memmove(3): both areas are `len` bytes long; they may overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= len {
        // SAFETY: `to` is not inside `from..from+len`, so a forward copy never reads what it wrote.
        return unsafe { memcpy(to, from, len) };
    }
    // SAFETY: the areas overlap with `to` above `from`: a copy from the last byte down never reads what it wrote.
    unsafe { arch::copy_from_end(to, from, len) };
    to
}

/// # Safety
/// As memset(3): the area is `len` bytes long.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    // SAFETY: the caller guarantees the area.
    unsafe { arch::fill(to, byte as u8, len) };
    to
}

/// # Safety
/// As memcmp(3): both areas are `len` bytes long.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    for at in 0..len {
        // SAFETY: `at` is below `len`, which the caller guarantees for both areas.
        let (x, y) = unsafe { (*a.add(at), *b.add(at)) };
        if x != y {
            return i32::from(x) - i32::from(y);
        }
    }
    0
}

/// # Safety
/// As bcmp(3), of which memcmp is an implementation.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: same contract.
    unsafe { memcmp(a, b, len) }
}

/// # Safety
/// As strlen(3): a NUL ends the string.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(string: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: no byte before the NUL was zero, so `len` is still inside the string or at its NUL.
    while unsafe { string.add(len).read_volatile() } != 0 {
        len += 1;
    }
    len
}
