//! `capsule exec`: compiles and runs one submission, each step in a sandbox of its own.
//!
//! What the compile step makes goes to the run step in a *box*: a tmpfs with a size, mounted in a mount namespace that
//! only this process and the two runners are in. The submission's file is written into it before anything untrusted
//! starts; afterwards nobody on the host opens, names or looks at anything in it. The compile step has it writable,
//! the run step read-only, and it is gone with the last of these processes, however they end. Between the steps
//! nothing of the first one lives: that is what a runner's end means.

mod answer;
mod child;
mod start;
mod words;
pub(crate) mod workbox;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

pub use answer::Destination;
use answer::{Answer, Sink, Status};
pub use words::parse;
use workbox::Workbox;

use crate::digest::Sha;
use crate::error::Error;
use crate::language::{BOX as INSIDE, Language, Names};
use crate::manifest::{self, Head};
use crate::quantity::Kind;

/// The bundle's empty directory on which the box is mounted.
pub const BOX: &str = "box";

/// The exit code of a submission that does not compile. No convention of shells, timeout(1) or env(1) has it.
pub const COMPILE_ERROR: u8 = 122;
/// The exit code of a sandbox that failed.
const SANDBOX_ERROR: u8 = 125;

/// A source file has at most this many bytes.
const LARGEST_SOURCE: u64 = 16 << 20;
/// As much of the compiler's text is kept.
const LONGEST_TEXT: usize = 64 << 10;

/// A submission and how it is to be treated.
#[derive(Debug, PartialEq, Eq)]
pub struct Exec {
    /// The bundle.
    pub bundle: PathBuf,
    /// The language by name; otherwise the source's ending tells.
    pub language: Option<String>,
    /// The submission.
    pub source: PathBuf,
    /// Options of init for the compile step.
    pub compile: Vec<(String, OsString)>,
    /// Options of init for the run step.
    pub run: Vec<(String, OsString)>,
    /// Where the report of both goes.
    pub report: Option<Destination>,
    /// Arguments of the submission.
    pub arguments: Vec<OsString>,
}

/// Gives the exit code. Whatever fails of ours is no verdict: the error's exit code is 125.
pub fn exec(request: &Exec) -> Result<u8, Error> {
    let sink = request.report.as_ref().map(Sink::open).transpose().map_err(Error::sandbox)?;
    let answer = match attempt(request, sink.is_some()) {
        Ok(answer) => answer,
        Err(error) => {
            if let Some(sink) = sink {
                sink.write(&Answer::failed(&error))?;
            }
            return Err(Error::sandbox(error));
        }
    };
    match sink {
        Some(sink) => sink.write(&answer)?,
        None => answer.tell(),
    }
    Ok(answer.code)
}

fn attempt(request: &Exec, wants_report: bool) -> Result<Answer, Error> {
    words::check(request)?;
    let manifest = Head::load(&request.bundle)?;
    let digest = wants_report.then(|| manifest::digest(&request.bundle)).transpose()?;
    let (name, language) = choose(&manifest.languages, request)?;
    let text = read_source(&request.source)?;
    let names = language.names(&String::from_utf8_lossy(&text));
    let root = request.bundle.join("rootfs");
    let plan = Plan {
        request,
        root: &root,
        digest: digest.as_ref(),
        limits: &manifest.limits,
        language,
        names: &names,
    };
    let compile = plan.compile();
    workbox::separate(&request.bundle)?;
    let workbox = Workbox::mount(&request.bundle, compile.as_ref().map_or(Workbox::SIZE, Start::room))?;
    workbox.put(&names.source, &text)?;
    let mut answer = Answer::new(name);
    if let Some(step) = compile {
        let compiled = start::compile(&step, LONGEST_TEXT)?;
        answer.compiled(compiled)?;
        if answer.status != Status::Ok {
            return Ok(answer);
        }
    }
    if !wants_report {
        return Err(start::become_run(&plan.run()));
    }
    let (code, report) = start::run(&plan.run())?;
    answer.ran(code, report)?;
    Ok(answer)
}

/// The language that was asked for, or the only one whose files end like the source.
fn choose<'m>(
    languages: &'m BTreeMap<String, Language>,
    request: &Exec,
) -> Result<(&'m str, &'m Language), Error> {
    let known = || languages.keys().cloned().collect::<Vec<_>>();
    if let Some(asked) = &request.language {
        let found = languages.get_key_value(asked).map(|(name, language)| (name.as_str(), language));
        return found.ok_or_else(|| Error::NoLanguage {
            what: format!("no language `{asked}` in `{}`", request.bundle.display()),
            known: known(),
        });
    }
    let ending = request.source.extension().and_then(|ending| ending.to_str());
    let mut alike =
        languages.iter().filter(|(_, language)| ending.is_some() && language.extension() == ending);
    match (alike.next(), alike.next()) {
        (Some((name, language)), None) => Ok((name, language)),
        (one, _) => {
            let which = if one.is_some() { "more than one" } else { "no" };
            let what = format!(
                "{which} language of `{}` has files like `{}`; say which with `--lang`",
                request.bundle.display(),
                request.source.display()
            );
            Err(Error::NoLanguage { what, known: known() })
        }
    }
}

