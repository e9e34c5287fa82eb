//! How long a file and the body of a function may be. A table may be longer: it is listed here with the reason, and
//! ARCHITECTURE.md names its file.

use crate::lengths::{Length, Part};
use crate::source::{SourceFile, Tree};

/// In lines, without the test modules at the end.
const FILE: usize = 450;
/// In lines between the braces.
const FUNCTION: usize = 60;

/// Something that is long only because it lists many things of one kind.
pub(crate) struct Table {
    /// Relative to the workspace.
    pub(crate) file: &'static str,
    /// A function that may be long, or a constant whose lines do not count; `None` for the whole file.
    pub(crate) item: Option<&'static str>,
    pub(crate) reason: &'static str,
}

impl Table {
    fn names(&self, file: &SourceFile, item: Option<&str>) -> bool {
        self.file == file.path && self.item == item
    }
}

/// Empty as long as every file and function fits.
pub(crate) const TABLES: &[Table] = &[];

pub(crate) fn violations(tree: &Tree, tables: &[Table]) -> Vec<String> {
    tree.files.iter().flat_map(|file| violations_of(file, tables)).collect()
}

fn violations_of(file: &SourceFile, tables: &[Table]) -> Vec<String> {
    let listed = |item: Option<&str>| tables.iter().any(|table| table.names(file, item));
    let mut found = Vec::new();
    let mut length = file.length;
    for Part { name, line, length: part } in &file.parts {
        match *part {
            Length::Function(lines) if lines > FUNCTION && !listed(Some(name)) => {
                found.push(format!("{}:{line}: `{name}` has {lines} lines, {FUNCTION} at most", file.path));
            }
            Length::Constant(lines) if listed(Some(name)) => length -= lines,
            _ => {}
        }
    }
    if length > FILE && !listed(None) {
        found.push(format!("{}: {length} lines, {FILE} at most", file.path));
    }
    found
}

/// The exceptions that could go: what they name is gone, or is short enough.
pub(crate) fn unneeded(trees: &[Tree], tables: &[Table]) -> Vec<String> {
    let files = || trees.iter().flat_map(|tree| &tree.files);
    let is_needed =
        |table: &&Table| files().any(|file| file.path == table.file && is_too_long(file, table.item));
    tables.iter().filter(|table| !is_needed(table)).map(title).collect()
}

fn is_too_long(file: &SourceFile, item: Option<&str>) -> bool {
    let Some(name) = item else { return file.length > FILE };
    file.parts.iter().filter(|part| part.name == name).any(|part| match part.length {
        Length::Function(lines) => lines > FUNCTION,
        Length::Constant(_) => file.length > FILE,
    })
}

/// The exceptions whose file ARCHITECTURE.md does not name, between backquotes and with as much of its path as it likes.
pub(crate) fn unnamed(architecture: &str, tables: &[Table]) -> Vec<String> {
    let names: Vec<&str> = architecture.split('`').skip(1).step_by(2).collect();
    let is_named = |file: &str| names.iter().any(|name| name.ends_with(".rs") && ends_with_path(file, name));
    tables.iter().filter(|table| !is_named(table.file)).map(title).collect()
}

fn ends_with_path(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

fn title(table: &Table) -> String {
    let item = table.item.map(|item| format!(", `{item}`")).unwrap_or_default();
    format!("{}{item}: {}", table.file, table.reason)
}

/// A crate of one file.
fn tree(text: &str) -> [Tree; 1] {
    [Tree::new("demo", [("a.rs", text)])]
}

/// An exception for the whole of `a.rs`, or for one item in it.
fn table(item: Option<&'static str>) -> Table {
    Table { file: "demo/src/a.rs", item, reason: "lists things" }
}

#[test]
fn a_long_file_is_a_violation_and_a_table_is_not() {
    let text = "const A: u8 = 1;\n".repeat(FILE);
    assert_eq!(violations(&tree(&text)[0], &[]), Vec::<String>::new());
    let text = text + "const B: u8 = 1;\n";
    assert_eq!(violations(&tree(&text)[0], &[]), ["demo/src/a.rs: 451 lines, 450 at most"]);
    assert_eq!(violations(&tree(&text)[0], &[table(None)]), Vec::<String>::new());
    assert_eq!(violations(&tree(&text)[0], &[table(Some("B"))]), Vec::<String>::new());
}

#[test]
fn a_long_function_is_a_violation_and_a_table_is_not() {
    let function = |lines| format!("struct A;\nimpl A {{\nfn f() {{\n{}}}\n}}\n", "g();\n".repeat(lines));
    assert_eq!(violations(&tree(&function(FUNCTION))[0], &[]), Vec::<String>::new());
    let [long] = tree(&function(FUNCTION + 1));
    assert_eq!(violations(&long, &[]), ["demo/src/a.rs:3: `f` has 61 lines, 60 at most"]);
    assert_eq!(violations(&long, &[table(Some("f"))]), Vec::<String>::new());
}

#[test]
fn an_exception_that_is_short_or_gone_is_unneeded() {
    let tables = [table(None), table(Some("f")), table(Some("gone"))];
    let expected = ["demo/src/a.rs: lists things", "demo/src/a.rs, `gone`: lists things"];
    let text = format!("fn f() {{\n{}}}", "g();\n".repeat(FUNCTION + 1));
    assert_eq!(unneeded(&tree(&text), &tables), expected);
}

#[test]
fn the_architecture_names_the_file_of_an_exception() {
    let named = |text| unnamed(text, &[table(None)]).is_empty();
    assert!(named("`src/a.rs` is a table.") && named("`b.rs` and `a.rs`"));
    assert!(!named("a.rs") && !named("`aa.rs`") && !named("`ta/a.rs`"));
}
