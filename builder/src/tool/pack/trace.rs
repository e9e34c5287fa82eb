//! `capsule pack trace`: a pack's tests, each traced twice in the same sandbox: once with the pack's image as its
//! root, once with all of this machine. What the first one misses and the second one has, the pack lacks; what no
//! test opens, it may not need.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use serde::Deserialize;

use super::findings::{self, Findings};
use super::{Answer, Tracing};
use crate::error::Error;
use crate::exec::workbox::{self, Workbox};
use crate::exec::{Exec, Plan, Start};
use crate::formats::Format;
use crate::interrupt::Interrupt;
use crate::language::{Language, SelfTest};
use crate::manifest::{Manifest, Record, RecordKind};
use crate::request::{Build, Image};
use crate::scratch::Scratch;
use crate::staging::Existing;
use crate::trace::Trace;
use crate::{build, packs, trace as tracer};

/// Limits of traced steps: they are slow, and a test that hangs must end.
const COMPILE_LIMITS: [(&str, &str); 2] = [("cpu-time", "60s"), ("wall-time", "120s")];
const RUN_LIMITS: [(&str, &str); 2] = [("cpu-time", "10s"), ("wall-time", "20s")];

/// As many lines of what a failed test said are shown.
const LINES_SHOWN: usize = 5;

/// Builds the pack's image beside us, runs the tests, and compares.
pub fn trace(tracing: &Tracing, interrupt: &Interrupt) -> Result<Answer, Error> {
    let recipe = packs::whole(&tracing.name)?;
    let tests: Vec<(String, Language, SelfTest)> = tests(&recipe.languages, &tracing.tests)?;
    if tests.is_empty() {
        return Err(Error::Usage {
            what: format!("pack `{}` has no tests", tracing.name),
            hint: "add [[test]] with name, source and stdout, or give a directory with `--tests`",
        });
    }
    let scratch = Scratch::new()?;
    let on_purpose = recipe.absent.clone().into_iter();
    let on_purpose = on_purpose.chain(recipe.slices.iter().flat_map(|slice| slice.value.exclude.clone()));
    let on_purpose = on_purpose.collect();
    let bundle = scratch.path().join("bundle");
    let request = Build {
        image: Image::of(recipe),
        output: bundle.clone(),
        existing: Existing::Keep,
        formats: [Format::Dir].into(),
    };
    build::build(&request, interrupt)?;
    workbox::separate(&bundle)?;
    let manifest = Manifest::load(&bundle)?;
    let roots = [bundle.join("rootfs"), whole_machine(scratch.path(), &bundle.join("rootfs"), &manifest)?];
    let stage = Stage { bundle: &bundle, scratch: scratch.path() };
    let mut traces = [Trace::default(), Trace::default()];
    let mut failed = Vec::new();
    for (name, language, test) in &tests {
        for (root, trace) in roots.iter().zip(&mut traces) {
            interrupt.check()?;
            let outcome = stage.play(root, name, language, test, trace)?;
            if let Err(why) = outcome {
                let place = if *root == roots[0] { "in the image" } else { "with all of this machine" };
                failed.push(format!("{name}/{} {place}: {why}", test.name));
            }
        }
    }
    let [inside, outside] = traces;
    let image = findings::Image { manifest: &manifest, root: &roots[0], on_purpose };
    let findings = Findings::new(&image, &inside, &outside, tests.len(), failed)?;
    Ok(Answer { text: findings.render(tracing.all), is_well: findings.is_well() })
}

fn tests(
    languages: &BTreeMap<String, crate::recipe::Asked<Language>>,
    directories: &[PathBuf],
) -> Result<Vec<(String, Language, SelfTest)>, Error> {
    let mut tests = Vec::new();
    for (name, language) in languages {
        let language = &language.value;
        let mut all = language.tests.clone();
        for directory in directories {
            all.extend(programs(directory, language)?);
        }
        tests.extend(all.into_iter().map(|test| (name.clone(), language.clone(), test)));
    }
    Ok(tests)
}

/// The files of a directory that end as the language's do; `x.in` is the input of `x.c`. What comes of them is not
/// judged here.
fn programs(directory: &Path, language: &Language) -> Result<Vec<SelfTest>, Error> {
    let fail = |error| Error::read(directory, error);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if language.extension().is_some()
            && path.extension().and_then(|end| end.to_str()) == language.extension()
        {
            files.push(path);
        }
    }
    files.sort();
    let program = |path: PathBuf| {
        Ok(SelfTest {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            source: fs::read_to_string(&path).map_err(|error| Error::read(&path, error))?,
            stdin: fs::read_to_string(path.with_extension("in")).unwrap_or_default(),
            stdout: None,
            status: None,
        })
    };
    files.into_iter().map(program).collect()
}

