//! `proof.html`: one page that needs no other file, for the operator to keep with the bundle.

use std::collections::BTreeMap;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use time::OffsetDateTime;

use super::{BootedKernel, Bundle, Proof, printable};
use crate::case::Verdict;
use crate::differential::Comparison;
use crate::matrix::CaseResult;
use crate::message::Observation;
use crate::suite::Suite;

/// The proof as HTML.
pub(crate) fn render(proof: &Proof) -> Result<String, askama::Error> {
    let worlds = proof.worlds();
    let guards = guards(proof, &worlds);
    let page = Page {
        headline: headline(proof, guards.len()),
        date: moment(proof.date),
        tools: &proof.tools,
        failures: failures(proof),
        bundle: &proof.bundle,
        kernels: &proof.kernels,
        passed: proof.passed,
        failed: proof.failed,
        compared: proof.comparison.compared,
        differences: differences(&proof.comparison),
        sections: sections(proof, &worlds),
        guards,
        about_guards: Suite::Guards.about(),
        details: packed(&proof.rows.iter().map(Detail::of).collect::<Vec<_>>()),
        worlds,
    };
    page.render()
}

/// JSON, by gzip and base64: the page's script unpacks it for the first cell that is opened. As markup the details of a
/// proof would be megabytes, which a browser reads before it shows anything.
fn packed(details: &[Detail]) -> String {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    // Neither can fail: names and texts are strings, and the output is memory.
    let written = serde_json::to_writer(&mut packer, details);
    written.expect("details have only strings");
    STANDARD.encode(packer.finish().expect("memory takes all"))
}

#[derive(Template)]
#[template(path = "proof.html")]
struct Page<'a> {
    headline: String,
    date: String,
    tools: &'a [String],
    failures: Vec<Failure>,
    bundle: &'a Bundle,
    kernels: &'a [BootedKernel],
    passed: usize,
    failed: usize,
    worlds: Vec<&'a str>,
    guards: Vec<TableRow>,
    about_guards: &'static str,
    compared: usize,
    differences: Vec<Differing>,
    sections: Vec<Section>,
    /// See [`packed`].
    details: String,
}

/// A case that failed, and why; without a detail where it is not one case in one world.
struct Failure {
    title: String,
    why: String,
    detail: Option<usize>,
}

/// A table: a line for each case, a cell for each world.
struct Section {
    title: &'static str,
    about: &'static str,
    lines: Vec<TableRow>,
}

/// A name and its cells.
struct TableRow {
    name: String,
    ids: String,
    cells: Vec<Vec<Cell>>,
}

/// Cases that worlds answer differently in the same way.
struct Differing {
    names: Vec<String>,
    answers: Vec<(String, String)>,
    class: &'static str,
    why: String,
}

/// One result, and where its detail is.
struct Cell {
    class: &'static str,
    word: String,
    detail: usize,
}

