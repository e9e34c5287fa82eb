//! Runs one program, and compares the result with the case.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::bundle::Workshop;
use crate::corpus::Case;
use crate::language::{Language, Program};

/// At most so many bytes of a stream are shown when a case fails.
const SHOWN: usize = 4000;

/// Runs a program; the error lists every difference, and shows the streams and the report.
pub fn attempt(
    workshop: &Workshop,
    bundle: &Path,
    language: &Language,
    program: &Program,
) -> Result<(), String> {
    let name = format!("{}-{}", language.name, program.name);
    let input = workshop.input(&program.case, &format!("{name}.in"));
    let report = workshop.path(&format!("{name}.json"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_capsule"));
    command.arg("exec").arg(bundle).args(["--lang", &language.name]);
    command.arg(workshop.submission(language, program));
    command.args(&workshop.options).args(&program.case.options).arg("--report").arg(&report);
    command.stdin(Stdio::from(File::open(&input).expect("just written")));
    let output = command.output().expect("capsule starts");
    let report = fs::read_to_string(&report).unwrap_or_default();
    compared(workshop, &program.case, &output, &report)
}

/// Compares what came of a program with its case.
pub fn compared(workshop: &Workshop, case: &Case, output: &Output, report: &str) -> Result<(), String> {
    let wrong = complaints(workshop, case, output, report);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{}", wrong.join("\n"), seen(output, report)))
}

fn complaints(workshop: &Workshop, case: &Case, output: &Output, report: &str) -> Vec<String> {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let parsed: Value = serde_json::from_str(report).unwrap_or_default();
    let mut wrong = Vec::new();
    let mut compare = |what: &str, expected: Option<String>, got: Option<String>| {
        if expected.is_some() && expected != got {
            wrong.push(format!(
                "{what} is {}, not {}",
                got.unwrap_or_else(|| "absent".to_owned()),
                expected.unwrap_or_default()
            ));
        }
    };
    compare("status", case.status.clone(), parsed["status"].as_str().map(str::to_owned));
    let compile = parsed["compile"]["status"].as_str().map(str::to_owned);
    compare("the compile step's status", case.compile.clone(), compile);
    compare("cause", case.cause.clone(), parsed["cause"].as_str().map(str::to_owned));
    let code = |code: i32| code.to_string();
    compare("exit code", case.exit_code.map(code), output.status.code().map(code));
    let quoted = |text: String| format!("{text:?}");
    compare("stdout", case.output().map(quoted), Some(quoted(stdout.clone().into_owned())));
    if let Some(end) = case.ends.as_ref().filter(|end| !stdout.ends_with(end.as_str())) {
        wrong.push(format!("stdout does not end with {end:?}"));
    }
    let needles = case.stderr.iter().map(|needle| workshop.fill(needle));
    for needle in needles.filter(|needle| !stderr.contains(needle.as_str())) {
        wrong.push(format!("stderr lacks {needle:?}"));
    }
    if [stdout.as_ref(), stderr.as_ref(), report].iter().any(|text| text.contains(&workshop.secret)) {
        wrong.push("a secret of the host was printed".to_owned());
    }
    wrong
}

fn seen(output: &Output, report: &str) -> String {
    let mut seen = String::new();
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
        let _infallible = writeln!(seen, "--- {name}\n{text}");
    }
    seen + "--- report\n" + &report[..report.floor_char_boundary(SHOWN)]
}
