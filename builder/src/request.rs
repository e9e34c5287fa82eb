//! What the user asked for, already validated: nothing after this sees a flag.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::audit;
use crate::bench;
use crate::doctor;
use crate::error::Error;
use crate::exec::Exec;
use crate::formats::Format;
use crate::pack;
use crate::recipe::Recipe;
use crate::resolve;
use crate::seccomp::CompileRequest;
use crate::staging::Existing;

/// One invocation of capsule.
#[derive(Debug)]
pub enum Request {
    /// `capsule build`
    Build(Build),
    /// `capsule script`
    Script(Image),
    /// `capsule explain`
    Explain(Explain),
    /// `capsule verify`
    Verify {
        /// The bundle.
        bundle: PathBuf,
    },
    /// `capsule diff`
    Diff {
        /// Before.
        one: PathBuf,
        /// After.
        other: PathBuf,
    },
    /// `capsule closure`
    Closure {
        /// In which tree, and how.
        options: resolve::Options,
        /// Programs, libraries and directories.
        roots: Vec<resolve::Root>,
    },
    /// `capsule audit`
    Audit(audit::Options),
    /// `capsule audit --lint`
    Lint(audit::Options),
    /// `capsule trace`
    Trace(Trace),
    /// `capsule run`, `shell`: become the bundle's init.
    Run(Run),
    /// `capsule exec`
    Exec(Exec),
    /// `capsule pack`
    Pack(pack::Ask),
    /// `capsule prove`, with its words unread: become `capsule-prove`.
    Prove(Vec<OsString>),
    /// `capsule bench`
    Bench(bench::Bench),
    /// `capsule doctor`
    Doctor(doctor::Form),
    /// `capsule completions`: what the command line knows of itself.
    Tell(String),
    /// `capsule seccomp compile`
    CompilePolicy(CompileRequest),
}

/// An image, before it has a place or a form.
#[derive(Debug, Clone)]
pub struct Image {
    /// Recipe, packs and command line together.
    pub recipe: Recipe,
    /// How libraries are searched, and in which tree.
    pub options: resolve::Options,
    /// The time of everything in the image, in seconds since 1970.
    pub time: u32,
}

impl Image {
    /// A recipe's own, from this machine.
    pub fn of(recipe: Recipe) -> Image {
        let options = recipe.loading.options(PathBuf::from("/"));
        Image { recipe, options, time: 0 }
    }
}

/// A command that is run to see what it opens.
#[derive(Debug)]
pub struct Trace {
    /// What is in the image already.
    pub image: Image,
    /// The program and its arguments.
    pub command: Vec<OsString>,
}

/// A bundle to make.
#[derive(Debug)]
pub struct Build {
    /// What is in it.
    pub image: Image,
    /// Where it goes.
    pub output: PathBuf,
    /// What to do when something stands there.
    pub existing: Existing,
    /// In which forms.
    pub formats: BTreeSet<Format>,
}

/// A question about a bundle.
#[derive(Debug)]
pub struct Explain {
    /// The bundle.
    pub bundle: PathBuf,
    /// What is asked.
    pub question: Question,
}

/// What `capsule explain` can be asked.
#[derive(Debug)]
pub enum Question {
    /// Who asked for what, as a whole.
    All(ExplainForm),
    /// Why one path is there.
    Path(String, ExplainForm),
    /// How many bytes come from which package.
    Sizes,
    /// The same as a page with a picture, written to this file.
    Report(PathBuf),
    /// Why a library is not found: every path that is tried.
    WhyNot {
        /// The library's name.
        soname: OsString,
        /// Where the search would look.
        options: resolve::Options,
    },
}

/// How `capsule explain` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainForm {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For Graphviz.
    Dot,
}

/// A start of init.
#[derive(Debug)]
pub struct Run {
    /// The bundle.
    pub bundle: PathBuf,
    /// What to start.
    pub what: RunWhat,
}

/// What init is started for.
#[derive(Debug)]
pub enum RunWhat {
    /// A command, with options that init reads.
    Command {
        /// Options as they were given.
        options: Vec<OsString>,
        /// The program and its arguments.
        command: Vec<OsString>,
    },
    /// A shell on a terminal.
    Shell {
        /// Options as they were given.
        options: Vec<OsString>,
    },
}

/// The time of an image's entries: SOURCE_DATE_EPOCH (reproducible-builds.org), else 0, so that two builds
/// of the same input give the same bytes without being told anything.
pub fn image_time(source_date_epoch: Option<&str>) -> Result<u32, Error> {
    let Some(value) = source_date_epoch.filter(|value| !value.is_empty()) else { return Ok(0) };
    value.parse().map_err(|_| Error::Value {
        name: "SOURCE_DATE_EPOCH",
        value: value.to_owned(),
        wanted: "and must be a number of seconds between 0 and 4294967295",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_a_number_of_seconds_or_nothing() {
        assert_eq!(image_time(None).expect("default"), 0);
        assert_eq!(image_time(Some("1700000000")).expect("given"), 1_700_000_000);
        assert!(image_time(Some("yesterday")).is_err());
    }
}
