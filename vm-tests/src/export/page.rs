//! `proof.html`: one page that needs nothing beside it, for the operator to keep with the bundle.

use std::collections::BTreeMap;

use askama::Template;
use time::OffsetDateTime;

use super::{Booted, Bundle, Proof, printable};
use crate::campaign::Row;
use crate::case::Verdict;
use crate::differential::Comparison;
use crate::message::Observation;

/// The proof as HTML.
pub fn render(proof: &Proof) -> Result<String, askama::Error> {
    let worlds = proof.worlds();
    let page = Page {
        date: day(proof.date),
        bundle: &proof.bundle,
        kernels: &proof.kernels,
        passed: proof.passed,
        failed: proof.failed,
        compared: proof.comparison.compared,
        differences: differences(&proof.comparison),
        sections: sections(proof, &worlds),
        guards: guards(proof, &worlds),
        details: proof.rows.iter().enumerate().map(|(index, row)| Detail::of(index, row)).collect(),
        worlds,
    };
    page.render()
}

#[derive(Template)]
#[template(path = "proof.html")]
struct Page<'a> {
    date: String,
    bundle: &'a Bundle,
    kernels: &'a [Booted],
    passed: usize,
    failed: usize,
    worlds: Vec<&'a str>,
    guards: Vec<Line>,
    compared: usize,
    differences: Vec<Differing>,
    sections: Vec<Section>,
    details: Vec<Detail>,
}

/// A table: a line for each case, a cell for each world.
struct Section {
    title: &'static str,
    about: &'static str,
    lines: Vec<Line>,
}

/// A name and its cells.
struct Line {
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
    word: &'static str,
    detail: usize,
}

