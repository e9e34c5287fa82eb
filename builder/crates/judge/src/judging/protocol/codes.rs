//! Protocols in which the exit code is the whole answer: HustOJ, QDU, DMOJ.

use super::{ANSWER, INPUT, Left, OUTPUT, Role, Rules, Ruling, strings};

/// 0 accepts, and every other code rejects.
pub(super) struct Hustoj;
/// 0 accepts, 1 rejects; a failure is -1.
pub(super) struct Qduoj;
/// 0 accepts, 1 rejects.
pub(super) struct Dmoj;

impl Rules for Hustoj {
    fn arguments(&self, _: Role, _: f64) -> Vec<String> {
        strings(&[INPUT, ANSWER, OUTPUT])
    }

    fn ruling(&self, left: &Left<'_>) -> Result<Ruling, String> {
        Ok(Ruling::accepted(left.code == 0, left.stdout))
    }
}

impl Rules for Qduoj {
    fn arguments(&self, _: Role, _: f64) -> Vec<String> {
        strings(&[INPUT, OUTPUT])
    }

    fn ruling(&self, left: &Left<'_>) -> Result<Ruling, String> {
        zero_or_one(left)
    }
}

impl Rules for Dmoj {
    fn arguments(&self, role: Role, _: f64) -> Vec<String> {
        match role {
            Role::Checker => strings(&[INPUT, OUTPUT, ANSWER]),
            Role::Interactor => strings(&[INPUT, ANSWER]),
        }
    }

    fn ruling(&self, left: &Left<'_>) -> Result<Ruling, String> {
        // What it says to contestants is on stdout; an interactor's stdout is the talk.
        zero_or_one(left)
    }
}

fn zero_or_one(left: &Left<'_>) -> Result<Ruling, String> {
    match left.code {
        0 | 1 => Ok(Ruling::accepted(left.code == 0, left.stdout)),
        code => Err(format!("exit code {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::ruled;
    use crate::problem::Protocol::{Dmoj, Hustoj, Qduoj};

    #[test]
    fn codes_are_what_each_protocol_says() {
        assert_eq!(ruled(Hustoj, 0, "", ""), "AC 1");
        assert_eq!(ruled(Hustoj, 5, "no\n", ""), "WA 0 no");
        for protocol in [Qduoj, Dmoj] {
            assert_eq!(ruled(protocol, 0, "", ""), "AC 1");
            assert_eq!(ruled(protocol, 1, "", ""), "WA 0");
            assert_eq!(ruled(protocol, 255, "", ""), "JE exit code 255");
        }
    }
}