/// All that is known of one case in one world; the script of the page reads these names.
#[derive(Serialize)]
struct Detail {
    title: String,
    class: &'static str,
    word: &'static str,
    facts: Vec<(&'static str, String)>,
}

/// The suites with a table of their cases, in the order in which an operator wants to read them. The guards have a
/// table of another form.
const SECTIONS: [Suite; 13] = [
    Suite::Capsule,
    Suite::Verdicts,
    Suite::Streams,
    Suite::Languages,
    Suite::Network,
    Suite::Identity,
    Suite::Delegated,
    Suite::Attacks,
    Suite::Neighbours,
    Suite::Controls,
    Suite::Refusals,
    Suite::Soak,
    Suite::Mutants,
];

/// What the proof says, in one sentence.
fn headline(proof: &Proof, guards: usize) -> String {
    let on = match proof.kernels.len() {
        0 => "on this host".to_string(),
        1 => "on 1 kernel".to_string(),
        kernels => format!("on {kernels} kernels"),
    };
    match (proof.failed, guards) {
        (0, 0) if proof.rows.is_empty() => "Nothing was tried.".to_string(),
        (0, 0) => format!(
            "All {} cases that were tried passed {on}. No guard was removed to prove it.",
            proof.passed
        ),
        (0, _) => {
            format!(
                "Proven: {guards} of {guards} guards hold {on}, and each attack gets through without its guard."
            )
        }
        (1, _) => format!("Not proven: 1 of {} cases failed {on}.", proof.passed + 1),
        (failed, _) => format!("Not proven: {failed} of {} cases failed {on}.", proof.passed + failed),
    }
}

fn failures(proof: &Proof) -> Vec<Failure> {
    let cases = proof.rows.iter().enumerate().filter_map(|(index, row)| match &row.verdict {
        Verdict::Failed(why) => Some(Failure {
            title: title(row),
            why: excerpt(why.first().map_or("", String::as_str)),
            detail: Some(index),
        }),
        _ => None,
    });
    let others = proof.failures_of_no_case().into_iter();
    let others =
        others.map(|(_, name, why)| Failure { title: printable(&name), why: printable(&why), detail: None });
    cases.chain(others).collect()
}

fn title(row: &CaseResult) -> String {
    printable(&format!("{} — {}", row.case, row.world))
}

fn sections(proof: &Proof, worlds: &[&str]) -> Vec<Section> {
    let section = |suite: Suite| {
        let name = |row: &CaseResult| suite.without_suite(&row.case).to_string();
        let lines = lines(proof, worlds, suite, name);
        Section { title: suite.title(), about: suite.about(), lines }
    };
    SECTIONS.map(section).into_iter().filter(|section| !section.lines.is_empty()).collect()
}

fn differences(comparison: &Comparison) -> Vec<Differing> {
    let differing = comparison.differences.iter().map(|difference| Differing {
        names: vec![printable(&difference.case)],
        answers: difference
            .answers
            .iter()
            .map(|answer| (printable(&answer.answer), printable(&answer.worlds.join("; "))))
            .collect(),
        class: if difference.why.is_some() { "explained" } else { "failed" },
        why: printable(difference.why.as_deref().unwrap_or("no known reason")),
    });
    let outdated = comparison.outdated.iter().map(|(case, why)| Differing {
        names: vec![printable(case)],
        answers: Vec::new(),
        class: "failed",
        why: printable(why),
    });
    let mut lines: Vec<Differing> = Vec::new();
    for mut one in differing.chain(outdated) {
        match lines.iter_mut().find(|line| (&line.answers, &line.why) == (&one.answers, &one.why)) {
            Some(line) => line.names.append(&mut one.names),
            None => lines.push(one),
        }
    }
    lines
}

/// One line for each guard: in each world, its runs with the guard up and with the guard removed.
fn guards(proof: &Proof, worlds: &[&str]) -> Vec<TableRow> {
    let guard = |row: &CaseResult| {
        let name = Suite::Guards.without_suite(&row.case);
        name.split_once(' ').map_or(name, |(guard, _)| guard).to_string()
    };
    let mut lines = lines(proof, worlds, Suite::Guards, guard);
    lines.extend(proof.unproven.iter().map(|guard| TableRow {
        name: format!("{guard} (unproven: no case removes it)"),
        ids: String::new(),
        cells: Vec::new(),
    }));
    lines
}

/// The results of `suite`, those with the same `name_of` in one line, in the order in which they first came.
fn lines(
    proof: &Proof,
    worlds: &[&str],
    suite: Suite,
    name_of: impl Fn(&CaseResult) -> String,
) -> Vec<TableRow> {
    let mut lines: Vec<TableRow> = Vec::new();
    let mut known = BTreeMap::new();
    for (index, row) in proof.rows.iter().enumerate().filter(|(_, row)| row.suite == suite) {
        let name = name_of(row);
        let at = *known.entry(name.clone()).or_insert_with(|| {
            let cells = worlds.iter().map(|_| Vec::new()).collect();
            lines.push(TableRow { name: printable(&name), ids: row.ids.join(" "), cells });
            lines.len() - 1
        });
        if let Some(world) = worlds.iter().position(|world| *world == row.world) {
            let (class, word) = cell(row);
            lines[at].cells[world].push(Cell { class, word, detail: index });
        }
    }
    lines
}

fn result(verdict: &Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Passed => ("passed", "passed"),
        Verdict::NotApplicable(_) => ("absent", "n/a"),
        Verdict::Failed(_) => ("failed", "FAILED"),
    }
}

