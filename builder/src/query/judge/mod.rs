//! `capsule judge`: the verdict of a submission, or of all submissions of a problem, as lines, reports and a page.

mod live;
mod page;
mod stopper;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use image::write::interrupt::Interrupt;
use judge::judging::{
    self, Conduct, Failure, Judgement, PackageJudgement, Plain, Session, Stop, Table, junit,
};
use run::exec::{ArtifactCache, Destination, Submission, Workroom};
use serde_json::json;

use crate::error::Error;
use live::Live;

/// What is judged, and where the result goes.
#[derive(Debug)]
pub struct JudgeCommand {
    /// The bundle.
    pub bundle: PathBuf,
    /// The problem: a directory or an archive.
    pub problem: PathBuf,
    /// The submission's files; none for all submissions of the problem.
    pub sources: Vec<PathBuf>,
    /// Its language; otherwise its files decide.
    pub language: Option<String>,
    /// The file where it starts.
    pub entry: Option<PathBuf>,
    /// How many tests run at a time.
    pub jobs: usize,
    /// When the rest of the tests is left out.
    pub stop: Stop,
    /// What is printed.
    pub format: JudgeFormat,
    /// Where the report goes.
    pub report: Option<Destination>,
    /// Where the page goes.
    pub html: Option<PathBuf>,
    /// Whether the bundle's tree is compared with its manifest first.
    pub verify: bool,
    /// Where artifacts are kept.
    pub cache: UseCache,
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JudgeFormat {
    /// Lines, or a table.
    Text,
    /// The report.
    Json,
    /// XML that build servers read.
    Junit,
}

/// Where artifacts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UseCache {
    /// In the user's own directory.
    Default,
    /// In this one.
    In(PathBuf),
    /// Nowhere.
    No,
}

/// What came of it.
enum Judged {
    One(Judgement),
    Package(PackageJudgement),
}

/// Judges, prints the judgement and writes the report; the exit code says what the verdict is.
///
/// # Errors
/// Whatever fails here is not a verdict: the exit code is 125, and the report says IE.
pub fn judge(command: &JudgeCommand, print: impl Fn(&str)) -> Result<u8, Error> {
    if let Some(report) = &command.report {
        // Before anything starts: what cannot be written, or is of an earlier submission, must not be read as this one's.
        // A judge that is killed leaves this.
        let unfinished = if matches!(report, Destination::Path(_)) {
            refusal("the judge did not end")
        } else {
            String::new()
        };
        write(report, &unfinished)?;
    }
    let interrupt = Interrupt::install().map_err(|error| Error::read("signal handlers".as_ref(), error))?;
    let judged = match attempt(command, &interrupt) {
        Ok(judged) => judged,
        Err(failure) => return Err(refuse(command, failure)),
    };
    let code = interrupt.signal().map_or_else(|| judged.exit_code(), |signal| 128 + signal);
    if let Some(report) = &command.report
        && let Err(error) = report.write_with(|to| judged.write_json(to))
    {
        let error = Error::Judge(Failure::Report { error });
        // A report that ends in the middle is not to be read as one.
        let _may_be_full_too = report.write(refusal(&error.to_string()).as_bytes());
        return Err(error);
    }
    if let Some(file) = &command.html {
        let page = judged.page()?;
        let unwritten = |error| Error::Judge(Failure::Page { path: file.clone(), error });
        fs::write(file, page).map_err(unwritten)?;
    }
    if command.report != Some(Destination::Stdout) {
        judged.print(command.format, print)?;
    }
    Ok(code)
}

