//! A package's submissions as a table: each with its verdicts by group, its slowest test, and how near that is to the limit.

use std::fmt;

use super::package::{ExampleResult, PackageJudgement};
use super::score::GroupResult;
use super::text::round;

/// More groups than this do not fit into a line: then only the outermost ones are shown.
const MOST_GROUPS: usize = 6;

/// What came of a package, for a terminal or a log.
pub struct Table<'a>(pub &'a PackageJudgement);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let package = self.0;
        let mut rows = vec![heading(&package.submissions)];
        rows.extend(package.submissions.iter().map(|result| row(result, package.time_limit_us)));
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &rows {
            let cells =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        if let Some(limit) = package.time_limit_us {
            let source = if package.is_computed { "computed from the submissions" } else { "the problem's" };
            writeln!(f, "time limit {} s, {source}", limit as f64 / 1e6)?;
        }
        for warning in &package.warnings {
            writeln!(f, "warning: {}", warning.escape_debug())?;
        }
        for result in &package.submissions {
            for fault in &result.faults {
                let fault = fault.replace('\n', " / ");
                writeln!(f, "not as expected: {}: {}", result.name.escape_debug(), fault.escape_debug())?;
            }
        }
        if let Some(error) = &package.error {
            writeln!(f, "error: {}", error.escape_debug())?;
        }
        let failed = package.submissions.iter().filter(|result| !result.faults.is_empty()).count();
        let count = package.submissions.len();
        match failed {
            0 => writeln!(f, "all {count} as expected"),
            _ => writeln!(f, "{failed} of {count} not as expected"),
        }
    }
}

fn heading(results: &[ExampleResult]) -> Vec<String> {
    let groups = results.iter().filter_map(|result| result.judgement.as_ref()).map(|judged| &judged.groups);
    let shown = groups.map(|groups| columns(groups)).max_by_key(Vec::len).unwrap_or_default();
    let names = shown.iter().map(|group| group.name.escape_debug().to_string());
    let first = ["", "submission", "expected"].map(str::to_owned);
    first.into_iter().chain(["verdict".to_owned()]).chain(names).chain(["slowest".to_owned()]).collect()
}

fn row(result: &ExampleResult, limit_us: Option<u64>) -> Vec<String> {
    let mark = if result.faults.is_empty() { "ok" } else { "NO" };
    let mut row = vec![mark.to_owned(), result.name.escape_debug().to_string(), result.expected.clone()];
    let Some(judgement) = &result.judgement else {
        row.push("not judged".to_owned());
        return row;
    };
    row.push(cell(judgement.verdict.word(), judgement.score));
    row.extend(columns(&judgement.groups).iter().map(|group| cell(group.verdict.word(), group.score)));
    let slowest = judgement.tests.iter().max_by_key(|test| test.time_us);
    if let Some((test, time)) = slowest.and_then(|test| Some((test, test.time_us?))) {
        let share =
            limit_us.map(|limit| format!(", {:.0} % of the limit", 100.0 * time as f64 / limit as f64));
        row.push(format!(
            "{:.3} s in {}{}",
            time as f64 / 1e6,
            test.name.escape_debug(),
            share.unwrap_or_default()
        ));
    }
    row
}

/// The innermost groups, or the outermost ones if those are many.
fn columns(groups: &[GroupResult]) -> Vec<&GroupResult> {
    fn innermost(group: &GroupResult) -> Vec<&GroupResult> {
        if group.groups.is_empty() { vec![group] } else { group.groups.iter().flat_map(innermost).collect() }
    }
    let all: Vec<&GroupResult> = groups.iter().flat_map(innermost).collect();
    if all.len() <= MOST_GROUPS { all } else { groups.iter().collect() }
}

fn cell(verdict: &str, score: Option<f64>) -> String {
    score.map_or_else(|| verdict.to_owned(), |score| format!("{verdict} {}", round(score)))
}
