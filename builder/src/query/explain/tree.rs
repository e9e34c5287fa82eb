//! The tree of who asked for what: every path once, below its first reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::cause::Because;
use crate::explain::is_top;
use crate::image_path::ImagePath;
use crate::manifest::{Manifest, Record, RecordKind};
use crate::quantity::bytes_for_people;

/// Requested programs with all that they need, then what else a person, the recipe or the sandbox wanted.
pub fn tree(manifest: &Manifest) -> String {
    let mut below: BTreeMap<&ImagePath, Vec<&Record>> = BTreeMap::new();
    for record in &manifest.entries {
        if let Some(by) = &record.why[0].by {
            below.entry(by).or_default().push(record);
        }
    }
    let (requested, others): (Vec<_>, Vec<_>) = manifest
        .entries
        .iter()
        .filter(|record| is_top(record))
        .partition(|record| record.why[0].because == Because::Requested);
    let mut tree = Tree { below, text: String::new() };
    for record in requested.into_iter().chain(others) {
        tree.line(record, "", &format!("  {}", record.why[0]));
        tree.children(record, "");
    }
    let files = manifest.entries.iter().filter(|record| matches!(record.kind, RecordKind::File { .. }));
    let bytes = manifest.entries.iter().map(Record::size).sum();
    let _infallible = writeln!(tree.text, "{} files, {}", files.count(), bytes_for_people(bytes));
    tree.text
}

struct Tree<'a> {
    below: BTreeMap<&'a ImagePath, Vec<&'a Record>>,
    text: String,
}

impl Tree<'_> {
    fn children(&mut self, record: &Record, indent: &str) {
        // Taken out: a circle of reasons is shown once.
        let children = self.below.remove(&record.path).unwrap_or_default();
        for (at, child) in children.iter().enumerate() {
            let (branch, further) =
                if at + 1 == children.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
            self.line(child, &format!("{indent}{branch}"), &reason(child));
            self.children(child, &format!("{indent}{further}"));
        }
    }

    fn line(&mut self, record: &Record, lead: &str, reason: &str) {
        let detail = match &record.kind {
            RecordKind::Directory => "/".to_owned(),
            RecordKind::Symlink { target } => format!(" -> {target}"),
            RecordKind::File { size, .. } => format!("  {}", bytes_for_people(*size)),
        };
        let _infallible = writeln!(self.text, "{lead}{}{detail}{reason}", record.path);
    }
}

/// The reason without the asker, who stands one line up.
fn reason(record: &Record) -> String {
    let cause = &record.why[0];
    let (name, rule) = (cause.name.as_deref().unwrap_or("?"), cause.rule.as_deref().unwrap_or("?"));
    match cause.because {
        Because::Needed => format!("  needed as {name} ({rule})"),
        Because::Dlopen => format!("  opened as {name} ({rule})"),
        Because::ElfInterpreter => "  ELF interpreter".to_owned(),
        Because::ScriptInterpreter => "  script interpreter".to_owned(),
        Because::NssModule => format!("  name service `{name}`"),
        Because::Data => format!("  {name}"),
        _ => String::new(),
    }
}
