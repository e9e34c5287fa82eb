//! What can be wrong with a command line, and the message about it.

use super::spec::ValueKind;
use super::table;
use crate::packed::packed;
use crate::text::{Parts, Text};

/// What is wrong with a command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UsageError<'a> {
    /// No such option.
    Unknown(&'a [u8]),
    /// The option stands last, without its value.
    MissingValue(&'static str),
    /// The value is not what the option takes.
    BadValue {
        /// The option.
        option: &'static str,
        /// The value given.
        value: &'a [u8],
        /// What it takes.
        kind: ValueKind,
    },
    /// More of one option than there is room for.
    TooMany(&'static str),
    /// No `--root`.
    MissingRoot,
    /// Nothing after `--`, or no `--`.
    MissingCommand,
    /// An argument before `--` that is neither an option nor an option's value.
    Stray(&'a [u8]),
}

impl UsageError<'_> {
    /// One line for stderr.
    pub fn render(&self, line: &mut Text<'_>) {
        line.push(b"init: ");
        match *self {
            UsageError::Unknown(arg) => {
                line.push_packed(packed!("unknown option `")).push(arg);
                if let Some(near) = nearest(arg) {
                    line.push_packed(packed!("`; did you mean `")).push(near.as_bytes()).push(b"`?")
                } else {
                    line.push(b"`")
                }
            }
            UsageError::MissingValue(option) => quoted(line, option).push_packed(packed!("needs a value")),
            UsageError::BadValue { option, value, kind } => quoted(line, option)
                .push_packed(packed!("takes "))
                .push_packed(kind.packed())
                .push_packed(packed!(", not `"))
                .push(value)
                .push(b"`"),
            UsageError::TooMany(option) => line
                .push_packed(packed!("too many `"))
                .push(option.as_bytes())
                .push_packed(packed!("`, at most 64")),
            UsageError::MissingRoot => line.push_packed(packed!("`--root DIR` is missing")),
            UsageError::MissingCommand => line.push_packed(packed!("no command: put it after `--`")),
            UsageError::Stray(arg) => line
                .push(b"`")
                .push(arg)
                .push_packed(packed!("` is not an option; put the command after `--`")),
        };
    }
}

/// Begins a sentence about an option.
fn quoted<'a, 'b>(line: &'a mut Text<'b>, option: &str) -> &'a mut Text<'b> {
    line.push(b"`").push(option.as_bytes()).push(b"` ")
}

/// The option that the caller may have meant: one that differs in one place by at most two characters.
fn nearest(arg: &[u8]) -> Option<&'static str> {
    // `--memory=64M` is an option with a value: its name is what counts.
    let arg = Parts::new(arg, b'=').next()?;
    let near = table::all().map(|spec| (difference(arg, spec.name.as_bytes()), spec.name));
    near.min_by_key(|(difference, _)| *difference)
        .filter(|(difference, _)| *difference <= 2)
        .map(|(_, name)| name)
}

/// The length of what differs between the common start and the common end of two names.
fn difference(a: &[u8], b: &[u8]) -> usize {
    let (shorter, longer) = (a.len().min(b.len()), a.len().max(b.len()));
    let start = equal(a.iter().zip(b));
    // What is part of the common start is not part of the common end too (`--a` and `--aa`).
    let end = equal(a.iter().rev().zip(b.iter().rev())).min(shorter - start);
    longer - start - end
}

fn equal<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> usize {
    pairs.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_gets_a_suggestion() {
        for (typed, meant) in [
            ("--memroy", "--memory"),
            ("--memory=64M", "--memory"),
            ("--cputime", "--cpu-time"),
            ("--walltime", "--wall-time"),
            ("--pid", "--pids"),
            ("--hostnam", "--hostname"),
            ("--user-ns", "--userns"),
        ] {
            assert_eq!(nearest(typed.as_bytes()), Some(meant), "{typed}");
        }
        for other in ["--", "--frob", "--bogus", "--nonsense", "--timeout", "--x"] {
            assert_eq!(nearest(other.as_bytes()), None, "{other}");
        }
    }
}
