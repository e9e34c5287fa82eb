//! What the operator is told: a line of JSON on stderr.

use std::io::{self, Write};

use serde::Serialize;

/// Writes a line. Nobody may read it: stderr may be closed, or a file on a full disk. That ends no request.
pub(crate) fn tell(line: &impl Serialize) {
    write(&mut io::stderr().lock(), line);
}

fn write(to: &mut impl Write, line: &impl Serialize) {
    let text = serde_json::to_string(line).unwrap_or_default() + "\n";
    let _unheard = to.write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_whole_or_lost() {
        let mut heard = Vec::new();
        write(&mut heard, &serde_json::json!({"a": "b\nc"}));
        assert_eq!(heard, b"{\"a\":\"b\\nc\"}\n");
        let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        write(&mut full, &"lost");
    }
}
