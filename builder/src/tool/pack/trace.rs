//! `capsule pack trace`: traces each of a pack's tests twice in the same sandbox, once with the pack's image as its
//! root and once with all of this machine. The pack lacks the files that only the second trace finds. It may not need
//! the files that no test opens.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use bundle::layout;
use bundle::manifest::{Manifest, Record, RecordKind};
use image::ImageRequest;
use image::write::interrupt::Interrupt;
use nix::mount::{MsFlags, mount};
use recipe::language::{Language, SelfTest};
use recipe::slice::Exclusion;
use recipe::{Recipe, packs};
use run::InitCommand;
use run::exec::workspace::{self, Workspace};
use run::exec::{StepOption, Steps};
use run::report::Report;

use super::findings::{Findings, TracedImage};
use super::{PackOutput, PackTrace};
use crate::error::Error;
use crate::tool::scratch::Scratch;
use crate::tool::trace as tracer;
use crate::tool::trace::Trace;

/// Limits of traced steps: ptrace(2) makes them slow, and a test that hangs must end.
const COMPILE_LIMITS: [(&str, &str); 2] = [("cpu-time", "60s"), ("wall-time", "120s")];
const RUN_LIMITS: [(&str, &str); 2] = [("cpu-time", "10s"), ("wall-time", "20s")];

/// How many lines of a failed test's stderr are shown.
const MAX_LINES: usize = 5;

/// A test and the language it is for.
struct LanguageTest {
    name: String,
    language: Language,
    test: SelfTest,
}

/// Builds the pack's image in a scratch directory, runs the tests, and compares the traces.
pub(super) fn trace(request: &PackTrace, interrupt: &Interrupt) -> Result<PackOutput, Error> {
    let recipe = packs::whole(&request.name)?;
    let tests = tests(&recipe.languages, &request.tests)?;
    if tests.is_empty() {
        return Err(Error::Usage {
            what: format!("pack `{}` has no tests", request.name),
            hint: "add [[test]] with name, source and stdout, or give a directory with `--tests`",
        });
    }
    let exclusions = exclusions(&recipe);
    let scratch = Scratch::new()?;
    let bundle = scratch.build(ImageRequest::of(recipe), interrupt)?;
    workspace::separate(&bundle)?;
    let manifest = Manifest::load(&bundle)?;
    let roots = [bundle.join("rootfs"), whole_machine(scratch.path(), &bundle.join("rootfs"), &manifest)?];
    let runner = TestRunner { bundle: &bundle, scratch: scratch.path() };
    let mut traces = [Trace::default(), Trace::default()];
    let mut failed = Vec::new();
    for test in &tests {
        for (root, trace) in roots.iter().zip(&mut traces) {
            interrupt.check()?;
            if let Err(why) = runner.run(root, test, trace)? {
                let place = if *root == roots[0] { "in the image" } else { "with all of this machine" };
                failed.push(format!("{}/{} {place}: {why}", test.name, test.test.name));
            }
        }
    }
    let [inside, outside] = traces;
    let image = TracedImage { manifest: &manifest, root: &roots[0], exclusions };
    let findings = Findings::new(&image, &inside, &outside, tests.len(), failed)?;
    Ok(PackOutput { text: findings.render(request.all), ok: findings.ok() })
}

/// What the pack and its slices leave out on purpose.
fn exclusions(recipe: &Recipe) -> Vec<Exclusion> {
    let slices = recipe.slices.iter().flat_map(|slice| slice.value.exclude.clone());
    recipe.absent.clone().into_iter().chain(slices).collect()
}

fn tests(
    languages: &BTreeMap<String, recipe::Spanned<Language>>,
    directories: &[PathBuf],
) -> Result<Vec<LanguageTest>, Error> {
    let mut tests = Vec::new();
    for (name, language) in languages {
        let language = &language.value;
        let mut all = language.tests.clone();
        for directory in directories {
            all.extend(programs(directory, language)?);
        }
        let of_language = |test| LanguageTest { name: name.clone(), language: language.clone(), test };
        tests.extend(all.into_iter().map(of_language));
    }
    Ok(tests)
}