/// A guard's cell says in which state the guard was: its name is that of the line.
fn cell(row: &CaseResult) -> (&'static str, String) {
    let (class, word) = result(&row.verdict);
    let name = Suite::Guards.without_suite(&row.case).split_once(' ');
    let state = name.filter(|_| row.suite == Suite::Guards).and_then(|(_, rest)| rest.split(':').next());
    let Some(state) = state else { return (class, word.to_string()) };
    let mark = match class {
        "passed" => "✓",
        "failed" => "✗",
        _ => word,
    };
    (class, printable(&format!("{state} {mark}")))
}

impl Detail {
    fn of(row: &CaseResult) -> Detail {
        let (class, word) = result(&row.verdict);
        let mut facts = vec![("command", printable(&row.command))];
        match &row.verdict {
            Verdict::Passed => {}
            Verdict::NotApplicable(why) => facts.push(("why", printable(why))),
            Verdict::Failed(why) => facts.push(("why", printable(&why.join("\n")))),
        }
        facts.extend(row.seen.iter().flat_map(seen));
        Detail { title: title(row), class, word, facts }
    }
}

fn seen(seen: &Observation) -> Vec<(&'static str, String)> {
    let facts = [
        ("end", format!("{:?} after {} µs", seen.end, seen.wall_us)),
        ("stdout", excerpt(&seen.stdout)),
        ("stderr", excerpt(&seen.stderr)),
        ("report", excerpt(&readable(&seen.report))),
        ("cgroup", seen.peeked.join("\n")),
        ("left behind", seen.leftovers.join("\n")),
    ];
    facts.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

/// A report with a line for each field; a text that is not JSON as it is.
fn readable(report: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(report).ok();
    value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| report.to_string())
}

/// The page stays small; proof.json has all of it.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 2000;
    let printable = printable(text);
    match printable.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} … ({} bytes)", &printable[..end], text.len()),
        None => printable,
    }
}

