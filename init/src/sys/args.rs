//! The argument vector, as the kernel hands it over and wants it back.

use core::ffi::{CStr, c_char};

/// A list of C strings as the kernel hands it over, and wants it back: an array of pointers that ends with NULL.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    /// Without the NULL, which always follows.
    pointers: &'a [*const c_char],
}

impl<'a> Args<'a> {
    /// # Safety
    /// Every pointer is a C string in memory that may be written and lives as long as `'a`, and a NULL follows the
    /// slice's last element.
    pub unsafe fn new(pointers: &'a [*const c_char]) -> Self {
        Args { pointers }
    }

    /// The arguments in `line`, each with its NUL after it already, as in proc_pid_cmdline(5).
    /// `None`: the last one has no NUL, or there is no room for all pointers and the closing NULL.
    pub fn terminated(line: &'a mut [u8], pointers: &'a mut [*const c_char]) -> Option<Args<'a>> {
        let mut count = 0;
        for arg in line.split_inclusive_mut(|byte| *byte == 0) {
            (arg.last() == Some(&0)).then_some(())?;
            *pointers.get_mut(count)? = arg.as_mut_ptr().cast_const().cast();
            count += 1;
        }
        *pointers.get_mut(count)? = core::ptr::null();
        // SAFETY: each pointer is the start of a run of `line` whose last byte is its only NUL, in memory that was
        // lent to us to write; a NULL follows the last.
        Some(unsafe { Args::new(pointers.get(..count)?) })
    }

    /// Splits `line` in place into arguments at blanks; what stands between single quotes is one argument, or part of
    /// one. `None`: a quote that does not end, or no room for all arguments and the closing NULL.
    ///
    /// The line's last byte is lost unless it is a blank: each argument needs room for its NUL.
    pub(crate) fn split(line: &'a mut [u8], pointers: &'a mut [*const c_char]) -> Option<Args<'a>> {
        let mut count = 0;
        let (mut read, mut written) = (0, 0);
        let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0);
        while let Some(first) = line.get(read) {
            if blank(*first) {
                read += 1;
                continue;
            }
            *pointers.get_mut(count)? = line.get(written..)?.as_ptr().cast();
            count += 1;
            let mut quoted = false;
            while let Some(byte) = line.get(read).copied().filter(|byte| quoted || !blank(*byte)) {
                if byte == b'\'' {
                    quoted = !quoted;
                } else {
                    *line.get_mut(written)? = byte;
                    written += 1;
                }
                read += 1;
            }
            if quoted {
                return None;
            }
            *line.get_mut(written)? = 0;
            written += 1;
            read = read.max(written);
        }
        *pointers.get_mut(count)? = core::ptr::null();
        // SAFETY: each pointer is the start of a run of `line` that ends with a NUL written above, in memory that
        // was lent to us to write; a NULL follows the last.
        Some(unsafe { Args::new(pointers.get(..count)?) })
    }
    pub(crate) fn len(self) -> usize {
        self.pointers.len()
    }

    /// Whether there is no string.
    pub(crate) fn is_empty(self) -> bool {
        self.pointers.is_empty()
    }

    /// The string at `index`.
    pub(crate) fn get(self, index: usize) -> Option<&'a CStr> {
        // SAFETY: the type's invariant.
        self.pointers.get(index).map(|pointer| unsafe { CStr::from_ptr(*pointer) })
    }

    /// The strings from `index` on.
    pub(crate) fn from(self, index: usize) -> Args<'a> {
        Args { pointers: self.pointers.get(index..).unwrap_or_default() }
    }

    pub(super) fn as_ptr(self) -> *const *const c_char {
        self.pointers.as_ptr()
    }

    /// Overwrites this process's strings: the first with `title` as far as it fits, all else with zeros.
    /// What /proc/PID/cmdline shows is this memory.
    ///
    /// For a process that reads no argument any more; code that still holds one would find it changed.
    pub(crate) fn overwrite(self, title: &[u8]) {
        for (index, pointer) in self.pointers.iter().enumerate() {
            let title = if index == 0 { title } else { b"" };
            // SAFETY: the type's invariant; `end` stops at the string's own NUL. Volatile, since the memory was
            // lent out as immutable and the compiler must not reason about it.
            unsafe {
                let end = CStr::from_ptr(*pointer).count_bytes();
                for at in 0..end {
                    pointer
                        .cast_mut()
                        .cast::<u8>()
                        .add(at)
                        .write_volatile(title.get(at).copied().unwrap_or(0));
                }
            }
        }
    }
}