fn attempt(command: &JudgeCommand, interrupt: &Interrupt) -> Result<Judged, Failure> {
    let submission = match &command.sources[..] {
        [] => None,
        sources => Some(Submission::read(sources, command.entry.as_deref())?),
    };
    let cache = command.cache.open()?;
    let enter = if command.verify { Workroom::open_verified } else { Workroom::open };
    // One more than run: the next test's sandbox is made while they do.
    let ahead = command.jobs + 1;
    let open = |bundle: &Path| Ok(enter(bundle)?.with_digest()?.with_cache(cache).with_pool(ahead));
    let session = Session::open(&command.bundle, &command.problem, open)?;
    // Not before: to leave the mount namespace, an ordinary user's process must have one thread.
    let stopper = stopper::start(interrupt);
    let live = Live::new(session.problem(), command.format == JudgeFormat::Text, interrupt);
    let conduct = Conduct::new(command.jobs, command.stop, &live);
    let judged = match &submission {
        Some(submission) => session.judge(submission, command.language.as_deref(), conduct).map(Judged::One),
        None => session.judge_package(conduct).map(Judged::Package),
    };
    live.end();
    drop(stopper);
    judged
}

impl Judged {
    fn write_json(&self, to: &mut dyn Write) -> io::Result<()> {
        match self {
            Judged::One(judgement) => judgement.write_json(to),
            Judged::Package(package) => package.write_json(to),
        }
    }

    fn page(&self) -> Result<String, Error> {
        match self {
            Judged::One(judgement) => page::of_one(judgement),
            Judged::Package(package) => page::of_package(package),
        }
    }

    fn print(&self, format: JudgeFormat, print: impl Fn(&str)) -> Result<(), Error> {
        let text = match (format, self) {
            (JudgeFormat::Json, _) => return self.print_json(),
            (JudgeFormat::Text, Judged::One(judgement)) => Plain(judgement).to_string(),
            (JudgeFormat::Text, Judged::Package(package)) => Table(package).to_string(),
            (JudgeFormat::Junit, Judged::One(judgement)) => xml(junit::of_one(judgement))?,
            (JudgeFormat::Junit, Judged::Package(package)) => xml(junit::of_package(package))?,
        };
        print(&text);
        Ok(())
    }

    /// In pieces: it has the report of each run, and a problem may have ten thousand tests.
    fn print_json(&self) -> Result<(), Error> {
        match Destination::Stdout.write_with(|to| self.write_json(to)) {
            // A reader that goes away has what it wanted.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::Judge(Failure::Report { error }))
            }
            _ => Ok(()),
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Judged::One(judgement) => judgement.exit_code(),
            Judged::Package(package) => package.exit_code(),
        }
    }
}

impl UseCache {
    /// The user's own directory as the XDG Base Directory specification has it. One that cannot be used is no reason to
    /// judge nothing, as a judge's user may have no home; one that was asked for is.
    fn open(&self) -> Result<Option<ArtifactCache>, run::Error> {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        match self {
            UseCache::No => Ok(None),
            UseCache::In(directory) => ArtifactCache::open(directory).map(Some),
            UseCache::Default => {
                let own = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
                let opened = own.map(|own| ArtifactCache::open(&own.join("capsule"))).transpose();
                Ok(opened.unwrap_or_else(|error| {
                    eprintln!("warning: no artifact is kept: {error}");
                    None
                }))
            }
        }
    }
}

fn xml(text: std::io::Result<String>) -> Result<String, Error> {
    text.map_err(|error| Error::Render { template: "JUnit", what: error.to_string() })
}

fn refuse(command: &JudgeCommand, failure: Failure) -> Error {
    if let Some(report) = &command.report {
        // The exit code is that of a failure already, and stderr has the message.
        let _unwritten = report.write(refusal(&failure.to_string()).as_bytes());
    }
    Error::Judge(failure)
}

/// The report of a submission that was not judged.
fn refusal(error: &str) -> String {
    format!("{}\n", json!({ "version": judging::VERSION, "verdict": "IE", "error": error }))
}

fn write(report: &Destination, text: &str) -> Result<(), Error> {
    report.write(text.as_bytes()).map_err(|error| Error::Judge(Failure::Report { error }))
}
