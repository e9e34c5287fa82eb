//! Why an image cannot be made.
//!
//! The first line of a message says what failed and why; the indented lines after it have facts and a hint.

mod absent;
mod conflict;
mod excess;
mod refusals;

use std::io;
use std::path::{Path, PathBuf};

use bundle::{Access, FileError};
use closure::errno::clause;
use recipe::Span;
use recipe::image_path::{ImagePath, Unfit};

pub(crate) use absent::Absent;
pub(crate) use conflict::{Conflict, HiddenSource};
pub(crate) use excess::Excess;
pub use refusals::verdict;
pub(crate) use refusals::{Refusals, Refused, allow_lines};

/// Why an image cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The resolver found no closure.
    #[error(transparent)]
    Resolve(#[from] closure::Error),
    /// An included library lacks another one.
    #[error(
        "{error}\n  hint: if a program opens `{path}` (dlopen), write {{ from = \"{path}\", for = \"PROGRAM\" }} under `include`"
    )]
    Plugin {
        /// The included library.
        path: ImagePath,
        /// What it lacks.
        error: Box<Error>,
    },
    /// A request of the recipe cannot be met.
    #[error("{}{error}", shown(span))]
    At {
        /// The place of the request.
        span: Span,
        /// Why it cannot be met.
        error: Box<Error>,
    },
    /// A file of the build host or of the bundle cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The manifest or the bill of materials cannot be made.
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    /// The recipe requests nothing.
    #[error(
        "nothing to build: no program, file or data is requested\n  hint: name programs, as in `capsule build bash ls -o BUNDLE`, or give a recipe with `-r`"
    )]
    NothingAsked,
    /// The files of an `include` pattern or of a slice cannot be read.
    #[error("{}`{pattern}` cannot be included: {}", shown(span), clause(error))]
    Include {
        /// The pattern of the recipe, or `package NAME` for a slice.
        pattern: String,
        /// Its place in the recipe.
        span: Span,
        /// The failed call's error.
        error: io::Error,
    },
    /// An `include` pattern matches nothing.
    #[error(
        "{}`{pattern}` matches nothing on the build host\n  hint: remove it, or install the package that has it",
        shown(span)
    )]
    IncludesNothing {
        /// The pattern of the recipe.
        pattern: String,
        /// Its place in the recipe.
        span: Span,
    },
    /// The directory of a toolchain is absent, or differs from its lock.
    #[error("`{}` {what}\n  hint: {hint}", directory.display())]
    Toolchain {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// A slice names a package that is not installed.
    #[error(
        "{}no installed package is called `{package}`\n  hint: `capsule pack check` names the packages that a pack needs",
        shown(span)
    )]
    NoPackage {
        /// The name or glob of the recipe.
        package: String,
        /// Its place in the recipe.
        span: Span,
    },
    /// Data that the recipe names is not on the build host.
    #[error(transparent)]
    Absent(Absent),
    /// Links for applets were requested without a busybox that has applets.
    #[error(
        "no program of `binaries` is a busybox with applets\n  hint: name it by its path, or write applets = false"
    )]
    NoApplets,
    /// Two entries contradict each other.
    #[error(transparent)]
    Plan(#[from] Conflict),
    /// A path cannot be in an image.
    #[error("`{}` {unfit}", path.display())]
    Unfit {
        /// The path.
        path: PathBuf,
        /// Why it cannot.
        unfit: Unfit,
    },
    /// An included file is a device, socket or pipe.
    #[error(
        "`{path}` is not a file, a directory or a link\n  hint: leave it out: the sandbox has its own /dev"
    )]
    Special {
        /// The path.
        path: ImagePath,
    },
    /// The output exists, and `--replace` was not given.
    #[error("`{}` already exists\n  hint: choose another `-o`, or add `--replace` to replace that bundle", path.display())]
    OutputExists {
        /// The bundle.
        path: PathBuf,
    },
    /// Another build for the same output has not ended, or ended first.
    #[error("another build is writing `{}`\n  hint: wait for it, or choose another `-o`", path.display())]
    OutputBusy {
        /// The bundle.
        path: PathBuf,
    },
    /// `--replace` would remove a file or directory that is not a bundle.
    #[error("`{}` is not a bundle, so `--replace` does not remove it\n  hint: remove it yourself, or choose another `-o`", path.display())]
    ReplacesForeign {
        /// The file or directory.
        path: PathBuf,
    },
    /// The format `dir` was requested without root: only root can make files that belong to root.
    #[error("`{}` needs root: its files must belong to root, so that no submission can change them\n  hint: run capsule as root, or request archives only, as in `--format tar,cpio`", path.display())]
    NeedsRoot {
        /// The tree.
        path: PathBuf,
    },
    /// A requested format starts with init, and capsule has no init for the machine of the image.
    #[error(
        "`{format}` starts with a runner, and this capsule has none for {machine}\n  hint: request other formats, as in `--format dir,tar,oci`, or give one with `--init FILE`"
    )]
    NoRunner {
        /// The format.
        format: &'static str,
        /// The machine.
        machine: String,
    },
    /// The runner that was given is for another machine.
    #[error("`{}` is for {runner}, but the programs of the image are for {machine}", path.display())]
    RunnerOfOther {
        /// The runner's file.
        path: PathBuf,
        /// Its machine.
        runner: String,
        /// The image's.
        machine: String,
    },
    /// A file of the build host changed between two reads, or since the plan was made.
    #[error("`{}` changed while it was read\n  hint: build again when no program writes to it", path.display())]
    SourceChanged {
        /// The file.
        path: PathBuf,
    },
    /// Guards refuse files of the build host.
    #[error("{0}")]
    Guard(Refusals),
    /// The image exceeds the recipe's budget.
    #[error("{0}")]
    Budget(Excess),
    /// A template cannot be rendered: a bug of capsule.
    #[error("template `{template}`: {what}")]
    Render {
        /// The template.
        template: &'static str,
        /// The error of askama.
        what: String,
    },
    /// A file of dpkg's database is too large to be one.
    #[error("`{}` is not a dpkg database: {what}", path.display())]
    Packages {
        /// The file.
        path: PathBuf,
        /// The defect.
        what: String,
    },
    /// SIGINT, SIGTERM or SIGHUP ended the build.
    #[error("interrupted by signal {signal}; the unfinished bundle was removed")]
    Interrupted {
        /// The signal's number.
        signal: i32,
    },
}

