//! TAP version 14 (testanything.org): one line for each case, a YAML block under what failed.

use std::fmt::Write;

use super::{Proof, printable};
use crate::case::Verdict;

/// The proof as TAP.
pub fn render(proof: &Proof) -> String {
    let others = proof.failures_of_no_case();
    let mut text = format!("TAP version 14\n1..{}\n", proof.rows.len() + others.len());
    for (index, row) in proof.rows.iter().enumerate() {
        let name = format!("{}: {}", row.world, row.case);
        push_line(&mut text, index + 1, &name, &row.verdict);
    }
    for (index, (suite, name, why)) in others.into_iter().enumerate() {
        let why = Verdict::Failed(vec![why]);
        push_line(&mut text, proof.rows.len() + index + 1, &format!("{suite}: {name}"), &why);
    }
    text
}

fn push_line(text: &mut String, number: usize, name: &str, verdict: &Verdict) {
    let ok = if matches!(verdict, Verdict::Failed(_)) { "not ok" } else { "ok" };
    // Writing to a String cannot fail.
    let _ = write!(text, "{ok} {number} - {}", escape(name));
    match verdict {
        Verdict::Passed => text.push('\n'),
        Verdict::NotApplicable(why) => {
            let _ = writeln!(text, " # SKIP {}", one_line(why)); // as above
        }
        Verdict::Failed(why) => {
            text.push_str("\n  ---\n  why:\n");
            for reason in why {
                // A JSON string is a YAML string.
                let quoted = serde_json::to_string(&printable(reason)).unwrap_or_default();
                let _ = writeln!(text, "    - {quoted}"); // as above
            }
            text.push_str("  ...\n");
        }
    }
}

/// `#` begins a directive, and a line is a line.
fn escape(name: &str) -> String {
    one_line(name).replace('\\', "\\\\").replace('#', "\\#")
}

fn one_line(text: &str) -> String {
    printable(text).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Bundle, examples};

    #[test]
    fn each_case_is_one_line_with_its_number() {
        let proof = Proof::new(Bundle::default(), &[], examples::rows(), vec!["swap".into()]);
        let text = render(&proof);
        let expected = [
            "TAP version 14",
            "1..4",
            "ok 1 - 6.1: attack/a",
            "not ok 2 - 6.1: attack/<b>&\"\u{fffd}",
            "  ---",
            "  why:",
            "    - \"one\\ntwo\"",
            "    - \"three # four\"",
            "  ...",
            "ok 3 - 6.12: attack/a # SKIP no such part",
            "not ok 4 - guards: guard/swap",
            "  ---",
            "  why:",
            "    - \"no case removes it\"",
            "  ...",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
}