/// The files of a directory that have the language's extension; `x.in` is the input of `x.c`. Their output and status
/// are not checked.
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

/// An overlay of this machine's root that can be a sandbox's root: it has the sandbox's work directory, and the machine
/// stays unchanged.
///
/// Files that capsule writes itself replace the machine's own: with another nsswitch.conf the C library would load
/// modules that no image needs.
fn whole_machine(scratch: &Path, image: &Path, manifest: &Manifest) -> Result<PathBuf, Error> {
    let place = scratch.join("machine");
    let fail = |error: std::io::Error| Error::from(run::Error::Workspace { path: place.clone(), error });
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

/// Runs tests in the bundle's sandbox; their streams and reports are files of the scratch directory.
struct TestRunner<'a> {
    bundle: &'a Path,
    scratch: &'a Path,
}

impl TestRunner<'_> {
    /// Compiles and runs one test with this root, and adds what it opens to `trace`. The inner result says why the test
    /// failed.
    fn run(&self, root: &Path, test: &LanguageTest, trace: &mut Trace) -> Result<Result<(), String>, Error> {
        let LanguageTest { language, test, .. } = test;
        let [stdin, stdout, stderr, report] =
            ["stdin", "stdout", "stderr", "report"].map(|name| self.scratch.join(name));
        fs::write(&stdin, &test.stdin).map_err(|error| Error::write(&stdin, error))?;
        let [compile, run] = self.options();
        let names = language.names(&test.source);
        let nothing = BTreeMap::new();
        let place = self.bundle.join(layout::WORKSPACE);
        let steps = Steps {
            bundle: self.bundle,
            root,
            workspace: &place,
            digest: None,
            limits: &nothing,
            language,
            names: &names,
            uid: None,
            has_several: false,
        };
        let workspace = Workspace::mount_at(place.clone(), steps.workspace_size(&compile))?;
        workspace.put(&names.source, test.source.as_bytes())?;
        let mut status = "ok".to_owned();
        for init in steps.compile(&compile).into_iter().chain([steps.run(&run, &[])]) {
            trace.join(trace_step(&init)?);
            let json = fs::read(&report).map_err(|error| Error::read(&report, error))?;
            status = Report::parse(&json, "init's")?.status;
            if status != "ok" {
                break;
            }
        }
        drop(workspace);
        let output = fs::read_to_string(&stdout).unwrap_or_default();
        Ok(check(test, &status, &output).map_err(|why| {
            let errors = fs::read(&stderr).unwrap_or_default();
            let errors = String::from_utf8_lossy(&errors);
            errors.lines().take(MAX_LINES).fold(why, |text, line| format!("{text}\n    {line}"))
        }))
    }

    /// Limits and streams of both steps. The compiler reads and prints nothing but errors.
    fn options(&self) -> [Vec<StepOption>; 2] {
        let file = |name: &str| self.scratch.join(name).into_os_string();
        let options = |limits: [(&str, &str); 2], stdin: OsString, stdout: OsString| {
            let limits = limits.map(|(name, amount)| (name.to_owned(), OsString::from(amount)));
            let files = [
                ("stdin", stdin),
                ("stdout", stdout),
                ("stderr", file("stderr")),
                ("report", file("report")),
            ];
            limits.into_iter().chain(files.map(|(name, path)| (name.to_owned(), path))).collect()
        };
        [
            options(COMPILE_LIMITS, "/dev/null".into(), "/dev/null".into()),
            options(RUN_LIMITS, file("stdin"), file("stdout")),
        ]
    }
}

fn check(test: &SelfTest, status: &str, output: &str) -> Result<(), String> {
    match (&test.status, &test.stdout) {
        (Some(wanted), _) if wanted != status => Err(format!("status {status}, not {wanted}")),
        (_, Some(wanted)) if wanted != output => Err(format!("wrote {output:?}, not {wanted:?}")),
        _ => Ok(()),
    }
}

/// Traces what init starts, and not init itself.
fn trace_step(init: &InitCommand) -> Result<Trace, Error> {
    tracer::trace_after_exec(&init.to_argv())
}
