//! `capsule judge --html FILE`: one page with the tests of each submission, their times as a chart, and the messages.
//!
//! The page is self-contained: it loads no script, font or other file. Everything that a submission wrote is escaped.

use askama::Template;
use bundle::human_bytes;
use judge::judging::{Judgement, PackageJudgement, TestResult};
use judge::problem::Verdict;

use crate::error::Error;

/// The size of a chart in units of its SVG, about pixels: on a wide screen, and on a phone.
const CHARTS: [(&str, f64, f64); 2] = [("wide", 1000.0, 220.0), ("narrow", 400.0, 200.0)];
/// What is left below the bars for a line of text, and above the limit.
const BELOW: f64 = 20.0;
const ABOVE: f64 = 1.15;
/// A limit that is so many times the slowest test is far above.
const FAR_ABOVE: u64 = 4;
/// A bar of no time is still seen.
const LOWEST: f64 = 2.0;
const WIDEST: f64 = 60.0;

#[derive(Template)]
#[template(path = "judgement.html")]
struct Page {
    title: String,
    result: String,
    class: &'static str,
    facts: String,
    rows: Vec<SubmissionRow>,
    sections: Vec<Section>,
}

/// A submission in the table of a package.
struct SubmissionRow {
    name: String,
    expected: String,
    verdict: &'static str,
    is_expected: bool,
    slowest: String,
}

/// A submission with its tests.
struct Section {
    /// Empty if it is the only one.
    name: String,
    verdict: &'static str,
    facts: String,
    faults: Vec<String>,
    /// What the compiler wrote, or why there is no verdict.
    text: String,
    charts: Vec<Chart>,
    tests: Vec<TestRow>,
}

struct TestRow {
    name: String,
    verdict: &'static str,
    time: String,
    memory: String,
    message: String,
}

struct Chart {
    class: &'static str,
    width: f64,
    height: f64,
    base: f64,
    /// Where the line of text below the bars is.
    foot: f64,
    bars: Vec<Bar>,
    limit: Option<String>,
    label: String,
    label_text: String,
}

struct Bar {
    verdict: &'static str,
    x: String,
    y: String,
    width: String,
    height: String,
    title: String,
}

/// The page of one submission.
pub(super) fn of_one(judgement: &Judgement) -> Result<String, Error> {
    let section = Section { facts: String::new(), ..section("", judgement) };
    let score = judgement.score.map(|score| format!(" {score}")).unwrap_or_default();
    render(&Page {
        title: judgement.problem.clone(),
        result: format!("{}{score}", judgement.verdict),
        class: judgement.verdict.word(),
        facts: facts(judgement),
        rows: Vec::new(),
        sections: vec![section],
    })
}

/// The page of a package: a table of its submissions, and the tests of each.
pub(super) fn of_package(package: &PackageJudgement) -> Result<String, Error> {
    let limit = package.time_limit_us.map(|limit| {
        let source = if package.is_computed { ", computed from the submissions" } else { "" };
        format!("time limit {}{source}", seconds(limit))
    });
    let mut page = Page {
        title: package.problem.clone(),
        result: if package.as_expected { "as expected" } else { "not as expected" }.to_owned(),
        class: if package.as_expected { "AC" } else { "WA" },
        facts: limit.into_iter().chain(package.warnings.clone()).collect::<Vec<_>>().join("; "),
        rows: Vec::new(),
        sections: Vec::new(),
    };
    for result in &package.submissions {
        let nothing = || Section {
            name: result.name.clone(),
            verdict: Verdict::InternalError.word(),
            facts: String::new(),
            faults: Vec::new(),
            text: String::new(),
            charts: Vec::new(),
            tests: Vec::new(),
        };
        let judgement = result.judgement.as_ref();
        let mut section = judgement.map_or_else(nothing, |judgement| section(&result.name, judgement));
        section.faults.clone_from(&result.faults);
        let tests = judgement.map(|judgement| &judgement.tests[..]).unwrap_or_default();
        let slowest = tests.iter().filter_map(|test| test.time_us).max();
        page.rows.push(SubmissionRow {
            name: result.name.clone(),
            expected: result.expected.clone(),
            verdict: section.verdict,
            is_expected: result.faults.is_empty(),
            slowest: slowest.map(seconds).unwrap_or_default(),
        });
        page.sections.push(section);
    }
    render(&page)
}

fn render(page: &Page) -> Result<String, Error> {
    page.render().map_err(|e| Error::Render { template: "judgement.html", what: e.to_string() })
}

