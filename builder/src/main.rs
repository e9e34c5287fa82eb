//! `capsule`: parse, run, print one error, exit code.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use builder::cli::{self, Request};
use builder::error::Error;
use builder::query::{diff, explain, judge, problem, verify};
use builder::tool::{bench, calibrate, pack, prepare, prove, seccomp, serve, start_check, trace};
use bundle::human_bytes;
use closure::{audit, resolve};
use image::build::{self, BuildRequest};
use image::write::interrupt::Interrupt;
use run::{command, doctor, exec};

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
        Request::Build { build: mut request, check, prepare: is_prepared } => {
            make(&mut request, is_prepared)?;
            if check {
                let checked = start_check::check(&request.output)?;
                return Ok(told(&checked, checked.ok()));
            }
        }
        Request::Script(image) => write(&build::script(&image, &interrupt()?)?),
        Request::Explain(question) => print(&explain::explain(&question)?),
        Request::Verify { bundle } => {
            let differences = verify::verify(&bundle)?;
            return Ok(told(&differences, differences.is_empty()));
        }
        Request::Diff { one, other } => {
            let difference = diff::diff(&one, &other)?;
            return Ok(told(&difference, difference.is_empty()));
        }
        Request::Closure { options, roots } => return print_closure(&options, &roots),
        Request::Audit(options) => {
            let report = audit::audit(&options)?;
            return Ok(told(&report, report.mismatches.is_empty()));
        }
        Request::Lint(options) => return print_lints(&options),
        Request::Trace(request) => {
            let lines = trace::report(&request)?;
            match &request.output {
                Some(file) => fs::write(file, lines).map_err(|error| Error::write(file, error))?,
                None => print(&lines),
            }
        }
        Request::Run(request) => return Ok(command::run(request).map(ExitCode::from)?),
        Request::Exec(request) => return Ok(exec::exec(&request).map(ExitCode::from)?),
        Request::Pack(request) => {
            let output = pack::pack(&request, interrupt)?;
            return Ok(told(&output.text, output.ok));
        }
        Request::Judge(command) => return judge::judge(&command, print).map(ExitCode::from),
        Request::Problem(request) => {
            let answer = problem::answer(&request)?;
            return Ok(told(&answer.text, answer.is_judgeable));
        }
        Request::Isolate(args) => return Ok(ExitCode::from(isolate::isolate(&args))),
        Request::Serve(command) => serve::serve(command)?,
        Request::Worker(command) => serve::work(command)?,
        Request::Prove(args) => match prove::prove(&args)? {},
        Request::Bench(request) => print(&bench::bench(&request)?),
        Request::Doctor(form) => {
            let diagnosis = doctor::diagnose()?;
            return Ok(told(&diagnosis.render(form), diagnosis.is_healthy()));
        }
        Request::DoctorTiming(form) => return Ok(doctor_timing(form)),
        Request::Calibrate(request) => print(&calibrate::calibrate(&request)?),
        Request::Print(text) => print(&text),
        Request::CompilePolicy(request) => {
            let compiled = seccomp::compile(&request)?;
            eprintln!("{}: {} instructions", compiled.output.display(), compiled.instructions);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn doctor_timing(form: doctor::Form) -> ExitCode {
    let diagnosis = doctor::diagnose_timing();
    told(&diagnosis.render(form), diagnosis.is_healthy())
}

fn make(request: &mut BuildRequest, is_prepared: bool) -> Result<(), Error> {
    let interrupt = interrupt()?;
    let prepared = is_prepared.then(|| prepare::prepare(request, &interrupt)).transpose()?;
    let made = build::build(request, &interrupt)?;
    drop(prepared);
    made.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    eprintln!("{}: {} files, {}", request.output.display(), made.files, human_bytes(made.bytes));
    Ok(())
}

fn print_lints(options: &audit::Options) -> Result<ExitCode, Error> {
    let lints = audit::lint(options)?;
    let lines: String = lints.iter().map(|lint| format!("{lint}\n")).collect();
    Ok(told(&lines, lints.is_empty()))
}

/// Prints everything that was found, sorted, and on stderr each thing that was not, with the files that need it.
fn print_closure(options: &resolve::Options, roots: &[resolve::Root]) -> Result<ExitCode, Error> {
    let survey = resolve::survey(options, roots)?;
    let mut paths: Vec<&[u8]> =
        survey.closure.members.iter().map(|member| member.path.as_os_str().as_bytes()).collect();
    paths.sort_unstable();
    write(&paths.iter().flat_map(|path| [path, &b"\n"[..]]).collect::<Vec<_>>().concat());
    closure::grouped(&survey.failures).iter().for_each(|failure| eprintln!("error: {failure}"));
    Ok(if survey.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what was found, and fails unless all is well.
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
