//! Everything that can go wrong in the builder, and the one place that says it.
//!
//! A message's first line names the thing and the cause; indented lines under it give facts and a hint.

use std::io;
use std::path::{Path, PathBuf};

use crate::image_path::{ImagePath, Unfit};
use crate::plan::Conflict;
use crate::recipe::{Mistake, Place};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A recipe is not right.
    #[error(transparent)]
    Recipe(#[from] Mistake),
    /// The closure cannot be had.
    #[error("{0}")]
    Resolve(crate::resolve::Error),
    /// Something that was asked for at a known place cannot be had.
    #[error("{}{error}", shown(at))]
    At {
        /// Where it was asked for.
        at: Place,
        /// Why not.
        error: Box<Error>,
    },
    /// Nothing was asked for.
    #[error(
        "nothing to build: no program, file or data was asked for\n  hint: name programs, as in `capsule build bash ls -o BUNDLE`, or give a recipe with `-r`"
    )]
    NothingAsked,
    /// An `include` pattern cannot be expanded.
    #[error("{}`{pattern}` cannot be included: {}", shown(at), cause(error))]
    Include {
        /// As written.
        pattern: String,
        /// Where.
        at: Place,
        /// Why not.
        error: io::Error,
    },
    /// An `include` pattern matches nothing.
    #[error(
        "{}`{pattern}` matches nothing on the build host\n  hint: remove it, or install the package that has it",
        shown(at)
    )]
    IncludesNothing {
        /// As written.
        pattern: String,
        /// Where.
        at: Place,
    },
    /// A slice of a package that is not installed.
    #[error(
        "{}no installed package is called `{package}`\n  hint: `capsule pack check` names the packages that a pack needs",
        shown(at)
    )]
    NoPackage {
        /// As written.
        package: String,
        /// Where.
        at: Place,
    },
    /// Data that was asked for and is not there.
    #[error(transparent)]
    Absent(crate::data::Absent),
    /// Two wishes that cannot both be.
    #[error(transparent)]
    Plan(#[from] Conflict),
    /// A system-call policy could not be compiled.
    #[error(transparent)]
    Seccomp(#[from] crate::seccomp::Error),
    /// A path that cannot be in an image.
    #[error("`{}` {unfit}", path.display())]
    Unfit {
        /// The path.
        path: PathBuf,
        /// Why.
        unfit: Unfit,
    },
    /// A device, socket or pipe was asked for.
    #[error(
        "`{path}` is neither file, directory nor link\n  hint: the sandbox makes its own /dev; leave it out"
    )]
    Special {
        /// The path.
        path: ImagePath,
    },
    /// The bundle is there already.
    #[error("`{}` exists already\n  hint: choose another `-o`, or add `--replace` to swap a finished bundle in its place", path.display())]
    OutputExists {
        /// The bundle.
        path: PathBuf,
    },
    /// `--replace` would remove something that is no bundle.
    #[error("`{}` is no bundle of capsule's, so `--replace` leaves it alone\n  hint: remove it yourself, or choose another `-o`", path.display())]
    ReplacesForeign {
        /// What stands there.
        path: PathBuf,
    },
    /// Only root can make files that belong to root.
    #[error("`{}` needs root: its files must belong to root, so that no submission can change them\n  hint: run it as root, or ask for archives only, as in `--format tar,cpio`", path.display())]
    NeedsRoot {
        /// The tree.
        path: PathBuf,
    },
    /// Something of the build host cannot be read.
    #[error("`{}` cannot be read: {}", path.display(), cause(error))]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Something of the bundle cannot be written.
    #[error("`{}` cannot be written: {}", path.display(), cause(error))]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A source has other bytes now than a moment ago.
    #[error("`{}` changed while it was read\n  hint: build again when nothing writes to it", path.display())]
    SourceChanged {
        /// The source.
        path: PathBuf,
    },
    /// Files that should not come from this build host.
    #[error("{0}")]
    Guard(crate::guards::Refusals),
    /// The image costs more than the recipe allows.
    #[error("{0}")]
    Budget(crate::budget::Excess),
    /// A directory is not a bundle.
    #[error("`{}` is no bundle: it has no `{missing}`\n  hint: `capsule build … -o {}` makes one", path.display(), path.display())]
    NotABundle {
        /// The directory.
        path: PathBuf,
        /// What it lacks.
        missing: &'static str,
    },
    /// A manifest is not one.
    #[error("`{}` is not a manifest of this version: {what}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A path that the bundle does not have.
    #[error("`{path}` is not in `{}`{}", bundle.display(), near(nearest))]
    NotInImage {
        /// What was asked about.
        path: String,
        /// Where.
        bundle: PathBuf,
        /// Paths with the same last name.
        nearest: Vec<String>,
    },
    /// An audit cannot be made.
    #[error(transparent)]
    Audit(crate::audit::Error),
    /// A command cannot be traced.
    #[error("{0}")]
    Trace(crate::trace::Error),
    /// init cannot be started.
    #[error("`{}` cannot be started: {}", path.display(), cause(error))]
    Start {
        /// The program.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The box of a submission cannot be had.
    #[error("`{}` cannot be mounted on: {}\n  hint: `capsule doctor` says what this host lacks", path.display(), cause(error))]
    Box {
        /// Its place.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A language that cannot be told.
    #[error("{what}\n  hint: it has {}", if known.is_empty() { "none; build it with `--pack`, as in `--pack cpp`".to_owned() } else { known.join(", ") })]
    NoLanguage {
        /// What is wrong.
        what: String,
        /// The languages of the bundle.
        known: Vec<String>,
    },
    /// A source file that no person wrote.
    #[error("`{}` is longer than {most} bytes, the most for a source file", path.display())]
    SourceTooLong {
        /// The file.
        path: PathBuf,
        /// The limit.
        most: u64,
    },
    /// A word that makes no sense.
    #[error("{what}\n  hint: {hint}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// init's own words about options that it does not understand.
    #[error("{what}\n  hint: it is about the compile step: `--compile-OPTION` is init's `--OPTION` there")]
    InitRefused {
        /// What it said.
        what: String,
    },
    /// Something that must never look like a verdict.
    #[error("{0}")]
    Sandbox(Box<Error>),
    /// `run` or `trace` without a command.
    #[error("no command\n  hint: it comes last, as in `-- CMD ARG…`")]
    NoCommand,
    /// `capsule prove` without the program that does it.
    #[error(
        "`capsule-prove` is neither beside capsule nor on PATH\n  hint: `just install` in capsule's source puts both in place"
    )]
    NoProver,
    /// A template could not be filled in: a bug of ours.
    #[error("template `{template}`: {what}")]
    Render {
        /// The template.
        template: &'static str,
        /// What it said.
        what: String,
    },
    /// A dpkg database that cannot be understood.
    #[error("`{}` is not a dpkg database: {what}", path.display())]
    Packages {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// An environment variable or option has a value that cannot be used.
    #[error("`{name}` is `{value}`, {wanted}")]
    Value {
        /// The variable or option.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// Ctrl-C, or somebody else asked us to stop.
    #[error("interrupted by signal {signal}; nothing was left behind")]
    Interrupted {
        /// Its number.
        signal: i32,
    },
}

impl Error {
    /// A failed read.
    pub fn read(path: &Path, error: io::Error) -> Error {
        Error::Read { path: path.to_path_buf(), error }
    }

    /// A failed write. An error that one of our own readers raised on the way comes out as it went in.
    pub fn write(path: &Path, error: io::Error) -> Error {
        match error.downcast::<Error>() {
            Ok(ours) => ours,
            Err(error) => Error::Write { path: path.to_path_buf(), error },
        }
    }

    /// With paths below `hidden` told as what they would have become.
    pub fn renamed(self, hidden: &Path, shown: &Path) -> Error {
        match self {
            Error::Write { path, error } => {
                let path = path.strip_prefix(hidden).map(|rest| shown.join(rest)).unwrap_or(path);
                Error::Write { path, error }
            }
            other => other,
        }
    }

    /// As a failure of the sandbox: exit code 125.
    pub fn sandbox(error: Error) -> Error {
        Error::Sandbox(Box::new(error))
    }

    /// With the place that asked for it.
    pub fn at(self, at: &Place) -> Error {
        Error::At { at: at.clone(), error: Box::new(self) }
    }

    /// The exit code: 125 when a sandbox could not be started, 128 + N for signal N, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Start { .. } | Error::NoCommand | Error::Sandbox(_) => 125,
            Error::Interrupted { signal } => u8::try_from(128 + signal).unwrap_or(130),
            _ => 1,
        }
    }
}

/// An operating system's error as a clause: lower case, without its number.
pub fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "unknown error".to_owned(),
    }
}

/// A person who typed the request needs no pointer to it.
fn shown(at: &Place) -> String {
    match at {
        Place::CommandLine => String::new(),
        Place::File { .. } => format!("{at}: "),
    }
}

fn near(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("\n  hint: it has {}", nearest.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_a_clause() {
        assert_eq!(cause(&io::Error::from_raw_os_error(28)), "no space left on device");
    }

    #[test]
    fn our_own_errors_survive_a_foreign_writer() {
        let inner = io::Error::other(Error::Interrupted { signal: 2 });
        assert_eq!(Error::write(Path::new("x"), inner).exit_code(), 130);
    }
}