fn section(name: &str, judgement: &Judgement) -> Section {
    let compiler = judgement.compile.as_ref().map(|compile| compile.text.trim_end().to_owned());
    let text = judgement.error.clone().or(compiler).unwrap_or_default();
    let has_times = judgement.tests.iter().any(|test| test.time_us.is_some());
    let charts = CHARTS.iter().filter(|_| has_times).map(|size| chart(*size, judgement));
    Section {
        name: name.to_owned(),
        verdict: judgement.verdict.word(),
        facts: facts(judgement),
        faults: Vec::new(),
        text,
        charts: charts.collect(),
        tests: judgement.tests.iter().map(row).collect(),
    }
}

/// The language, the slowest test next to the limit, and the most memory, in one line.
fn facts(judgement: &Judgement) -> String {
    let mut facts = vec![judgement.language.clone()];
    let slowest =
        judgement.tests.iter().filter(|test| test.time_us.is_some()).max_by_key(|test| test.time_us);
    if let Some((test, time)) = slowest.and_then(|test| Some((test, test.time_us?))) {
        let limit = judgement.time_limit_us.map(|limit| format!(" of {}", seconds(limit)));
        facts.push(format!("slowest test {}: {}{}", test.name, seconds(time), limit.unwrap_or_default()));
    }
    let memory = judgement.tests.iter().filter_map(|test| test.memory_bytes).max();
    facts.extend(memory.map(|memory| format!("most memory {}", human_bytes(memory))));
    facts.join(" · ")
}

fn row(test: &TestResult) -> TestRow {
    let first = test.first_run.as_ref().and_then(|first| first.time_us);
    let again = first.map(|first| format!("repeated alone; {} next to others", seconds(first)));
    let stderr = test.stderr.trim_end();
    let stderr = (!stderr.is_empty()).then(|| format!("stderr: {stderr}"));
    let message = Some(test.message.clone()).filter(|message| !message.is_empty());
    let parts: Vec<String> = [message, again, stderr].into_iter().flatten().collect();
    TestRow {
        name: test.name.clone(),
        verdict: test.verdict.word(),
        time: test.time_us.map(seconds).unwrap_or_default(),
        memory: test.memory_bytes.map(human_bytes).unwrap_or_default(),
        message: parts.join("\n"),
    }
}

/// A bar for each test, and the limit as a line above them. A limit that is far above them is not drawn: the bars would be
/// as flat as the line below them.
fn chart((class, width, height): (&'static str, f64, f64), judgement: &Judgement) -> Chart {
    let slowest = judgement.tests.iter().filter_map(|test| test.time_us).max().unwrap_or(1).max(1);
    let limit = judgement.time_limit_us;
    let shown = limit.filter(|limit| limit / FAR_ABOVE < slowest);
    let highest = slowest.max(shown.unwrap_or(0)) as f64 * ABOVE;
    let base = height - BELOW;
    let y = |time: u64| base - base * time as f64 / highest;
    let step = width / judgement.tests.len().max(1) as f64;
    let bar = |(number, test): (usize, &TestResult)| {
        let time = test.time_us?;
        let wide = (step * 0.8).min(WIDEST);
        let top = y(time).min(base - LOWEST);
        Some(Bar {
            verdict: test.verdict.word(),
            x: units((number as f64 + 0.5) * step - wide / 2.0),
            y: units(top),
            width: units(wide),
            height: units(base - top),
            title: format!("{}: {}, {}", test.name, test.verdict, seconds(time)),
        })
    };
    let far = |limit: u64| {
        let part = slowest as f64 / limit as f64 * 100.0;
        format!("time limit {}; the slowest test needs {part:.1} % of it", seconds(limit))
    };
    Chart {
        class,
        width,
        height,
        base,
        foot: height - BELOW / 4.0,
        bars: judgement.tests.iter().enumerate().filter_map(bar).collect(),
        limit: shown.map(|limit| units(y(limit))),
        label: units(shown.map_or(y(slowest), y) - 5.0),
        label_text: match (limit, shown) {
            (Some(limit), Some(_)) => format!("time limit {}", seconds(limit)),
            (Some(limit), None) => far(limit),
            (None, _) => String::new(),
        },
    }
}

fn seconds(us: u64) -> String {
    format!("{:.3} s", us as f64 / 1e6)
}

/// With fixed digits, so that the same judgement makes the same page.
fn units(value: f64) -> String {
    format!("{value:.1}")
}
