//! The arguments of `capsule judge`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use judge::judging::Stop;
use run::exec::Destination;

use super::one_of::one_of;
use crate::error::Error;
use crate::query::judge::{JudgeCommand, JudgeFormat, UseCache};

#[derive(Debug, Args)]
pub(super) struct JudgeArgs {
    /// The bundle
    bundle: PathBuf,
    /// The problem: a directory or a zip archive
    problem: PathBuf,
    /// The submission: its files, or a directory of them [default: all submissions that the problem has]
    submission: Vec<PathBuf>,
    /// The language [default: the one whose files have the submission's extension]
    #[arg(long, value_name = "LANGUAGE", requires = "submission")]
    lang: Option<String>,
    /// The file where the submission starts
    #[arg(long, value_name = "FILE", requires = "submission")]
    entry: Option<PathBuf>,
    /// Run so many tests at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: u16,
    /// When to leave out the rest of the tests after a failure: at the first one, as the groups say, or never [default:
    /// group; never without a submission]
    #[arg(long, value_parser = one_of(&STOPS, stop))]
    stop: Option<Stop>,
    /// What to print
    #[arg(long, value_parser = one_of(&FORMATS, format), default_value = "text")]
    format: JudgeFormat,
    /// Write the judgement as JSON: a path, `-` or `fd:N`
    #[arg(long, value_name = "DESTINATION")]
    report: Option<OsString>,
    /// Write a page with the tests, their times and messages
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Compare the bundle's tree with its manifest first, and judge nothing if it has changed
    #[arg(long)]
    verify: bool,
    /// Keep what compilers make in this directory [default: $XDG_CACHE_HOME/capsule, or ~/.cache/capsule]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Compile everything anew, and keep nothing
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

/// When the rest of the tests is left out, by the words in [`stop`].
const STOPS: [Stop; 3] = [Stop::First, Stop::Group, Stop::Never];

fn stop(stop: Stop) -> &'static str {
    match stop {
        Stop::First => "first",
        Stop::Group => "group",
        Stop::Never => "never",
    }
}

/// What is printed, by the words in [`format`].
const FORMATS: [JudgeFormat; 3] = [JudgeFormat::Text, JudgeFormat::Json, JudgeFormat::Junit];

fn format(format: JudgeFormat) -> &'static str {
    match format {
        JudgeFormat::Text => "text",
        JudgeFormat::Json => "json",
        JudgeFormat::Junit => "junit",
    }
}

impl JudgeArgs {
    pub(super) fn into_request(self) -> Result<JudgeCommand, Error> {
        let report = self.report.as_deref().map(Destination::parse).transpose()?;
        let of_package = if self.submission.is_empty() { Stop::Never } else { Stop::Group };
        let cache = match self.cache {
            _ if self.no_cache => UseCache::No,
            Some(directory) => UseCache::In(directory),
            None => UseCache::Default,
        };
        Ok(JudgeCommand {
            bundle: self.bundle,
            problem: self.problem,
            sources: self.submission,
            language: self.lang,
            entry: self.entry,
            jobs: self.jobs.into(),
            stop: self.stop.unwrap_or(of_package),
            format: self.format,
            report,
            html: self.html,
            verify: self.verify,
            cache,
        })
    }
}