impl Error {
    /// A file that cannot be read.
    pub(crate) fn read(path: &Path, error: io::Error) -> Error {
        FileError::read(path, error).into()
    }

    /// A file that cannot be written. An [`Error`] that a reader of this crate wrapped into `error` is returned unwrapped.
    pub(crate) fn write(path: &Path, error: io::Error) -> Error {
        match error.downcast::<Error>() {
            Ok(ours) => ours,
            Err(error) => FileError::write(path, error).into(),
        }
    }

    /// The error with paths below `shown`, the output, instead of `hidden`, the directory of the unfinished bundle.
    pub(crate) fn renamed(self, hidden: &Path, shown: &Path) -> Error {
        match self {
            Error::File(FileError { path, access: Access::Write, error }) => {
                let path = path.strip_prefix(hidden).map(|rest| shown.join(rest)).unwrap_or(path);
                FileError { path, access: Access::Write, error }.into()
            }
            other => other,
        }
    }

    /// The error with the place of the request.
    pub(crate) fn at(self, span: &Span) -> Error {
        Error::At { span: span.clone(), error: Box::new(self) }
    }
}

/// The place as the start of a message; empty for the command line, which the user still sees.
fn shown(span: &Span) -> String {
    match span {
        Span::CommandLine => String::new(),
        Span::File { .. } => format!("{span}: "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_reader_passes_through_a_writer_unchanged() {
        let inner = io::Error::other(Error::Interrupted { signal: 2 });
        assert!(matches!(Error::write(Path::new("x"), inner), Error::Interrupted { signal: 2 }));
    }
}
