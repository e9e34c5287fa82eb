//! The program of a problem that makes verdict and score of groups (PPF spec/legacy.md, "Graders").
//!
//! It reads a line for each member that was judged, `VERDICT SCORE`, and writes one such line. It sees neither the
//! submission nor the tests. Whatever else it does is the judge's fault.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

use run::Cancel;
use run::exec::{Artifact, StepOption, Workroom};

use super::Failure;
use super::facts::Facts;
use super::limits;
use super::program::{compiled, failed, limits_of, start_of};
use super::scratch::scratch;
use crate::files::Files;
use crate::problem::{Problem, Program, Verdict};

/// What it is called in messages.
const NOUN: &str = "grader";

/// A grader, compiled.
pub(super) struct Grader {
    artifact: Box<Artifact>,
    options: Vec<StepOption>,
    args: Vec<String>,
}

impl Grader {
    /// Compiles it.
    pub(super) fn prepare(
        files: &Files,
        problem: &Problem,
        program: &Program,
        room: &Workroom,
    ) -> Result<Grader, Failure> {
        let artifact = compiled(NOUN, files, problem, program, room)?;
        Ok(Grader { artifact, options: limits(limits_of(problem)), args: program.args.clone() })
    }

    /// Verdict and score of a group, or what is wrong, and with which verdict.
    pub(super) fn grade(
        &self,
        flags: &[String],
        lines: &str,
        cancel: Option<&Arc<Cancel>>,
    ) -> Result<(Verdict, f64), (Verdict, String)> {
        let host = |what: String| (Verdict::InternalError, format!("the {NOUN}: {what}"));
        let [mut said, mut errors] = [scratch().map_err(host)?, scratch().map_err(host)?];
        let input = held(lines).map_err(host)?;
        let arguments: Vec<OsString> = self.args.iter().chain(flags).map(OsString::from).collect();
        let streams = [input.as_fd(), said.as_fd(), errors.as_fd()];
        let prepared = self.artifact.prepare(&self.options, &arguments, streams);
        let ended = prepared.and_then(|prepared| prepared.until(cancel).start().wait());
        let facts = Facts::read(&ended.map_err(|error| host(error.to_string()))?.report);
        match facts.verdict {
            Verdict::Accepted => parse(&start_of(&mut said)).map_err(|what| failed(NOUN, &what, "")),
            Verdict::InternalError => Err(host(facts.message)),
            _ => Err(failed(NOUN, &facts.message, &start_of(&mut errors))),
        }
    }
}

fn held(text: &str) -> Result<File, String> {
    let mut file = scratch()?;
    file.write_all(text.as_bytes()).and_then(|()| file.rewind()).map_err(|error| error.to_string())?;
    Ok(file)
}

/// The words that it may answer with.
const WORDS: [(&str, Verdict); 7] = [
    ("AC", Verdict::Accepted),
    ("WA", Verdict::WrongAnswer),
    ("TLE", Verdict::TimeLimit),
    ("RTE", Verdict::RunTimeError),
    ("MLE", Verdict::MemoryLimit),
    ("OLE", Verdict::OutputLimit),
    ("JE", Verdict::JudgeError),
];

/// `VERDICT SCORE`: the score has digits, a dot, and a minus in front, and nothing else.
fn parse(text: &str) -> Result<(Verdict, f64), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let wrong = || format!("its stdout is `{}`, not a verdict and a score", super::protocol::shown(text));
    let [word, score] = words[..] else { return Err(wrong()) };
    let (_, verdict) = WORDS.iter().find(|(known, _)| *known == word).ok_or_else(wrong)?;
    let digits = score.strip_prefix('-').unwrap_or(score);
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let score = score.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
    match verdict {
        Verdict::JudgeError => Err("it says that the judge failed".to_owned()),
        verdict => Ok((*verdict, score)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_with_a_verdict_and_a_score() {
        assert_eq!(parse("AC 12.5\n"), Ok((Verdict::Accepted, 12.5)));
        assert_eq!(parse("TLE -3"), Ok((Verdict::TimeLimit, -3.0)));
        assert_eq!(parse("JE 0"), Err("it says that the judge failed".to_owned()));
        for text in ["", "AC", "42 AC", "AC 1 2", "ac 1", "AC 1e3", "AC inf", "AC .", "PE 1"] {
            assert!(parse(text).is_err_and(|what| what.contains("not a verdict and a score")), "{text}");
        }
    }
}