fn read_source(path: &Path) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| Error::read(path, error))?;
    file.take(LARGEST_SOURCE + 1).read_to_end(&mut text).map_err(|error| Error::read(path, error))?;
    if text.len() as u64 > LARGEST_SOURCE {
        return Err(Error::SourceTooLong { path: path.to_path_buf(), most: LARGEST_SOURCE });
    }
    Ok(text)
}

/// What both steps are made from.
pub(crate) struct Plan<'a> {
    /// What was asked for.
    pub request: &'a Exec,
    /// The tree that becomes `/`.
    pub root: &'a Path,
    /// Of its manifest, if somebody will read it.
    pub digest: Option<&'a Sha>,
    /// The bundle's own limits.
    pub limits: &'a BTreeMap<String, String>,
    /// The language.
    pub language: &'a Language,
    /// The files in the box.
    pub names: &'a Names,
}

/// One start of init, in words.
pub(crate) struct Start {
    /// The program.
    pub init: PathBuf,
    /// Everything behind `init run`.
    pub words: Vec<OsString>,
    /// The limits in force, by name, the last one wins.
    limits: Vec<(String, String)>,
}

impl Plan<'_> {
    /// The compile step: the pack's limits, then what was asked for. The bundle's own limits are for submissions.
    pub fn compile(&self) -> Option<Start> {
        let step = self.language.compile.as_ref()?;
        let limits = owned(&step.limits);
        Some(self.start(step, limits, &self.request.compile, true))
    }

    pub fn run(&self) -> Start {
        let step = &self.language.run;
        let limits = owned(&step.limits).into_iter().chain(owned(self.limits)).collect();
        let mut start = self.start(step, limits, &self.request.run, false);
        start.words.extend(self.request.arguments.iter().cloned());
        start
    }

    /// Words and environment of a step with the pack's own limits, for who starts it without init.
    pub fn bare(&self, step: &crate::language::Step) -> (Vec<String>, Vec<String>) {
        let limits = owned(&step.limits);
        let amounts = step.amounts(limits.iter().map(|(name, amount)| (name.as_str(), amount.as_str())));
        (step.words(self.names, &amounts), step.environment(self.names, &amounts))
    }

    fn start(
        &self,
        step: &crate::language::Step,
        mut limits: Vec<(String, String)>,
        options: &[(String, OsString)],
        writable: bool,
    ) -> Start {
        let bundle = &self.request.bundle;
        let mut words: Vec<OsString> = vec!["--root".into(), self.root.into()];
        if let Some(digest) = self.digest {
            words.extend(["--rootfs-digest".into(), digest.as_str().into()]);
        }
        for (name, amount) in &limits {
            words.extend([format!("--{name}").into(), amount.into()]);
        }
        let mut bind = bundle.join(BOX).into_os_string();
        bind.push(format!(":{INSIDE}{}", if writable { ":rw" } else { "" }));
        words.extend(["--bind".into(), bind]);
        if writable {
            words.extend(["--cwd", INSIDE].map(OsString::from));
        }
        let text = |value: &OsString| value.to_string_lossy().into_owned();
        limits.extend(options.iter().map(|(name, value)| (name.clone(), text(value))));
        let amounts = step.amounts(limits.iter().map(|(name, amount)| (name.as_str(), amount.as_str())));
        for variable in step.environment(self.names, &amounts) {
            let name = variable.split('=').next().unwrap_or_default();
            let gives = |(option, value): &(String, OsString)| {
                option == "env" && text(value).split('=').next() == Some(name)
            };
            let is_given = options.iter().any(gives);
            if !is_given {
                words.extend(["--env".into(), variable.into()]);
            }
        }
        words.extend(options.iter().flat_map(words::init_words));
        words.push("--".into());
        words.extend(step.words(self.names, &amounts).into_iter().map(OsString::from));
        Start { init: bundle.join("init"), words, limits }
    }
}

impl Start {
    /// Bytes that the box may take: as many as the step may write elsewhere.
    pub fn room(&self) -> u64 {
        let asked = self.limits.iter().rev().find(|(name, _)| name == "tmp");
        asked.and_then(|(_, amount)| Kind::Size.read(amount)).unwrap_or(Workbox::SIZE)
    }
}

fn owned(limits: &BTreeMap<String, String>) -> Vec<(String, String)> {
    limits.iter().map(|(name, amount)| (name.clone(), amount.clone())).collect()
}

/// Writes to stderr what people should see; nobody is left to tell when that fails.
fn say(bytes: &[u8]) {
    let _nobody_left_to_tell = std::io::stderr().write_all(bytes);
}
