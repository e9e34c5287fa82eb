//! The reasons as a tree: every path once, below the path that needs it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bundle::human_bytes;
use bundle::manifest::{Manifest, Record, RecordKind};
use bundle::provenance::ProvenanceKind;
use recipe::byte_text;
use recipe::image_path::ImagePath;

use crate::query::explain::is_top;

/// Requested programs and all that they need come first, then what the recipe or the sandbox adds.
pub(super) fn tree(manifest: &Manifest) -> String {
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
        .partition(|record| record.why[0].kind == ProvenanceKind::Requested);
    let mut tree = Tree { below, text: String::new() };
    for record in requested.into_iter().chain(others) {
        tree.line(record, "", &format!("  {}", record.why[0]));
        tree.children(record, "");
    }
    let files = manifest.entries.iter().filter(|record| matches!(record.kind, RecordKind::File { .. }));
    let bytes = manifest.entries.iter().map(Record::size).sum();
    let _infallible = writeln!(tree.text, "{} files, {}", files.count(), human_bytes(bytes));
    tree.text
}

struct Tree<'a> {
    below: BTreeMap<&'a ImagePath, Vec<&'a Record>>,
    text: String,
}

impl Tree<'_> {
    fn children(&mut self, record: &Record, indent: &str) {
        // Removed, so that a circle of reasons ends.
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
            RecordKind::Symlink { target } => format!(" -> {}", byte_text::shown(target)),
            RecordKind::File { size, .. } => format!("  {}", human_bytes(*size)),
        };
        let _infallible = writeln!(self.text, "{lead}{}{detail}{reason}", record.path);
    }
}

/// The reason, without the path that needs this one: that path is the parent in the tree.
fn reason(record: &Record) -> String {
    let cause = &record.why[0];
    let (name, rule) = (cause.name.as_deref().unwrap_or("?"), cause.rule.as_deref().unwrap_or("?"));
    match cause.kind {
        ProvenanceKind::Needed => format!("  needed as {name} ({rule})"),
        ProvenanceKind::Dlopen => format!("  opened as {name} ({rule})"),
        ProvenanceKind::ElfInterpreter => "  ELF interpreter".to_owned(),
        ProvenanceKind::ScriptInterpreter => "  script interpreter".to_owned(),
        ProvenanceKind::NssModule => format!("  name service `{name}`"),
        ProvenanceKind::Data => format!("  {name}"),
        _ => String::new(),
    }
}
