//! `capsule`: parse, run, print one error, exit code.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use builder::error::Error;
use builder::interrupt::Interrupt;
use builder::quantity::bytes_for_people;
use builder::request::Request;
use builder::{
    audit, bench, build, cli, diff, doctor, exec, explain, pack, prove, resolve, runner, seccomp, trace,
    verify,
};

/// Closures are many small allocations in several threads: with glibc's malloc they take a fifth longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::request().and_then(run) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(request: Request) -> Result<ExitCode, Error> {
    match request {
        Request::Build(request) => {
            let made = build::build(&request, &interrupt()?)?;
            made.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            eprintln!("{}: {} files, {}", request.output.display(), made.files, bytes_for_people(made.bytes));
        }
        Request::Script(image) => print(&build::script(&image, &interrupt()?)?),
        Request::Explain(question) => print(&explain::explain(&question)?),
        Request::Verify { bundle } => {
            let differences = verify::verify(&bundle)?;
            return Ok(told(&differences, differences.is_empty()));
        }
        Request::Diff { one, other } => {
            let difference = diff::diff(&one, &other)?;
            return Ok(told(&difference, difference.is_empty()));
        }
        Request::Closure { options, roots } => return closure(&options, &roots),
        Request::Audit(options) => {
            let report = audit::audit(&options).map_err(Error::Audit)?;
            return Ok(told(&report, report.mismatches.is_empty()));
        }
        Request::Lint(options) => {
            let lints = audit::lint(&options).map_err(Error::Audit)?;
            print(&lints.iter().map(|lint| format!("{lint}\n")).collect::<String>());
            return Ok(if lints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Request::Trace(request) => print(&trace::report(&request)?),
        Request::Run(request) => match runner::run(request)? {},
        Request::Exec(request) => return exec::exec(&request).map(ExitCode::from),
        Request::Pack(ask) => {
            let answer = pack::pack(&ask, interrupt)?;
            return Ok(told(&answer.text, answer.is_well));
        }
        Request::Prove(words) => match prove::prove(&words)? {},
        Request::Bench(request) => print(&bench::bench(&request)?),
        Request::Doctor(form) => {
            let diagnosis = doctor::diagnose()?;
            print(&diagnosis.render(form));
            return Ok(if diagnosis.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Request::Tell(text) => print(&text),
        Request::CompilePolicy(request) => {
            let compiled = seccomp::compile(&request)?;
            eprintln!("{}: {} instructions", compiled.output.display(), compiled.instructions);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a closure, sorted; what is missing is told on stderr.
fn closure(options: &resolve::Options, roots: &[resolve::Root]) -> Result<ExitCode, Error> {
    let survey = resolve::survey(options, roots).map_err(Error::Resolve)?;
    let mut paths: Vec<&[u8]> =
        survey.closure.members.iter().map(|member| member.path.as_os_str().as_bytes()).collect();
    paths.sort_unstable();
    write(&paths.iter().flat_map(|path| [path, &b"\n"[..]]).collect::<Vec<_>>().concat());
    survey.failures.iter().for_each(|failure| eprintln!("error: {failure}"));
    Ok(if survey.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what was found; only what is well succeeds.
fn told(found: &impl std::fmt::Display, well: bool) -> ExitCode {
    print(&found.to_string());
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn interrupt() -> Result<Interrupt, Error> {
    Interrupt::install().map_err(|error| Error::read("signal handlers".as_ref(), error))
}

fn print(text: &str) {
    write(text.as_bytes());
}

fn write(bytes: &[u8]) {
    // A reader that goes away (`| head`) has what it wanted.
    let _pipe_may_be_closed = std::io::stdout().write_all(bytes);
}
