//! Everything that can go wrong in `capsule`: the crates' own errors, those of its tools, and the exit code of each.

use std::io;
use std::path::{Path, PathBuf};

use bundle::FileError;
use nix::errno::Errno;
use recipe::RecipeError;
use recipe::image_path::ImagePath;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A recipe is not valid.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// An image cannot be made.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// A bundle cannot be read.
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    /// A run cannot be made.
    #[error(transparent)]
    Run(#[from] run::Error),
    /// The resolver found no closure.
    #[error(transparent)]
    Resolve(#[from] closure::Failure),
    /// An audit cannot be made.
    #[error(transparent)]
    Audit(#[from] closure::Error),
    /// A problem cannot be read.
    #[error(transparent)]
    Problem(#[from] judge::Error),
    /// A submission cannot be judged.
    #[error(transparent)]
    Judge(#[from] judge::judging::Failure),
    /// The service cannot start.
    #[error(transparent)]
    Serve(#[from] serve::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A calibration would not be of the machine alone.
    #[error(
        "the machine was not quiet: {0}; nothing was written\n  hint: calibrate again when it is, or keep the result with `--force`"
    )]
    NotQuiet(String),
    /// A part of a calibration failed.
    #[error("the machine cannot be calibrated: {what}: {cause}; nothing was written")]
    NotMeasured {
        /// What was to be measured.
        what: String,
        /// Why it was not.
        cause: String,
    },
    /// A system-call policy has a mistake.
    #[error("`{}:{line}:{column}` {cause}", path.display())]
    Policy {
        /// The policy.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        cause: String,
    },
    /// ptrace(2) is not allowed here, or another tracer is at work.
    #[error("`{}` cannot be traced: {errno}\n  hint: containers may forbid ptrace(2)", program.display())]
    Ptrace {
        /// The program.
        program: PathBuf,
        /// What the kernel said.
        errno: Errno,
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
    /// A program of the image did not make its file.
    #[error("`{path}` cannot be prepared: {why}{}", indented(printed))]
    Preparation {
        /// The file.
        path: ImagePath,
        /// The status of the program, or what it left out.
        why: String,
        /// What the program said.
        printed: String,
    },
    /// The toolchain of a pack cannot be brought.
    #[error("{what}\n  hint: {hint}")]
    Toolchain {
        /// Why.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// A program that brings or unpacks packages failed.
    #[error("`{program}` failed{}", indented(printed))]
    Client {
        /// The program.
        program: String,
        /// What it said.
        printed: String,
    },
    /// `run` or `trace` without a command.
    #[error("no command\n  hint: it comes last, as in `-- CMD ARG…`")]
    NoCommand,
    /// `capsule prove` without the program that does it.
    #[error(
        "`capsule-prove` is neither next to capsule nor on PATH\n  hint: `just install` in capsule's source puts both in place"
    )]
    NoProver,
    /// A template could not be filled in: a bug in capsule.
    #[error("template `{template}`: {what}")]
    Render {
        /// The template.
        template: &'static str,
        /// What it said.
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
    /// An invalid argument.
    #[error("{what}\n  hint: {hint}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: &'static str,
    },
}

impl Error {
    /// A failed read.
    pub fn read(path: &Path, error: io::Error) -> Error {
        FileError::read(path, error).into()
    }

    /// A failed write.
    pub fn write(path: &Path, error: io::Error) -> Error {
        FileError::write(path, error).into()
    }

    /// A program that cannot be started.
    pub fn start(path: &Path, error: io::Error) -> Error {
        run::Error::Start { path: path.to_path_buf(), error }.into()
    }

    /// The exit code: 125 when a sandbox could not be started, 128 + N for signal N, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::NoCommand | Error::Judge(_) => 125,
            Error::Run(error) => error.exit_code(),
            Error::Image(image::Error::Interrupted { signal }) => u8::try_from(128 + signal).unwrap_or(130),
            _ => 1,
        }
    }
}

fn near(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("\n  hint: it has {}", nearest.join(", ")) }
}

fn indented(printed: &str) -> String {
    printed.lines().map(|line| format!("\n  {}", line.escape_debug())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_build_exits_as_a_shell_would_say_it() {
        assert_eq!(Error::Image(image::Error::Interrupted { signal: 2 }).exit_code(), 130);
    }
}