/// All of this machine's root as one that can be a sandbox's: with the sandbox's work directory in it, and unchanged.
///
/// What capsule writes itself stands in for the machine's own: with another nsswitch.conf the C library would load
/// modules that no image asks for.
fn whole_machine(scratch: &Path, image: &Path, manifest: &Manifest) -> Result<PathBuf, Error> {
    let place = scratch.join("machine");
    let fail = |error: std::io::Error| Error::Box { path: place.clone(), error };
    let none: Option<&str> = None;
    fs::create_dir(&place).map_err(fail)?;
    mount(Some("capsule-trace"), &place, Some("tmpfs"), MsFlags::empty(), none)
        .map_err(|e| fail(e.into()))?;
    let [upper, work, root] = ["upper", "work", "root"].map(|name| place.join(name));
    for directory in [&upper, &work, &root] {
        fs::create_dir(directory).map_err(fail)?;
    }
    fs::create_dir_all(upper.join("home/judge")).map_err(fail)?;
    let written = |record: &&Record| matches!(record.kind, RecordKind::File { origin: None, .. });
    for record in manifest.entries.iter().filter(written) {
        let path = record.path.as_str().trim_start_matches('/');
        let copy = upper.join(path);
        fs::create_dir_all(copy.parent().unwrap_or(&upper)).map_err(fail)?;
        fs::copy(image.join(path), copy).map_err(fail)?;
    }
    let options = format!("lowerdir=/,upperdir={},workdir={}", upper.display(), work.display());
    mount(Some("capsule-trace"), &root, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .map_err(|e| fail(e.into()))?;
    Ok(root)
}

/// Where tests are played.
struct Stage<'a> {
    bundle: &'a Path,
    scratch: &'a Path,
}

/// What is read of a report.
#[derive(Deserialize)]
struct Report {
    status: String,
}

impl Stage<'_> {
    /// Compiles and runs one test with this root. What it opens joins `trace`; the inner result says why it failed.
    fn play(
        &self,
        root: &Path,
        name: &str,
        language: &Language,
        test: &SelfTest,
        trace: &mut Trace,
    ) -> Result<Result<(), String>, Error> {
        let [stdin, stdout, stderr, report] =
            ["stdin", "stdout", "stderr", "report"].map(|name| self.scratch.join(name));
        fs::write(&stdin, &test.stdin).map_err(|error| Error::write(&stdin, error))?;
        let limits = |limits: [(&str, &str); 2]| {
            limits.map(|(name, amount)| (name.to_owned(), OsString::from(amount)))
        };
        let files = |input: &Path, output: &Path| {
            [("stdin", input), ("stdout", output), ("stderr", stderr.as_path()), ("report", report.as_path())]
                .map(|(name, path)| (name.to_owned(), path.as_os_str().to_owned()))
        };
        let null = Path::new("/dev/null");
        let request = Exec {
            bundle: self.bundle.to_path_buf(),
            language: Some(name.to_owned()),
            source: PathBuf::new(),
            compile: limits(COMPILE_LIMITS).into_iter().chain(files(null, null)).collect(),
            run: limits(RUN_LIMITS).into_iter().chain(files(&stdin, &stdout)).collect(),
            report: None,
            arguments: Vec::new(),
        };
        let names = language.names(&test.source);
        let nothing = BTreeMap::new();
        let plan = Plan { request: &request, root, digest: None, limits: &nothing, language, names: &names };
        let compile = plan.compile();
        let workbox = Workbox::mount(self.bundle, compile.as_ref().map_or(Workbox::SIZE, Start::room))?;
        workbox.put(&names.source, test.source.as_bytes())?;
        let mut status = "ok".to_owned();
        for start in compile.into_iter().chain([plan.run()]) {
            trace.join(follow(&start)?);
            status = read_status(&report)?;
            if status != "ok" {
                break;
            }
        }
        workbox.close()?;
        let output = fs::read_to_string(&stdout).unwrap_or_default();
        Ok(judge(test, &status, &output).map_err(|why| {
            let said = fs::read(&stderr).map(|said| String::from_utf8_lossy(&said).into_owned());
            let said = said.unwrap_or_default();
            said.lines().take(LINES_SHOWN).fold(why, |text, line| format!("{text}\n    {line}"))
        }))
    }
}

fn judge(test: &SelfTest, status: &str, output: &str) -> Result<(), String> {
    match (&test.status, &test.stdout) {
        (Some(wanted), _) if wanted != status => Err(format!("status {status}, not {wanted}")),
        (_, Some(wanted)) if wanted != output => Err(format!("wrote {output:?}, not {wanted:?}")),
        _ => Ok(()),
    }
}

fn follow(start: &Start) -> Result<Trace, Error> {
    let head = [start.init.clone().into_os_string(), "run".into()];
    let command: Vec<OsString> = head.into_iter().chain(start.words.iter().cloned()).collect();
    tracer::trace_behind(&command).map_err(Error::Trace)
}

fn read_status(report: &Path) -> Result<String, Error> {
    let text = fs::read_to_string(report).map_err(|error| Error::read(report, error))?;
    let report: Result<Report, _> = serde_json::from_str(&text);
    report
        .map(|report| report.status)
        .map_err(|e| Error::Manifest { path: "a report of init".into(), what: e.to_string() })
}
