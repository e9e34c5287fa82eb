//! The command line: clap's types, and their one conversion to a [`Request`]. Nothing else imports clap.
//!
//! [`command`] has all commands; [`image_args`], [`query_args`] and [`init_options`] their arguments, each next to its
//! conversion. [`fast_path`] recognises the lines that clap need not read, [`documents`] makes what describes the
//! command line.

mod command;
mod documents;
mod fast_path;
mod image_args;
mod image_time;
mod init_options;
mod judge_args;
mod one_of;
mod path;
mod query_args;
mod request;
mod serve_args;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use closure::audit;
use init::contract::report::exit_code::SANDBOX_ERROR;
use run::command::{Run, RunWhat};
use run::refusal::{self, Refused};
use run::{doctor, exec};

use crate::error::Error;
use crate::query::problem::{ProblemForm, ProblemQuestion, ProblemRequest};
use crate::tool::bench;
use crate::tool::calibrate::CalibrateRequest;
use crate::tool::pack::{PackFetch, PackRequest, PackTrace};
use crate::tool::seccomp::CompileRequest;
use command::{Cli, Command, ExecArgs, PackCommand, ProblemArgs, ProblemCommand, RunArgs, SeccompCommand};
use fast_path::{PassedOn, Passing};

pub use request::Request;

/// Parses this process's arguments. Exits by itself with 0 for `--help`, and on a usage error with 2, or with 125 where
/// the exit code could be taken for a verdict.
pub fn request() -> Result<Request, Error> {
    let args: Vec<OsString> = env::args_os().collect();
    if let Some(args) = fast_path::isolate(&args) {
        return Ok(Request::Isolate(args.to_vec()));
    }
    if args.len() <= 1 {
        return Ok(Request::Print(documents::FIRST_STEPS.to_owned()));
    }
    let (ours, command) = fast_path::split_command(args);
    let sandboxed = fast_path::sandboxed(&ours);
    let request = match fast_path::passed_on(&ours) {
        Some(PassedOn { command: Passing::Run, bundle, options }) => run(bundle, options, command),
        Some(PassedOn { command: Passing::Exec, bundle, options }) => {
            exec::parse(bundle, options, command.unwrap_or_default()).map(Request::Exec).map_err(Error::from)
        }
        None => match fast_path::closure(&ours) {
            Some(args) => args.into_request(),
            None => match Cli::try_parse_from(&ours) {
                Ok(cli) => cli.command.into_request(command),
                Err(error) => refuse(&error, sandboxed, &ours),
            },
        },
    };
    if let (Err(error), Some(sandboxed)) = (&request, sandboxed) {
        refusal::report_usage(sandboxed, &ours, &error.to_string());
    }
    request
}

/// Prints help, or what is wrong, and exits.
fn refuse(error: &clap::Error, sandboxed: Option<Refused>, args: &[OsString]) -> ! {
    let Some(sandboxed) = sandboxed.filter(|_| error.use_stderr()) else { error.exit() };
    let _closed = error.print();
    let text = error.render().to_string();
    let message = text.lines().next().unwrap_or_default();
    refusal::report_usage(sandboxed, args, message.strip_prefix("error: ").unwrap_or(message));
    std::process::exit(SANDBOX_ERROR.into())
}

fn run(bundle: PathBuf, options: Vec<OsString>, command: Option<Vec<OsString>>) -> Result<Request, Error> {
    let command = command.filter(|command| !command.is_empty()).ok_or(Error::NoCommand)?;
    Ok(Request::Run(Run { bundle, what: RunWhat::Command { options, command } }))
}

/// Without `--root`, a relative directory starts at the working directory, as a shell's user means it.
fn audit_options(root: PathBuf, directories: Vec<PathBuf>) -> Result<audit::Options, Error> {
    let mut options = audit::Options { root, ..audit::Options::default() };
    if !directories.is_empty() {
        options.directories = directories;
    }
    if options.root == Path::new("/") {
        options.directories =
            options.directories.iter().map(|path| path::absolute(path)).collect::<Result<_, _>>()?;
    }
    Ok(options)
}

