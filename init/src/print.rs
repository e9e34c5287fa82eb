//! Writes init's own lines to its standard streams.

use crate::sys;

/// Prints one line on stderr.
pub(crate) fn eprint(line: &[u8]) {
    print(2, &[line, b"\n"]);
}

/// Prints these parts, one after the other.
pub(crate) fn print(stream: u8, parts: &[&[u8]]) {
    for part in parts {
        let _ = rustix::io::write(sys::stdio(stream), part); // a reader that is gone needs no message
    }
}
