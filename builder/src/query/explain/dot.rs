//! The reasons as a graph for Graphviz.

use std::fmt::Write as _;

use bundle::provenance::Provenance;
use recipe::image_path::ImagePath;

/// For each reason an edge to the path from the path that needs it; a path that no other path needs is a bold node.
pub(super) fn graph<'a>(reasons: impl Iterator<Item = (&'a ImagePath, &'a Provenance)>) -> String {
    let mut text = "digraph capsule {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for (path, cause) in reasons {
        let path = quoted(path.as_str());
        let _infallible = match &cause.by {
            Some(by) => {
                let label = cause
                    .name
                    .as_deref()
                    .map(|name| format!(" [label={}]", quoted(name)))
                    .unwrap_or_default();
                writeln!(text, "  {} -> {path}{label};", quoted(by.as_str()))
            }
            None => writeln!(text, "  {path} [style=bold];"),
        };
    }
    text + "}\n"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