impl Command {
    /// `command` came after the first `--`.
    fn into_request(self, command: Option<Vec<OsString>>) -> Result<Request, Error> {
        Ok(match self {
            Command::Build(args) => args.into_request()?,
            Command::Script(args) => Request::Script(args.into_image()?),
            Command::Explain(args) => Request::Explain(args.into_question()?),
            Command::Verify { bundle } => Request::Verify { bundle },
            Command::Diff { one, other } => Request::Diff { one, other },
            Command::Closure(args) => args.into_request()?,
            Command::Audit { root, lint, directories } => {
                let options = audit_options(root, directories)?;
                if lint { Request::Lint(options) } else { Request::Audit(options) }
            }
            Command::Trace(args) => {
                let command = command.filter(|command| !command.is_empty()).ok_or(Error::NoCommand)?;
                Request::Trace(args.into_request(command)?)
            }
            Command::Isolate { args } => Request::Isolate(args),
            Command::Prove { args } => Request::Prove(args),
            Command::Bench { what, rounds, output, packs } => {
                Request::Bench(bench::Bench { what, rounds, output, packs })
            }
            Command::Doctor { json, timing } => {
                let form = if json { doctor::Form::Json } else { doctor::Form::Text };
                if timing { Request::DoctorTiming(form) } else { Request::Doctor(form) }
            }
            Command::Calibrate { output, seconds, force, is_program } => {
                Request::Calibrate(CalibrateRequest { output, seconds, force, is_program })
            }
            Command::Run(args) => {
                let (bundle, options) = args.into_parts();
                run(bundle, options, command)?
            }
            Command::Exec(args) => args.into_request(command)?,
            Command::Shell(args) => {
                let (bundle, options) = args.into_parts();
                Request::Run(Run { bundle, what: RunWhat::Shell { options } })
            }
            Command::Pack(command) => Request::Pack(command.into()),
            Command::Judge(args) => Request::Judge(args.into_request()?),
            Command::Problem(command) => Request::Problem(command.into()),
            Command::Serve(args) => Request::Serve(args.into_request()?),
            Command::Worker(args) => Request::Worker(args.into_request()?),
            Command::Completions { shell } => Request::Print(documents::completions(shell, Cli::command())),
            Command::Man { command: _, output: Some(directory) } => {
                Request::Print(documents::write_manual_pages(&directory, Cli::command())?)
            }
            Command::Man { command, output: None } => {
                Request::Print(documents::manual_page(command.as_deref(), Cli::command())?)
            }
            Command::Seccomp(SeccompCommand::Compile { policy, arch, output }) => {
                Request::CompilePolicy(CompileRequest { policy, arch, output })
            }
        })
    }
}

impl RunArgs {
    /// The bundle and the options as they are on a line that clap does not read.
    fn into_parts(self) -> (PathBuf, Vec<OsString>) {
        let mut options = self.options.0;
        options.extend(self.verify.then(|| "--verify".into()));
        (self.bundle, options)
    }
}

impl ExecArgs {
    fn into_request(self, arguments: Option<Vec<OsString>>) -> Result<Request, Error> {
        let mut args = self.options.0;
        if let Some(language) = self.lang {
            args.extend(["--lang".into(), language.into()]);
        }
        if let Some(entry) = self.entry {
            args.extend(["--entry".into(), entry.into()]);
        }
        if self.verify {
            args.push("--verify".into());
        }
        args.extend(self.sources.into_iter().map(OsString::from));
        Ok(Request::Exec(exec::parse(self.bundle, args, arguments.unwrap_or_default())?))
    }
}

impl From<PackCommand> for PackRequest {
    fn from(command: PackCommand) -> PackRequest {
        match command {
            PackCommand::List => PackRequest::List,
            PackCommand::Show { name } => PackRequest::Show(name),
            PackCommand::Check { names } => PackRequest::Check(names),
            PackCommand::Fetch { name, update } => PackRequest::Fetch(PackFetch { name, update }),
            PackCommand::Trace { name, tests, all } => PackRequest::Trace(PackTrace { name, tests, all }),
        }
    }
}

impl From<ProblemCommand> for ProblemRequest {
    fn from(command: ProblemCommand) -> ProblemRequest {
        let (question, ProblemArgs { problem, json }) = match command {
            ProblemCommand::Show(args) => (ProblemQuestion::Show, args),
            ProblemCommand::Check(args) => (ProblemQuestion::Check, args),
        };
        ProblemRequest { problem, question, form: if json { ProblemForm::Json } else { ProblemForm::Text } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_come_before_the_bundle() {
        let args = "capsule run --memory 1G --tty B".split(' ');
        let Command::Run(RunArgs { bundle, options, .. }) = Cli::parse_from(args).command else {
            panic!("run")
        };
        assert_eq!(bundle, PathBuf::from("B"));
        assert_eq!(options.0, ["--memory", "1G", "--tty"].map(OsString::from));
    }

    #[test]
    fn an_option_that_is_nearly_right_gets_a_suggestion() {
        let error = Cli::try_parse_from("capsule shell B --memroy 1G".split(' ')).expect_err("misspelt");
        assert!(error.to_string().contains("'--memory'"), "{error}");
    }
}
