//! The same graph for Graphviz.

use std::fmt::Write as _;

use crate::cause::Cause;
use crate::image_path::ImagePath;

/// One edge from the asker to the path for each reason; a path that nobody asked for is a node.
pub fn graph<'a>(reasons: impl Iterator<Item = (&'a ImagePath, &'a Cause)>) -> String {
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
