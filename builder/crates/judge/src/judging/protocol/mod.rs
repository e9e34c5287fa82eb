//! How programs of a problem are called, and how they answer: one file for each kind of answer, one table for all.
//!
//! Pure: it turns what a program left into a ruling, or into the judge's fault.

mod codes;
mod kattis;
mod number;
mod testlib;

use super::feedback::Feedback;
use crate::problem::{Protocol, Scores};

/// Where a program finds its files.
pub(super) const INPUT: &str = "/tmp/input";
pub(super) const ANSWER: &str = "/tmp/answer";
pub(super) const DIRECTORY: &str = "/tmp/feedback";
/// The output is stdin. As that is a regular file, it can be opened by this name as well (docs/options.md).
pub(super) const OUTPUT: &str = "/dev/stdin";
/// What an interactor writes for the checker.
pub(super) const TALK: &str = "tout";

/// What a program does for the problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It reads an output.
    Checker,
    /// It talks with the submission.
    Interactor,
}

/// What a program decided.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ruling {
    pub(super) is_accepted: bool,
    /// The part of the points.
    pub(super) share: f64,
    pub(super) message: String,
}

/// What a program left that ended by itself.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) code: i64,
    /// The start of what it wrote.
    pub(super) stdout: &'a str,
    pub(super) stderr: &'a str,
    pub(super) feedback: &'a dyn Texts,
    /// The points of the test.
    pub(super) points: f64,
    /// What a score of it means.
    pub(super) scores: Scores,
    /// Whether the problem has scores.
    pub(super) has_scores: bool,
}

/// The files that a program wrote, by their names.
pub(super) trait Texts {
    fn text(&self, name: &str) -> Option<String>;
}

impl Texts for Feedback {
    fn text(&self, name: &str) -> Option<String> {
        Feedback::text(self, name)
    }
}

/// How programs of one kind are called, and how they answer.
pub(super) trait Rules: Sync {
    /// The arguments before those of the problem.
    fn arguments(&self, role: Role, points: f64) -> Vec<String>;

    /// What it decided.
    ///
    /// # Errors
    /// Why its answer means nothing: that is the judge's fault.
    fn ruling(&self, left: &Left<'_>) -> Result<Ruling, String>;

    /// Names that it wants in its working directory, and where they lead.
    fn links(&self, _: Role) -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

/// The rules of a protocol.
pub(super) fn rules(protocol: Protocol) -> &'static dyn Rules {
    match protocol {
        Protocol::Kattis => &kattis::Kattis,
        Protocol::Testlib => &testlib::Testlib,
        Protocol::Cms => &number::Cms,
        Protocol::Lemon => &number::Lemon,
        Protocol::Syzoj => &number::Syzoj,
        Protocol::Hustoj => &codes::Hustoj,
        Protocol::Qduoj => &codes::Qduoj,
        Protocol::Dmoj => &codes::Dmoj,
    }
}

impl Ruling {
    /// Whether it gives the submission anything.
    pub(super) fn is_worth_something(&self) -> bool {
        self.is_accepted || self.share > 0.0
    }

    fn accepted(is_accepted: bool, message: &str) -> Ruling {
        Ruling { is_accepted, share: if is_accepted { 1.0 } else { 0.0 }, message: message.trim().to_owned() }
    }

    /// All of the points is right, and anything less is wrong.
    fn share(share: f64, message: &str) -> Ruling {
        Ruling { is_accepted: share >= 1.0, share, message: message.trim().to_owned() }
    }
}

fn strings(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

/// A number from 0 on.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

/// As much of an answer that means nothing is shown.
pub(super) fn shown(text: &str) -> String {
    text.trim().chars().take(80).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    impl Texts for BTreeMap<&str, &str> {
        fn text(&self, name: &str) -> Option<String> {
            self.get(name).map(|text| (*text).to_owned())
        }
    }

    /// Verdict, share and message, or what is wrong.
    pub(super) fn ruled(protocol: Protocol, code: i64, stdout: &str, stderr: &str) -> String {
        ruled_with(protocol, code, stdout, stderr, &[])
    }

    pub(super) fn ruled_with(
        protocol: Protocol,
        code: i64,
        stdout: &str,
        stderr: &str,
        files: &[(&str, &str)],
    ) -> String {
        ruled_for(Scores::Free, protocol, code, stdout, stderr, files)
    }

    pub(super) fn ruled_for(
        scores: Scores,
        protocol: Protocol,
        code: i64,
        stdout: &str,
        stderr: &str,
        files: &[(&str, &str)],
    ) -> String {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        let left = Left { code, stdout, stderr, feedback: &files, points: 20.0, scores, has_scores: true };
        match rules(protocol).ruling(&left) {
            Ok(ruling) => {
                let word = if ruling.is_accepted { "AC" } else { "WA" };
                format!("{word} {} {}", ruling.share, ruling.message).trim().to_owned()
            }
            Err(what) => format!("JE {what}"),
        }
    }

    #[test]
    fn each_protocol_has_its_order_of_arguments() {
        for (protocol, wanted) in [
            (Protocol::Kattis, "/tmp/input /tmp/answer /tmp/feedback/"),
            (Protocol::Testlib, "/tmp/input /dev/stdin /tmp/answer"),
            (Protocol::Cms, "/tmp/input /tmp/answer /dev/stdin"),
            (
                Protocol::Lemon,
                "/tmp/input /dev/stdin /tmp/answer 20 /tmp/feedback/score /tmp/feedback/message",
            ),
            (Protocol::Hustoj, "/tmp/input /tmp/answer /dev/stdin"),
            (Protocol::Qduoj, "/tmp/input /dev/stdin"),
            (Protocol::Syzoj, ""),
            (Protocol::Dmoj, "/tmp/input /dev/stdin /tmp/answer"),
        ] {
            assert_eq!(rules(protocol).arguments(Role::Checker, 20.0).join(" "), wanted, "{protocol:?}");
        }
        for (protocol, wanted) in [
            (Protocol::Kattis, "/tmp/input /tmp/answer /tmp/feedback/"),
            (Protocol::Testlib, "/tmp/input /tmp/feedback/tout /tmp/answer"),
            (Protocol::Dmoj, "/tmp/input /tmp/answer"),
            (Protocol::Cms, ""),
        ] {
            assert_eq!(rules(protocol).arguments(Role::Interactor, 20.0).join(" "), wanted, "{protocol:?}");
        }
    }
}
