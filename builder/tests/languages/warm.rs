//! Runs one program whose language has got ready before, as a service has it: the result has to be the same.

use std::io::{Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Output};
use std::time::{Duration, Instant};
use std::{fs, thread};

use run::exec::{COMPILE_ERROR, CompileResult, Ended, Kind, Submission, Workroom, parse};
use serde_json::{Value, json};

use crate::attempt::compared;
use crate::bundle::Workshop;
use crate::language::{Language, Program};

/// However slow a machine is: what takes longer than this hangs.
const HANG: Duration = Duration::from_secs(300);

/// As [`crate::attempt::attempt`].
pub fn attempt(
    workshop: &Workshop,
    bundle: &Path,
    language: &Language,
    program: &Program,
) -> Result<(), String> {
    let input = workshop.input(&program.case, &format!("{}-{}-warm.in", language.name, program.name));
    let ran = run(workshop, bundle, language, program, &input).map_err(|error| error.to_string())?;
    let Some((output, report)) = ran else {
        // A class with another name than the usual one starts cold, and is tried that way.
        let has_to_be_warm = ["clocks", "surroundings"].contains(&program.name.as_str());
        return if has_to_be_warm { Err("it starts cold".to_owned()) } else { Ok(()) };
    };
    if ["compile", "run"].iter().any(|step| report[step].is_object() && report[step]["warm"] != true) {
        return Err(format!("it was not warm: {report}"));
    }
    compared(workshop, &program.case, &output, &report.to_string())
}

fn run(
    workshop: &Workshop,
    bundle: &Path,
    language: &Language,
    program: &Program,
    input: &Path,
) -> Result<Option<(Output, Value)>, run::Error> {
    let file = workshop.submission(language, program);
    let options = workshop.options.iter().chain(&program.case.options).map(Into::into);
    let request =
        parse(bundle.to_owned(), options.chain([file.clone().into_os_string()]).collect(), Vec::new())?;
    let room = Workroom::open(bundle)?.with_pool(1);
    let kind = Kind {
        language: language.name.clone(),
        compile: request.compile.clone(),
        run: request.run.clone(),
        arguments: Vec::new(),
    };
    let warm = room.warm(&kind)?;
    let begin = Instant::now();
    while warm.as_ref().is_some_and(|warm| warm.stands() && !warm.is_ready()) && begin.elapsed() < HANG {
        thread::sleep(Duration::from_millis(5));
    }
    if program.name == "clocks" {
        // As a program that comes later finds it.
        thread::sleep(Duration::from_secs(2));
    }
    let submission = Submission::read(std::slice::from_ref(&file), None)?;
    let pack = &room.languages()[&language.name];
    let text = String::from_utf8_lossy(&submission.files()[0].content).into_owned();
    let (own, usual) = (pack.names(&text), pack.names(""));
    if (own.source, own.main) != (usual.source, usual.main) {
        return Ok(None);
    }
    let compiled =
        room.compile_warm(warm, &submission, Some(&language.name), &request.compile, None, &|| ())?;
    let mut report = json!({ "status": "compile-error", "compile": parsed(compiled.report.as_deref()) });
    let (artifact, text) = match compiled.result {
        CompileResult::Ready(artifact) => (artifact, compiled.text),
        CompileResult::CompileError(cause) => {
            report["cause"] = cause.into();
            return Ok(Some((output(COMPILE_ERROR, Vec::new(), compiled.text), report)));
        }
        CompileResult::SandboxError => return Ok(Some((output(125, Vec::new(), compiled.text), report))),
    };
    let stdin = fs::read(input).expect("just written");
    let ready = artifact.take_warm(&request.run, &[], &stdin).expect("memory");
    let mut ready = ready.expect("it is warm");
    let Ended { status, code, report: own } = ready.prepared.start().wait()?;
    (report["status"], report["run"]) = (status.into(), parsed(Some(&own)));
    let [stdout, stderr] = [&mut ready.stdout, &mut ready.stderr].map(|file| {
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("memory");
        bytes
    });
    Ok(Some((output(code, stdout, [text, stderr].concat()), report)))
}

fn parsed(report: Option<&str>) -> Value {
    report.and_then(|report| serde_json::from_str(report).ok()).unwrap_or_default()
}

fn output(code: u8, stdout: Vec<u8>, stderr: Vec<u8>) -> Output {
    Output { status: ExitStatus::from_raw(i32::from(code) << 8), stdout, stderr }
}
