//! JUnit XML, as CI servers read it: one suite for each world, one test case for each case.

use std::fmt::Write;

use super::{Proof, printable};
use crate::case::Verdict;
use crate::matrix::CaseResult;
use crate::suite::Suite;
use crate::tally::Tally;

/// The proof as JUnit XML.
pub fn render(proof: &Proof) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let others = proof.failures_of_no_case();
    let tests = proof.rows.len() + others.len();
    // Writing to a String cannot fail; here and below.
    let _ = writeln!(text, "<testsuites tests=\"{tests}\" failures=\"{}\">", proof.failed);
    for world in proof.worlds() {
        let rows: Vec<CaseResult> = proof.rows.iter().filter(|row| row.world == world).cloned().collect();
        let failed = Tally::of(&rows).failed;
        open_suite(&mut text, world, rows.len(), failed);
        rows.iter().for_each(|row| push_case(&mut text, &row.case, seconds(row), &row.verdict));
        text.push_str("  </testsuite>\n");
    }
    for of in others.chunk_by(|(one, ..), (other, ..)| one == other) {
        open_suite(&mut text, of[0].0, of.len(), of.len());
        for (_, name, why) in of {
            push_case(&mut text, name, 0.0, &Verdict::Failed(vec![why.clone()]));
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn open_suite(text: &mut String, name: &str, tests: usize, failures: usize) {
    let name = escape(name);
    let _ = writeln!(text, "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">"); // a String
}

fn seconds(row: &CaseResult) -> f64 {
    row.seen.as_ref().map_or(0.0, |seen| seen.wall_us as f64 / 1e6)
}

fn push_case(text: &mut String, name: &str, seconds: f64, verdict: &Verdict) {
    let suite = escape(Suite::of(name).map_or(name, |suite| suite.name()));
    let _ =
        write!(text, "    <testcase classname=\"{suite}\" name=\"{}\" time=\"{seconds:.3}\"", escape(name)); // a String
    let _ = match verdict {
        Verdict::Passed => writeln!(text, "/>"),
        Verdict::NotApplicable(why) => writeln!(text, "><skipped message=\"{}\"/></testcase>", escape(why)),
        Verdict::Failed(why) => {
            writeln!(text, "><failure message=\"{}\"/></testcase>", escape(&why.join("; ")))
        }
    }; // a String
}

/// For an attribute's value. XML 1.0 cannot express most control characters at all, so they are replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in printable(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Bundle, examples};

    #[test]
    fn worlds_are_suites_and_nothing_breaks_the_markup() {
        let proof = Proof::new(Bundle::default(), &[], examples::rows(), vec![]);
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites tests=\"3\" failures=\"1\">
  <testsuite name=\"6.1\" tests=\"2\" failures=\"1\">
    <testcase classname=\"attack\" name=\"attack/a\" time=\"0.000\"/>
    <testcase classname=\"attack\" name=\"attack/&lt;b&gt;&amp;&quot;\u{fffd}\" time=\"0.000\"><failure message=\"one&#10;two; three # four\"/></testcase>
  </testsuite>
  <testsuite name=\"6.12\" tests=\"1\" failures=\"0\">
    <testcase classname=\"attack\" name=\"attack/a\" time=\"0.000\"><skipped message=\"no such part\"/></testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(render(&proof), expected);
    }
}