/// All that is known of one case in one world.
struct Detail {
    index: usize,
    title: String,
    class: &'static str,
    word: &'static str,
    facts: Vec<(&'static str, String)>,
}

const SECTIONS: &[(&str, &str, &str)] = &[
    ("capsule/", "A look around", "What somebody sees who looks around inside of the sandbox."),
    ("verdict/", "Verdicts", "Programs with a known end, and whether the runner says exactly that."),
    ("streams/", "Streams", "Hostile output: the report is the runner's alone, whole, and says what passed."),
    (
        "language/",
        "Languages",
        "Programs in the bundle's languages, compiled and run, and what must come of them.",
    ),
    ("net/", "What network a submission has", "By `--net`; what is the host's, the report says is no guard."),
    ("identity/", "Who a submission is", "Its user inside and outside of the sandbox."),
    ("delegated/", "An ordinary user with a cgroup", "Limits that are held without root."),
    (
        "attack/",
        "Attacks",
        "Hostile probes in the sandbox. Each must be refused, and none may print a canary's secret.",
    ),
    (
        "neighbour/",
        "Neighbours",
        "Two runs side by side: one plants a token in a channel, the other must not find it.",
    ),
    (
        "control/",
        "Controls",
        "The same probes as root without a sandbox. Each must get through, or it proves nothing.",
    ),
    ("refusals/", "Refusals", "Roots and options that the runner must refuse, all tried in one step."),
    (
        "soak/",
        "Soak",
        "Many runs in a row, and many whose processes are killed at random: nothing may be left.",
    ),
    (
        "mutant/",
        "Mutants",
        "Runners with one guard broken on purpose, whose reports say that it is up. Beside the bundle's own, which shows nothing, each must be noticed by its probe.",
    ),
];

fn sections(proof: &Proof, worlds: &[&str]) -> Vec<Section> {
    let section = |&(prefix, title, about): &(&str, &'static str, &'static str)| {
        let lines = lines(proof, worlds, |case| case.strip_prefix(prefix).map(str::to_string));
        Section { title, about, lines }
    };
    SECTIONS.iter().map(section).filter(|section| !section.lines.is_empty()).collect()
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
        why: printable(difference.why.as_deref().unwrap_or("nobody knows why")),
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

/// One line a guard: in each world, its runs with the guard up and with the guard removed.
fn guards(proof: &Proof, worlds: &[&str]) -> Vec<Line> {
    let name_of = |case: &str| Some(case.strip_prefix("guard/")?.split(' ').next()?.to_string());
    let mut lines = lines(proof, worlds, name_of);
    lines.extend(proof.unproven.iter().map(|guard| Line {
        name: format!("{guard} (unproven: no case removes it)"),
        ids: String::new(),
        cells: Vec::new(),
    }));
    lines
}

/// Rows whose name `line_of` maps to the same line, in the order in which they first came.
fn lines(proof: &Proof, worlds: &[&str], line_of: impl Fn(&str) -> Option<String>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut known = BTreeMap::new();
    for (index, row) in proof.rows.iter().enumerate() {
        let Some(name) = line_of(&row.case) else { continue };
        let at = *known.entry(name.clone()).or_insert_with(|| {
            let cells = worlds.iter().map(|_| Vec::new()).collect();
            lines.push(Line { name: printable(&name), ids: row.ids.join(" "), cells });
            lines.len() - 1
        });
        if let Some(world) = worlds.iter().position(|world| *world == row.world) {
            let (class, word) = result(&row.verdict);
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

impl Detail {
    fn of(index: usize, row: &Row) -> Detail {
        let (class, word) = result(&row.verdict);
        let mut facts = vec![("command", printable(&row.command))];
        match &row.verdict {
            Verdict::Passed => {}
            Verdict::NotApplicable(why) => facts.push(("why", printable(why))),
            Verdict::Failed(why) => facts.push(("why", printable(&why.join("\n")))),
        }
        facts.extend(row.seen.iter().flat_map(seen));
        Detail { index, title: printable(&format!("{} — {}", row.case, row.world)), class, word, facts }
    }
}

fn seen(seen: &Observation) -> Vec<(&'static str, String)> {
    let facts = [
        ("end", format!("{:?} after {} µs", seen.end, seen.wall_us)),
        ("stdout", excerpt(&seen.stdout)),
        ("stderr", excerpt(&seen.stderr)),
        ("report", excerpt(&seen.report)),
        ("cgroup", seen.peeked.join("\n")),
        ("left behind", seen.leftovers.join("\n")),
    ];
    facts.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

/// The page stays small: whoever needs all of it has proof.json.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 2000;
    let printable = printable(text);
    match printable.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} … ({} bytes)", &printable[..end], text.len()),
        None => printable,
    }
}

/// Seconds since 1970 as a day; one that no calendar has is shown as it is.
fn day(seconds: u64) -> String {
    let moment =
        i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    moment.map_or_else(|| format!("second {seconds}"), |moment| moment.date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::examples;

    #[test]
    fn days_are_those_of_date_1() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (1_767_225_599, "2025-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(day(seconds), expected);
        }
    }

    #[test]
    fn every_case_has_a_cell_that_leads_to_its_detail() {
        let proof = Proof::new(Bundle::default(), &[], examples::rows(), vec!["swap".into()]);
        let page = render(&proof).unwrap();
        for index in 0..3 {
            assert!(page.contains(&format!("href=\"#d{index}\"")), "no cell leads to {index}");
            assert!(page.contains(&format!("id=\"d{index}\"")), "no detail {index}");
        }
        assert!(page.contains("swap (unproven"));
    }

    #[test]
    fn worlds_that_differ_stand_side_by_side() {
        let rows = ["6.1", "6.12"].map(|world| examples::answered(world, "verdict/a", world.len() as i32));
        let proof = Proof::new(Bundle::default(), &[], rows.to_vec(), vec![]);
        assert_eq!((proof.passed, proof.failed), (2, 1));
        let page = render(&proof).unwrap();
        for word in ["no status, exit 3", "no status, exit 4", "nobody knows why"] {
            assert!(page.contains(word), "{word}");
        }
    }

    #[test]
    fn every_case_has_its_section() {
        let cases = crate::suite::Scope::All.cases(true);
        let is_shown = |name: &str| {
            name.starts_with("guard/") || SECTIONS.iter().any(|(prefix, ..)| name.starts_with(prefix))
        };
        let hidden: Vec<_> =
            cases.iter().map(|case| &case.step.name).filter(|name| !is_shown(name)).collect();
        assert!(hidden.is_empty(), "{hidden:?}");
    }

    #[test]
    fn what_a_guest_prints_is_no_markup() {
        let proof = Proof::new(Bundle::default(), &[], examples::rows(), vec![]);
        let page = render(&proof).unwrap();
        assert!(!page.contains("attack/<b>"), "{page}");
        assert!(!page.contains('\u{1b}'));
    }

    #[test]
    fn the_page_asks_for_nothing_from_elsewhere() {
        let proof = Proof::new(Bundle::default(), &[], examples::rows(), vec![]);
        let page = render(&proof).unwrap();
        for word in ["http://", "https://", "src=", "@import", "<script", "<link"] {
            assert!(!page.contains(word), "{word}");
        }
    }
}
