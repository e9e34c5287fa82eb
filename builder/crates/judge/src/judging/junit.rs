//! A judgement as JUnit XML, which build servers and editors show: a suite for each submission, a case for each test.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::package::PackageJudgement;
use super::report::Judgement;
use super::result::TestResult;
use crate::problem::Verdict;

/// What a case came to.
enum Outcome<'a> {
    Passed,
    Skipped,
    /// The element's name, its type and its message.
    Failed(&'static str, &'a str, String),
}

struct Case<'a> {
    name: &'a str,
    seconds: f64,
    outcome: Outcome<'a>,
    stderr: &'a str,
}

/// Of one submission: a test that is not accepted is a failure, one that the judge failed is an error.
///
/// # Errors
/// None that is known: the text is in memory.
pub fn of_one(judgement: &Judgement) -> io::Result<String> {
    let mut cases: Vec<Case<'_>> = judgement.tests.iter().map(case).collect();
    if cases.is_empty() {
        let text = judgement.compile.as_ref().map(|compile| compile.text.clone()).unwrap_or_default();
        let outcome = failed(judgement.verdict, judgement.error.clone().unwrap_or(text));
        cases.push(Case { name: "compile", seconds: 0.0, outcome, stderr: "" });
    }
    document(&[(&judgement.problem, cases)])
}

/// Of a package: a submission is a case, which fails if it is not as expected.
///
/// # Errors
/// None that is known: the text is in memory.
pub fn of_package(package: &PackageJudgement) -> io::Result<String> {
    let cases = package.submissions.iter().map(|result| {
        let tests = result.judgement.iter().flat_map(|judgement| &judgement.tests);
        let seconds = tests.filter_map(|test| test.time_us).sum::<u64>() as f64 / 1e6;
        let outcome = match &result.faults[..] {
            [] => Outcome::Passed,
            faults => Outcome::Failed("failure", "not as expected", faults.join("\n")),
        };
        Case { name: &result.name, seconds, outcome, stderr: "" }
    });
    document(&[(&package.problem, cases.collect())])
}

fn case(test: &TestResult) -> Case<'_> {
    let outcome = match test.verdict {
        Verdict::Accepted => Outcome::Passed,
        Verdict::Skipped => Outcome::Skipped,
        verdict => failed(verdict, test.message.clone()),
    };
    let seconds = test.time_us.unwrap_or(0) as f64 / 1e6;
    Case { name: &test.name, seconds, outcome, stderr: &test.stderr }
}

fn failed<'a>(verdict: Verdict, message: String) -> Outcome<'a> {
    let is_fault = matches!(verdict, Verdict::JudgeError | Verdict::InternalError);
    Outcome::Failed(if is_fault { "error" } else { "failure" }, verdict.word(), message)
}

fn document(suites: &[(&String, Vec<Case<'_>>)]) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 1);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("testsuites").write_inner_content(|writer| {
        suites.iter().try_for_each(|(name, cases)| suite(writer, name, cases))
    })?;
    let text = String::from_utf8(writer.into_inner()).map_err(io::Error::other)?;
    Ok(text + "\n")
}

fn suite<W: Write>(writer: &mut Writer<W>, name: &str, cases: &[Case<'_>]) -> io::Result<()> {
    let count = |kind: &str| {
        let is_kind = |case: &&Case<'_>| matches!(case.outcome, Outcome::Failed(name, ..) if name == kind);
        cases.iter().filter(is_kind).count().to_string()
    };
    let skipped = cases.iter().filter(|case| matches!(case.outcome, Outcome::Skipped)).count().to_string();
    let time = format!("{:.3}", cases.iter().map(|case| case.seconds).sum::<f64>());
    let (name, tests) = (clean(name), cases.len().to_string());
    let (failures, errors) = (count("failure"), count("error"));
    let attributes = [
        ("name", name.as_str()),
        ("tests", &tests),
        ("failures", &failures),
        ("errors", &errors),
        ("skipped", &skipped),
        ("time", &time),
    ];
    let suite = writer.create_element("testsuite").with_attributes(attributes);
    suite.write_inner_content(|writer| cases.iter().try_for_each(|case| write_case(writer, case, &name)))?;
    Ok(())
}

fn write_case<W: Write>(writer: &mut Writer<W>, case: &Case<'_>, suite: &str) -> io::Result<()> {
    let (name, time) = (clean(case.name), format!("{:.3}", case.seconds));
    let attributes = [("name", name.as_str()), ("classname", suite), ("time", time.as_str())];
    let element = writer.create_element("testcase").with_attributes(attributes);
    element.write_inner_content(|writer| {
        match &case.outcome {
            Outcome::Passed => {}
            Outcome::Skipped => {
                writer.create_element("skipped").write_empty()?;
            }
            Outcome::Failed(element, kind, message) => {
                let message = clean(message);
                let first = message.lines().next().unwrap_or_default();
                let element = writer.create_element(*element);
                let element = element.with_attributes([("type", *kind), ("message", first)]);
                element.write_text_content(BytesText::new(&message))?;
            }
        }
        if !case.stderr.is_empty() {
            let stderr = clean(case.stderr);
            writer.create_element("system-err").write_text_content(BytesText::new(&stderr))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Without the characters that XML cannot have in any form (XML 1.0, 2.2).
fn clean(text: &str) -> String {
    let is_char = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    text.chars()
        .map(|c| if is_char(c) && !matches!(c, '\u{fffe}' | '\u{ffff}') { c } else { '\u{fffd}' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::plain_problem;

    #[test]
    fn every_test_is_a_case_and_any_text_is_xml() {
        let result = |name: &str, verdict, message: &str| TestResult {
            name: name.to_owned(),
            message: message.to_owned(),
            stderr: "\u{1b}[31m<red> & ]]>".to_owned(),
            time_us: Some(1_500),
            ..TestResult::of(verdict, 0.0)
        };
        let tests = vec![
            result("1", Verdict::Accepted, ""),
            result("2", Verdict::WrongAnswer, "expected `\"<a>\"`,\0\nfound `b`"),
            result("3", Verdict::JudgeError, "crashed"),
            result("4", Verdict::Skipped, ""),
        ];
        let text = of_one(&Judgement::of(&plain_problem(4, 0.0), tests)).unwrap();
        let wanted = "tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\"";
        assert!(text.contains(wanted), "{text}");
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut cases = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) if start.name().as_ref() == "testcase" => {
                    cases.push(start.try_get_attribute("name").unwrap().unwrap().value.into_owned());
                }
                Event::Start(start) if start.name().as_ref() == "failure" => {
                    let message = start.try_get_attribute("message").unwrap().unwrap();
                    assert!(!message.value.contains('<') && !message.value.contains('\0'), "{text}");
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(cases, ["1", "2", "3", "4"]);
        assert!(!text.contains('\u{1b}') && !text.contains('\0'));
    }
}
