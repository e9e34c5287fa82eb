//! The tables of `docs/packs.md` that are made from the packs and from their cases, between
//! `<!-- table: NAME -->` and `<!-- end -->`. They are compared; `UPDATE_DOCS=1` writes them instead.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use recipe::language::Step;
use recipe::packs;

use crate::corpus::Case;
use crate::language::Language;

/// The document.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/packs.md");
/// Ends a table.
const END: &str = "<!-- end -->\n";
/// The cases whose results differ between languages.
const OUT_OF_MEMORY: &str = "memory";

/// A test for the tables that are made, and one for the tables that are measured.
pub fn trials(languages: &[&Language]) -> Vec<Trial> {
    let update = env::var_os("UPDATE_DOCS").is_some();
    let made = [
        ("languages", how_run(languages)),
        ("variants", variants(languages)),
        ("memory", out_of_memory(languages)),
        ("edits", edited(languages)),
    ];
    let names: Vec<String> = languages.iter().map(|language| language.name.clone()).collect();
    let compared = Trial::test("docs::made", move || {
        for (name, text) in &made {
            compare(name, text, update)?;
        }
        Ok(())
    });
    let measured = Trial::test("docs::measured", move || {
        has_rows("sizes", "sizes", &names)?;
        has_rows("smallest", "memory", &names)?;
        Ok(())
    });
    vec![compared, measured]
}

fn compare(name: &str, made: &str, update: bool) -> Result<(), String> {
    let document = Document::read(name)?;
    if document.table() == made {
        return Ok(());
    }
    if update {
        return document.write(made);
    }
    let differs = made.lines().find(|line| !document.table().lines().any(|stands| stands == *line));
    Err(format!(
        "the table `{name}` of docs/packs.md is out of date; `just pack-docs` makes it again\n{}",
        differs.unwrap_or("it has a line that should not exist")
    ))
}

/// What is measured differs between machines: the test checks only that every pack has a row.
fn has_rows(table: &str, recipe: &str, names: &[String]) -> Result<(), String> {
    let document = Document::read(table)?;
    let rows = document.table().lines().skip(2).filter_map(|row| row.split('`').nth(1));
    let rows: Vec<&str> = rows.collect();
    match rows == names.iter().map(String::as_str).collect::<Vec<_>>() {
        true => Ok(()),
        false => Err(format!(
            "the table `{table}` of docs/packs.md has rows for {rows:?}, not {names:?}; `just pack-docs {recipe}` makes it again"
        )),
    }
}

/// The document, cut around a table.
pub struct Document {
    text: String,
    start: usize,
    end: usize,
}

impl Document {
    pub fn read(name: &str) -> Result<Document, String> {
        let text = fs::read_to_string(DOCUMENT).map_err(|error| format!("{DOCUMENT}: {error}"))?;
        let head = format!("<!-- table: {name} -->\n");
        let start = text.find(&head).ok_or_else(|| format!("docs/packs.md has no line `{}`", head.trim()))?;
        let start = start + head.len();
        let length = text[start..].find(END).ok_or_else(|| format!("the table `{name}` has no end"))?;
        Ok(Document { start, end: start + length, text })
    }

    pub fn table(&self) -> &str {
        &self.text[self.start..self.end]
    }

    pub fn write(&self, table: &str) -> Result<(), String> {
        let text = [&self.text[..self.start], table, &self.text[self.end..]].concat();
        fs::write(Path::new(DOCUMENT), text).map_err(|error| format!("{DOCUMENT}: {error}"))
    }
}

fn how_run(languages: &[&Language]) -> String {
    let mut table =
        "| pack | file | compiled by | limits | run by | limits |\n|---|---|---|---|---|---|\n".to_owned();
    for name in languages.iter().map(|language| &language.name) {
        let recipe = packs::whole(name).expect("a pack that loads, as it has programs");
        let language = &recipe.languages[name].value;
        let (words, limits) = language.compile.as_ref().map_or_else(none, of_step);
        let (run_words, run_limits) = of_step(&language.run);
        let _infallible = writeln!(
            table,
            "| `{name}` | `{}` | {words} | {limits} | {run_words} | {run_limits} |",
            language.source.usual()
        );
    }
    table
}

fn variants(languages: &[&Language]) -> String {
    let mut table = "| pack | `--lang` | flags |\n|---|---|---|\n".to_owned();
    for name in languages.iter().map(|language| &language.name) {
        let recipe = packs::whole(name).expect("a pack that loads, as it has programs");
        let language = &recipe.languages[name].value;
        for (variant, of) in &language.variants {
            let flags = of.flags.as_ref().unwrap_or(&language.flags).join(" ");
            let flags = if flags.is_empty() { none().0 } else { code(&flags) };
            let _infallible = writeln!(table, "| `{name}` | `{variant}` | {flags} |");
        }
    }
    table
}

fn none() -> (String, String) {
    ("–".to_owned(), "–".to_owned())
}

fn of_step(step: &Step) -> (String, String) {
    let words: Vec<String> = step.argv.iter().map(|word| quoted(word)).collect();
    let limits: Vec<String> = step.limits.iter().map(|(name, amount)| format!("{name} {amount}")).collect();
    (code(&words.join(" ")), if limits.is_empty() { none().1 } else { limits.join(", ") })
}

fn out_of_memory(languages: &[&Language]) -> String {
    let mut table = "| pack | status | exit code | what it says |\n|---|---|---|---|\n".to_owned();
    for language in languages {
        let programs = language.programs.iter().filter(|program| program.name.starts_with(OUT_OF_MEMORY));
        let mut rows: Vec<String> = programs.map(|program| ending(&program.case)).collect();
        rows.dedup();
        for row in rows {
            let _infallible = writeln!(table, "| `{}` | {row} |", language.name);
        }
    }
    table
}

/// What each language makes of a program that an editor changed.
fn edited(languages: &[&Language]) -> String {
    let mut table =
        "| pack | byte order mark | lines end with CR LF | empty file |\n|---|---|---|---|\n".to_owned();
    for language in languages {
        let edited = language.programs.iter().filter(|program| program.case.edit.is_some());
        let cells: Vec<String> =
            edited.map(|program| code(program.case.status.as_deref().unwrap_or_default())).collect();
        let _infallible = writeln!(table, "| `{}` | {} |", language.name, cells.join(" | "));
    }
    table
}

fn ending(case: &Case) -> String {
    let exit_code = case.exit_code.map(|code| code.to_string()).unwrap_or_default();
    let says: Vec<String> = case
        .stdout
        .iter()
        .chain(&case.stderr)
        .filter(|text| !text.is_empty())
        .map(|text| code(text.trim_end()))
        .collect();
    let says = if says.is_empty() { none().0 } else { says.join(", ") };
    format!("`{}` | {exit_code} | {says}", case.status.as_deref().unwrap_or_default())
}

/// In shell quotes, if it has blanks.
fn quoted(word: &str) -> String {
    let quote = if word.contains('\'') { '"' } else { '\'' };
    let is_plain = !word.contains(|c: char| c.is_whitespace() || c == ';');
    if is_plain { word.to_owned() } else { format!("{quote}{word}{quote}") }
}

/// A cell of code: a bar would end it.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}
