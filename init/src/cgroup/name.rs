//! The name of a run's cgroup: `capsule-PID-NANOSECONDS`, both in hexadecimal.
//!
//! It says who made it and when, so that a directory whose supervisor and PID 1 were killed in the same instant can be
//! recognised as left over.

use crate::text::{Text, strip_prefix};

/// How every name starts.
pub const PREFIX: &str = "capsule-";

const PID_DIGITS: u32 = 8;
const TIME_DIGITS: u32 = 16;

/// Bytes of a name and its NUL.
pub(crate) const LEN: usize = PREFIX.len() + PID_DIGITS as usize + 1 + TIME_DIGITS as usize + 1;

/// Who made a cgroup, and when. No two runs of one boot have the same: a pid is not used twice in one nanosecond.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunName {
    /// The supervisor's pid.
    pub supervisor: u32,
    /// CLOCK_MONOTONIC, in nanoseconds.
    pub made_at: u64,
}

impl RunName {
    /// The bytes of the name, ended by a NUL.
    pub(crate) fn render(self) -> [u8; LEN] {
        let mut name = [0; LEN];
        Text::new(&mut name)
            .push(PREFIX.as_bytes())
            .hex(self.supervisor.into(), PID_DIGITS)
            .push(b"-")
            .hex(self.made_at, TIME_DIGITS);
        name
    }

    /// The run that a directory's name belongs to; `None` if it is not a run's name.
    pub fn parse(name: &[u8]) -> Option<RunName> {
        let (pid, rest) = strip_prefix(name, PREFIX.as_bytes())?.split_at_checked(PID_DIGITS as usize)?;
        let time = strip_prefix(rest, b"-").filter(|time| time.len() == TIME_DIGITS as usize)?;
        Some(RunName { supervisor: u32::try_from(parse_hex(pid)?).ok()?, made_at: parse_hex(time)? })
    }
}

fn parse_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let run = RunName { supervisor: 42, made_at: 1_000_000 };
        let name = run.render();
        assert_eq!(&name, b"capsule-0000002a-00000000000f4240\0");
        assert_eq!(RunName::parse(&name[..LEN - 1]), Some(run));
        for other in ["capsule-2a", "user.slice", "capsule-zzzzzzzz-0000000000000000", "capsule-0000002a-0"] {
            assert_eq!(RunName::parse(other.as_bytes()), None, "{other}");
        }
    }
}
