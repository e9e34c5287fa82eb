//! `capsule explain`: says why a file is in a bundle, from the manifest alone.

mod dot;
mod tree;

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bundle::human_bytes;
use bundle::manifest::{Manifest, Record, RecordKind};
use bundle::provenance::{Provenance, ProvenanceKind};
use closure::resolve::{self, Root};
use closure::symlink::MAX_SYMLINKS;
use recipe::byte_text;
use recipe::image_path::ImagePath;
use serde::Serialize;

use crate::error::Error;
use crate::query::{report, sizes};

/// A question about a bundle.
#[derive(Debug)]
pub struct Explain {
    /// The bundle.
    pub bundle: PathBuf,
    /// The question about it.
    pub question: Question,
}

/// What `capsule explain` can answer.
#[derive(Debug)]
pub enum Question {
    /// Why each file is there: the whole tree of requests and their dependencies.
    All(ExplainForm),
    /// Why one path is there.
    Path(String, ExplainForm),
    /// How many bytes come from each package.
    Sizes,
    /// The same as an HTML page with a treemap, written to this file.
    Report(PathBuf),
    /// Every path that a loader tries for a library.
    WhyNot {
        /// The library's name.
        soname: OsString,
        /// The tree to search, and how.
        options: resolve::Options,
    },
}

/// The output of `capsule explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainForm {
    /// Human-readable.
    Text,
    /// Machine-readable, with the manifest's field names.
    Json,
    /// A graph for Graphviz.
    Dot,
}

/// Answers a question. The text ends with a newline, and is empty if the answer is written to a file.
///
/// # Errors
/// A bundle that cannot be read, a path that it does not have, and a report that cannot be written.
pub fn explain(request: &Explain) -> Result<String, Error> {
    let manifest = Manifest::load(&request.bundle)?;
    match &request.question {
        Question::All(form) => explain_all(&manifest, *form),
        Question::Path(path, form) => explain_one(&manifest, find(&manifest, path, &request.bundle)?, *form),
        Question::Sizes => Ok(sizes::sizes(&manifest).to_string()),
        Question::Report(file) => {
            let page = report::page(&manifest, &request.bundle.display().to_string())?;
            std::fs::write(file, page).map(|()| String::new()).map_err(|error| Error::write(file, error))
        }
        Question::WhyNot { soname, options } => why_not(&manifest, soname, options),
    }
}

fn explain_one(manifest: &Manifest, record: &Record, form: ExplainForm) -> Result<String, Error> {
    let chain = chain(manifest, record);
    match form {
        ExplainForm::Text => Ok(one_as_text(manifest, record, &chain)),
        ExplainForm::Json => json(&Explanation { entry: record, chain }),
        ExplainForm::Dot => Ok(dot::graph(chain.iter().map(|step| (&step.path, &step.cause)))),
    }
}

/// Each path that a loader tries for `soname` on behalf of the bundle's programs, once.
fn why_not(manifest: &Manifest, soname: &OsStr, options: &resolve::Options) -> Result<String, Error> {
    let roots: Vec<Root> =
        manifest.requested().map(|record| Root::Path(record.path.as_path().into())).collect();
    let mut lines = Vec::new();
    for root in roots {
        for attempt in resolve::why_not(options, &[root], soname)? {
            let line = format!("{}: {} ({})", attempt.path.display(), attempt.outcome, attempt.rule);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines.push(format!("{} paths tried for `{}`\n", lines.len(), soname.display()));
    Ok(lines.join("\n"))
}

fn explain_all(manifest: &Manifest, form: ExplainForm) -> Result<String, Error> {
    match form {
        ExplainForm::Text => Ok(tree::tree(manifest)),
        ExplainForm::Json => Ok(manifest.to_json()?),
        ExplainForm::Dot => {
            let reasons = manifest
                .entries
                .iter()
                .flat_map(|record| record.why.iter().map(move |cause| (&record.path, cause)));
            Ok(dot::graph(reasons.filter(|(_, cause)| cause.by.is_some())))
        }
    }
}

/// Why one path is there, in JSON.
#[derive(Serialize)]
struct Explanation<'a> {
    entry: &'a Record,
    chain: Vec<ChainStep>,
}

/// A path and why it is there; the next step is the path that needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ChainStep {
    path: ImagePath,
    cause: Provenance,
}

/// From `record` up to what the user requested. The first reason of each record is its most important one.
fn chain(manifest: &Manifest, record: &Record) -> Vec<ChainStep> {
    let mut chain = Vec::new();
    let mut next = Some(record);
    while let Some(record) = next {
        let cause = record.why[0].clone();
        let seen = chain.iter().any(|step: &ChainStep| step.path == record.path);
        next = cause.by.as_ref().filter(|_| !seen).and_then(|by| manifest.get(by));
        chain.push(ChainStep { path: record.path.clone(), cause });
    }
    chain
}

fn one_as_text(manifest: &Manifest, record: &Record, chain: &[ChainStep]) -> String {
    let mut text = format!("{}: {}", record.path, facts(record));
    if let Some(package) = version(manifest, record) {
        let _infallible = write!(text, ", {package}");
    }
    for (depth, step) in chain.iter().enumerate() {
        let which = if depth == 0 { "" } else { "which is " };
        let _infallible = write!(text, "\n{:width$}{which}{}", "", step.cause, width = 2 * (depth + 1));
    }
    for also in &record.why[1..] {
        let _infallible = write!(text, "\n  also: {also}");
    }
    text.push('\n');
    text
}

fn facts(record: &Record) -> String {
    match &record.kind {
        RecordKind::Directory => format!("directory, {}", record.mode),
        RecordKind::Symlink { target } => format!("link to {}", byte_text::shown(target)),
        RecordKind::File { size, .. } => format!("file, {}, {}", record.mode, human_bytes(*size)),
    }
}

