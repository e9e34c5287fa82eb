//! `capsule explain`: why a file is in a bundle, from the manifest alone.

mod dot;
mod tree;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::cause::{Because, Cause};
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::manifest::{Manifest, Record, RecordKind};
use crate::quantity::bytes_for_people;
use crate::request::{Explain, ExplainForm, Question};
use crate::resolve::{self, Root};
use crate::{report, sizes};

/// As many links as a lookup follows (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Answers in the form that was asked for; the text ends in a newline, and is empty when the answer is a file.
pub fn explain(asked: &Explain) -> Result<String, Error> {
    let manifest = Manifest::load(&asked.bundle)?;
    match &asked.question {
        Question::All(form) => whole(&manifest, *form),
        Question::Path(path, form) => one(&manifest, find(&manifest, path, &asked.bundle)?, *form),
        Question::Sizes => Ok(sizes::sizes(&manifest).to_string()),
        Question::Report(file) => {
            let page = report::page(&manifest, &asked.bundle.display().to_string())?;
            std::fs::write(file, page).map(|()| String::new()).map_err(|error| Error::write(file, error))
        }
        Question::WhyNot { soname, options } => why_not(&manifest, soname, options),
    }
}

fn one(manifest: &Manifest, record: &Record, form: ExplainForm) -> Result<String, Error> {
    let chain = chain(manifest, record);
    match form {
        ExplainForm::Text => Ok(one_as_text(manifest, record, &chain)),
        ExplainForm::Json => json(&One { entry: record, chain }),
        ExplainForm::Dot => Ok(dot::graph(chain.iter().map(|step| (&step.path, &step.cause)))),
    }
}

/// Each path that a loader tries for `soname` on behalf of the bundle's programs, once.
fn why_not(manifest: &Manifest, soname: &OsStr, options: &resolve::Options) -> Result<String, Error> {
    let roots: Vec<Root> =
        manifest.requested().map(|record| Root::Path(record.path.as_path().into())).collect();
    let mut lines = Vec::new();
    for root in roots {
        for attempt in resolve::why_not(options, &[root], soname).map_err(Error::Resolve)? {
            let line = format!("{}: {} ({})", attempt.path.display(), attempt.outcome, attempt.rule);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines.push(format!("{} paths tried for `{}`\n", lines.len(), soname.display()));
    Ok(lines.join("\n"))
}

fn whole(manifest: &Manifest, form: ExplainForm) -> Result<String, Error> {
    match form {
        ExplainForm::Text => Ok(tree::tree(manifest)),
        ExplainForm::Json => manifest.to_json(),
        ExplainForm::Dot => {
            let asked = manifest
                .entries
                .iter()
                .flat_map(|record| record.why.iter().map(move |cause| (&record.path, cause)));
            Ok(dot::graph(asked.filter(|(_, cause)| cause.by.is_some())))
        }
    }
}

/// One path and how it got there, as JSON shows it.
#[derive(Serialize)]
struct One<'a> {
    entry: &'a Record,
    chain: Vec<Step>,
}

/// A path and the reason that leads to the next step, up to what nobody but a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Step {
    path: ImagePath,
    cause: Cause,
}

/// From `record` up to what a person asked for. Prefers reasons that somebody asked for over directories.
fn chain(manifest: &Manifest, record: &Record) -> Vec<Step> {
    let mut chain = Vec::new();
    let mut next = Some(record);
    while let Some(record) = next {
        let cause = record.why[0].clone();
        let seen = chain.iter().any(|step: &Step| step.path == record.path);
        next = cause.by.as_ref().filter(|_| !seen).and_then(|by| manifest.get(by));
        chain.push(Step { path: record.path.clone(), cause });
    }
    chain
}

fn one_as_text(manifest: &Manifest, record: &Record, chain: &[Step]) -> String {
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
        RecordKind::Symlink { target } => format!("link to {target}"),
        RecordKind::File { size, .. } => format!("file, {}, {}", record.mode, bytes_for_people(*size)),
    }
}

fn version(manifest: &Manifest, record: &Record) -> Option<String> {
    let id = record.package.as_ref()?;
    let package = manifest.packages.iter().find(|package| package.id() == *id)?;
    Some(format!("{id} {}", package.version))
}

/// The record that `path` means: links in its directories are followed, one at its end is not.
fn find<'m>(manifest: &'m Manifest, path: &str, bundle: &Path) -> Result<&'m Record, Error> {
    let asked = ImagePath::parse(path).ok();
    asked.and_then(|asked| locate(manifest, &asked)).ok_or_else(|| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let alike =
            manifest.entries.iter().filter(|record| record.path.as_str().rsplit('/').next() == Some(name));
        let nearest = alike.take(5).map(|record| format!("`{}`", record.path)).collect();
        Error::NotInImage { path: path.to_owned(), bundle: bundle.to_path_buf(), nearest }
    })
}

fn locate<'m>(manifest: &'m Manifest, asked: &ImagePath) -> Option<&'m Record> {
    let mut path = asked.clone();
    for _ in 0..MOST_LINKS {
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

/// `base/target/rest` without `.` and `..`: none of the directories is a link that was not followed before.
fn normal(base: &ImagePath, target: &str, rest: &str) -> Option<ImagePath> {
    let joined = format!("{base}/{target}{rest}");
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
    text.map(|text| text + "\n").map_err(|e| Error::Manifest { path: "answer".into(), what: e.to_string() })
}

/// Whether a person, the recipe or the sandbox wanted it for itself.
fn is_top(record: &Record) -> bool {
    let first = &record.why[0];
    first.by.is_none() && first.because != Because::Parent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha;
    use std::collections::BTreeMap;

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).expect("normal")
    }

    fn record(at: &str, kind: RecordKind, cause: Cause) -> Record {
        Record { path: path(at), mode: "0755".to_owned(), kind, package: None, why: vec![cause] }
    }

    fn manifest() -> Manifest {
        let file = || RecordKind::File { size: 10, sha256: Sha::of(b""), origin: None };
        let needed = |by: &str, name: &str| Cause {
            by: Some(path(by)),
            name: Some(name.to_owned()),
            rule: Some("ld.so.cache".to_owned()),
            ..Cause::plain(Because::Needed)
        };
        let entries = vec![
            record(
                "/lib",
                RecordKind::Symlink { target: "usr/lib".to_owned() },
                Cause::plain(Because::MergedUsr),
            ),
            record("/usr/bin/a", file(), Cause::plain(Because::Requested)),
            record(
                "/usr/lib/b.so",
                RecordKind::Symlink { target: "b.so.1".to_owned() },
                needed("/usr/bin/a", "b.so"),
            ),
            record("/usr/lib/b.so.1", file(), Cause::target_of(&path("/usr/lib/b.so"))),
        ];
        Manifest {
            version: 1,
            time: 0,
            init: Sha::of(b""),
            limits: BTreeMap::new(),
            languages: BTreeMap::new(),
            packages: vec![],
            entries,
        }
    }

    #[test]
    fn a_chain_ends_at_what_a_person_asked_for() {
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