/// Seconds since 1970 as a date and a time; a number that no calendar has is shown as it is.
fn moment(seconds: u64) -> String {
    let moment =
        i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    moment.map_or_else(
        || format!("second {seconds}"),
        |moment| format!("{} {:02}:{:02} UTC", moment.date(), moment.hour(), moment.minute()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::examples;

    #[test]
    fn moments_are_those_of_date_1() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(moment(seconds), expected);
        }
    }

    /// The details, as the script of the page unpacks them.
    fn unpacked(page: &str) -> serde_json::Value {
        let (_, rest) = page.split_once("id=\"details\">").expect("the page has details");
        let packed = STANDARD.decode(rest.split('<').next().unwrap().trim()).unwrap();
        serde_json::from_reader(flate2::read::GzDecoder::new(packed.as_slice())).unwrap()
    }

    #[test]
    fn every_case_has_a_cell_that_leads_to_its_detail() {
        let proof = Proof::new(Bundle::default(), &[], examples::rows(), vec!["swap".into()]);
        let page = render(&proof).unwrap();
        let details = unpacked(&page);
        assert_eq!(details.as_array().map(Vec::len), Some(3));
        for (index, row) in proof.rows.iter().enumerate() {
            assert!(page.contains(&format!("href=\"#d{index}\"")), "no cell leads to {index}");
            let facts = &details[index]["facts"];
            assert_eq!((&details[index]["title"], &facts[0][0]), (&title(row).into(), &"command".into()));
        }
        assert_eq!(details[1]["facts"][1][1], "one\ntwo\nthree # four");
        assert!(page.contains("swap (unproven"));
    }

    #[test]
    fn worlds_that_differ_stand_side_by_side() {
        let rows = ["6.1", "6.12"].map(|world| examples::answered(world, "verdict/a", world.len() as i32));
        let proof = Proof::new(Bundle::default(), &[], rows.to_vec(), vec![]);
        assert_eq!((proof.passed, proof.failed), (2, 1));
        let page = render(&proof).unwrap();
        for word in ["no status, exit 3", "no status, exit 4", "no known reason"] {
            assert!(page.contains(word), "{word}");
        }
    }

    #[test]
    fn every_suite_has_its_section() {
        let hidden: Vec<_> =
            Suite::all().filter(|suite| *suite != Suite::Guards && !SECTIONS.contains(suite)).collect();
        assert!(hidden.is_empty(), "{hidden:?}");
    }

    #[test]
    fn what_a_guest_prints_is_not_markup() {
        let proof = Proof::new(Bundle::default(), &[], examples::rows(), vec![]);
        let page = render(&proof).unwrap();
        assert!(!page.contains("attack/<b>"), "{page}");
        assert!(!page.contains('\u{1b}'));
    }

    #[test]
    fn the_page_asks_for_nothing_from_elsewhere() {
        let proof = Proof::new(Bundle::default(), &[], examples::rows(), vec![]);
        let page = render(&proof).unwrap();
        for word in ["http://", "https://", "src=", "@import", "<link"] {
            assert!(!page.contains(word), "{word}");
        }
        // The details, and what shows them.
        assert_eq!(page.matches("<script").count(), 2);
    }

    #[test]
    fn the_first_sentence_says_what_is_proven() {
        let guard = |verdict| vec![examples::row("6.1", "guard/swap up: a", verdict)];
        let first = |rows, unproven| {
            let page = render(&Proof::new(Bundle::default(), &[], rows, unproven)).unwrap();
            page.split("<p class=\"headline")
                .nth(1)
                .and_then(|rest| rest.split(['>', '<']).nth(1))
                .unwrap()
                .to_string()
        };
        assert!(first(guard(Verdict::Passed), vec![]).starts_with("Proven: 1 of 1 guards hold"));
        assert!(
            first(guard(Verdict::Passed), vec!["net".into()]).starts_with("Not proven: 1 of 2 cases failed")
        );
        let failed = Verdict::Failed(vec!["open".into()]);
        assert!(first(guard(failed), vec![]).starts_with("Not proven: 1 of 1 cases failed"));
        let attack = vec![examples::row("6.1", "attack/a", Verdict::Passed)];
        assert!(first(attack, vec![]).starts_with("All 1 cases that were tried passed"));
    }

    #[test]
    fn failures_come_before_everything_else() {
        let page =
            render(&Proof::new(Bundle::default(), &[], examples::rows(), vec!["swap".into()])).unwrap();
        let [failures, first_section] =
            ["<h2>Failures</h2>", "<h2>Guards</h2>"].map(|heading| page.find(heading).expect(heading));
        assert!(failures < first_section);
        assert!(page.contains("<a href=\"#d1\">attack/"));
        assert!(page.contains("no case removes it"));
    }

    #[test]
    fn a_guards_cell_names_its_state() {
        let cell = |case: &str, verdict| cell(&examples::row("6.1", case, verdict)).1;
        assert_eq!(cell("guard/swap up: a", Verdict::Passed), "up ✓");
        assert_eq!(cell("guard/swap removed: a", Verdict::Failed(vec![])), "removed ✗");
        assert_eq!(cell("guard/swap up: a", Verdict::NotApplicable("v1".into())), "up n/a");
        assert_eq!(cell("attack/a", Verdict::Passed), "passed");
    }
}