fn version(manifest: &Manifest, record: &Record) -> Option<String> {
    let id = record.package.as_ref()?;
    let package = manifest.packages.iter().find(|package| package.id() == *id)?;
    Some(format!("{id} {}", package.version))
}

/// The record of `path`: links among its directories are followed, a link at its end is not.
fn find<'m>(manifest: &'m Manifest, path: &str, bundle: &Path) -> Result<&'m Record, Error> {
    let parsed = ImagePath::parse(path).ok();
    parsed.and_then(|parsed| locate(manifest, &parsed)).ok_or_else(|| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let alike =
            manifest.entries.iter().filter(|record| record.path.as_str().rsplit('/').next() == Some(name));
        let nearest = alike.take(5).map(|record| format!("`{}`", record.path)).collect();
        Error::NotInImage { path: byte_text::shown(path).into_owned(), bundle: bundle.to_path_buf(), nearest }
    })
}

fn locate<'m>(manifest: &'m Manifest, path: &ImagePath) -> Option<&'m Record> {
    let mut path = path.clone();
    for _ in 0..MAX_SYMLINKS {
        if let Some(record) = manifest.get(&path) {
            return Some(record);
        }
        let above: Vec<ImagePath> = path.ancestors().collect();
        let (link, target) = above.iter().find_map(|above| match &manifest.get(above)?.kind {
            RecordKind::Symlink { target } => Some((above, target)),
            _ => None,
        })?;
        let base = if target.starts_with('/') { ImagePath::root() } else { link.parent()? };
        path = normal(&base, target, &path.as_str()[link.as_str().len()..])?;
    }
    None
}

/// `base/target/rest` without `.` and `..`. To drop `..` by text is right here: `locate` has followed every link.
fn normal(base: &ImagePath, target: &str, rest: &str) -> Option<ImagePath> {
    let joined = format!("{}/{target}{rest}", base.as_str());
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    ImagePath::parse(&format!("/{}", parts.join("/"))).ok()
}

fn json<T: Serialize>(value: &T) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value);
    Ok(text.expect("names and numbers are JSON") + "\n")
}

/// Whether nothing else in the image needs it: the user, the recipe or the sandbox does.
fn is_top(record: &Record) -> bool {
    let first = &record.why[0];
    first.by.is_none() && first.kind != ProvenanceKind::Parent
}

#[cfg(test)]
mod tests {
    use super::*;
    use bundle::digest::Sha;
    use std::collections::BTreeMap;

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).expect("normal")
    }

    fn record(at: &str, kind: RecordKind, cause: Provenance) -> Record {
        Record { path: path(at), mode: "0755".to_owned(), kind, package: None, why: vec![cause] }
    }

    fn manifest() -> Manifest {
        let file = || RecordKind::File { size: 10, sha256: Sha::of(b""), origin: None };
        let needed = |by: &str, name: &str| Provenance {
            by: Some(path(by)),
            name: Some(name.to_owned()),
            rule: Some("ld.so.cache".to_owned()),
            ..Provenance::plain(ProvenanceKind::Needed)
        };
        let entries = vec![
            record(
                "/lib",
                RecordKind::Symlink { target: "usr/lib".to_owned() },
                Provenance::plain(ProvenanceKind::MergedUsr),
            ),
            record("/usr/bin/a", file(), Provenance::plain(ProvenanceKind::Requested)),
            record(
                "/usr/lib/b.so",
                RecordKind::Symlink { target: "b.so.1".to_owned() },
                needed("/usr/bin/a", "b.so"),
            ),
            record("/usr/lib/b.so.1", file(), Provenance::target_of(&path("/usr/lib/b.so"))),
        ];
        Manifest {
            version: 1,
            time: 0,
            architecture: "x86-64".to_owned(),
            init: Some(Sha::of(b"")),
            limits: BTreeMap::new(),
            distribution: None,
            languages: BTreeMap::new(),
            packages: vec![],
            entries,
        }
    }

    #[test]
    fn a_chain_ends_at_what_the_user_requested() {
        let manifest = manifest();
        let record = manifest.get(&path("/usr/lib/b.so.1")).expect("there");
        assert_eq!(
            one_as_text(&manifest, record, &chain(&manifest, record)),
            "/usr/lib/b.so.1: file, 0755, 10 B\n  target of the link /usr/lib/b.so\n    which is needed by /usr/bin/a as b.so (ld.so.cache)\n      which is requested\n"
        );
    }

    #[test]
    fn a_path_through_a_linked_directory_is_found() {
        let manifest = manifest();
        assert_eq!(locate(&manifest, &path("/lib/b.so.1")).expect("found").path, path("/usr/lib/b.so.1"));
        assert!(locate(&manifest, &path("/lib/c.so")).is_none());
    }

    #[test]
    fn the_tree_shows_every_path_once() {
        assert_eq!(
            tree::tree(&manifest()),
            "/usr/bin/a  10 B  requested\n└── /usr/lib/b.so -> b.so.1  needed as b.so (ld.so.cache)\n    └── /usr/lib/b.so.1  10 B\n/lib -> usr/lib  a top directory that is a link into /usr\n2 files, 20 B\n"
        );
    }

    #[test]
    fn a_graph_has_an_edge_for_each_reason() {
        let manifest = manifest();
        let edges = manifest
            .entries
            .iter()
            .flat_map(|record| record.why.iter().map(move |cause| (&record.path, cause)));
        let graph = dot::graph(edges.filter(|(_, cause)| cause.by.is_some()));
        assert!(graph.contains("\"/usr/bin/a\" -> \"/usr/lib/b.so\" [label=\"b.so\"];"), "{graph}");
    }
}
