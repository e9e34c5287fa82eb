//! `init run --help`, made of the table of options.

use super::spec::{Group, OptionSpec};
use super::table;
use crate::packed::{Packed, packed};
use crate::text::Text;

/// The first line.
pub(crate) const HEAD: &[u8] = b"usage: init run --root DIR [OPTION ...] -- CMD [ARG ...]
";

/// How values are written: the end of help.
pub const NOTES: &str = "\
TIME is a number with us, ms or s, such as 250ms or 1.5s.
SIZE is a number of bytes, alone or with K, M or G (powers of 1024), such as 256M.
`none` lifts any limit except --tmp. fd:N is a descriptor that the caller opened.
Of an option that is given twice and may not be repeated, the last one counts.
";

/// Room for one line, and the column in which the explanations start.
const WIDTH: usize = 128;
const COLUMN: usize = 30;

/// Prints it, line by line.
pub(crate) fn print(mut print: impl FnMut(&[u8])) {
    print(HEAD);
    print(b"\n");
    for group in Group::ALL {
        print_text(group.packed(), &mut print);
        print(b":\n");
        for (index, spec) in table::all().enumerate().filter(|(_, spec)| spec.group == *group) {
            let mut line = [0; WIDTH];
            let mut line = Text::new(&mut line);
            describe(&spec, table::help(index), &mut line);
            print(line.as_bytes());
        }
        print(b"\n");
    }
    print_text(packed!(NOTES), &mut print);
}

/// A packed text.
fn print_text(text: Packed, print: &mut impl FnMut(&[u8])) {
    let mut buffer = [0; 512];
    print(Text::new(&mut buffer).push_packed(text).as_bytes());
}

fn describe(spec: &OptionSpec, help: Packed, line: &mut Text<'_>) {
    line.push(b"  ").push(spec.name.as_bytes());
    if let Some(value) = spec.value {
        line.push(b" ").push(value.as_bytes());
    }
    while line.as_bytes().len() < COLUMN {
        line.push(b" ");
    }
    line.push_packed(help);
    if !spec.default.is_empty() {
        line.push(b" [default: ").push(spec.default.as_bytes()).push(b"]");
    }
    if spec.repeatable {
        line.push(b" [repeatable]");
    }
    line.push(b"\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_a_line_that_fits() {
        let mut help = String::new();
        print(|bytes| help += str::from_utf8(bytes).unwrap());
        for spec in table::OPTIONS {
            let line = help.lines().find(|line| line.split(' ').nth(2) == Some(spec.name)).expect(spec.name);
            assert!(line.contains(&format!("  {}", spec.help)), "{line}");
        }
        assert!(help.lines().all(|line| line.len() < WIDTH - 8), "{help}");
        assert!(help.contains("--memory SIZE               memory of all processes and of the files that they write [default: 256M]\n"), "{help}");
    }
}
