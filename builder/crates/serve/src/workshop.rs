//! Where work is done: one bundle, its languages, and the operator's limits.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bundle::layout;
use bundle::manifest::{self, Manifest};
use judge::judging::{Conduct, Failure, Judgement, Session, Stop, Watch};
use recipe::language::{Language, Step as LanguageStep};
use run::Cancel;
use run::exec::{
    Artifact, ArtifactCache, Booth, Ceilings, Compilation, CompileResult, Kind, Prepared, Primed, StepOption,
    Stock, Submission, Warm, Workroom,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::bound::bound;
use crate::error::Error;
use crate::limit::{Limits, TooMuch};
use crate::pool::Way;
use crate::settings::Settings;
use crate::shelf::Unready;
use crate::version;
use crate::work::{Done, Step, Work};

/// A program that computes on a busy machine waits for its CPU, so that it may take this many times its CPU time,
const WALL_PER_CPU: u64 = 5;
/// and this in addition.
const WALL_EXTRA_US: u64 = 1_000_000;

/// What each tenant's compilers made, in the directory of the store.
const CACHE: &str = "cache";

/// Programs with more bytes of arguments start cold.
const LONGEST_ARGUMENTS: usize = 1 << 10;

/// What problems do not limit: the room does, for submissions that are judged, and for checkers and interactors.
const JUDGED: [&str; 3] = ["wall-time", "pids", "stack"];

/// A bundle and the operator's limits.
pub(crate) struct Workshop {
    bundle: PathBuf,
    room: Arc<Workroom>,
    /// What stands ready for the next programs.
    pub(crate) stock: Stock,
    most: Limits,
    default: Limits,
    compile: Limits,
    /// Of the manifest.
    digest: String,
    /// Of each language, without the variants.
    versions: BTreeMap<String, String>,
}

impl Workshop {
    /// Opens the bundle. This process must have one thread.
    pub(crate) fn open(bundle: &Path, settings: &Settings) -> Result<Workshop, Error> {
        let cache = match (&settings.shared_cache, &settings.data) {
            (Some(place), _) => Some(ArtifactCache::open(place)?),
            (None, Some(data)) => Some(ArtifactCache::open_apart(&data.join(CACHE), settings.cache)?),
            (None, None) => None,
        };
        let (most, default, compile) = (settings.most, settings.default, settings.compile);
        let ceilings = Ceilings {
            compile: compile.to_ceilings(compile, &JUDGED),
            run: most.to_ceilings(default, &JUDGED),
        };
        // One more than run: the next one's sandbox is made while they do.
        let ahead = settings.slots + 1;
        let room = Workroom::open(bundle)?.with_digest()?.with_cache(cache).with_ceilings(ceilings);
        let room = room.with_pool(ahead);
        let (bundle, room) = (layout::resolved(bundle), Arc::new(room));
        // Which CPUs a job will have is not known before.
        let warm = if settings.pin { 0 } else { settings.warm };
        if warm > 0 {
            // Each has some eleven descriptors here.
            let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
            let _as_many_as_there_are = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        }
        let stock = Stock::new(Arc::clone(&room), warm);
        let versions = version::all(&Manifest::load(&bundle).map_err(run::Error::from)?);
        let digest = manifest::digest(&bundle).map_err(run::Error::from)?.as_str().to_owned();
        Ok(Workshop { bundle, room, stock, most, default, compile, digest, versions })
    }

    /// The digest of the bundle's manifest.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// The bundle's languages by name.
    pub(crate) fn languages(&self) -> &BTreeMap<String, Language> {
        self.room.languages()
    }

    /// The most that a run may ask for.
    pub(crate) fn most(&self) -> Limits {
        self.most
    }

    /// The most that a compile step may ask for.
    pub(crate) fn most_to_compile(&self) -> Limits {
        self.compile
    }

    /// Whether the operator allows what was asked for.
    ///
    /// # Errors
    /// The first limit that is too high, and whether it is one of the compile step.
    pub(crate) fn check(&self, run: Limits, compile: Limits) -> Result<(), (TooMuch, bool)> {
        run.check(self.most).map_err(|error| (error, false))?;
        compile.check(self.compile).map_err(|error| (error, true))
    }

    /// The limits of a run of this language: what was asked for, what the bundle and its pack say, the operator's defaults;
    /// and none above the operator's.
    pub(crate) fn limits(&self, language: Option<&Language>, asked: Limits) -> Limits {
        let of_pack = language.map(|language| Limits::of_amounts(&language.run.limits)).unwrap_or_default();
        let wall_us = asked.cpu_us.map(|cpu| cpu.saturating_mul(WALL_PER_CPU).saturating_add(WALL_EXTRA_US));
        let asked = asked.or(Limits { wall_us, ..Limits::default() });
        let said = asked.or(Limits::of_amounts(self.room.limits())).or(of_pack);
        said.or(self.default).lowered_to(self.most)
    }

    /// The same where the names of a program's files may tell its language.
    pub(crate) fn limits_of(&self, submission: &Submission, language: Option<&str>, asked: Limits) -> Limits {
        // One without a language does not run.
        let chosen = self.room.language(submission, language).ok();
        self.limits(chosen.and_then(|(name, _)| self.language(name)), asked)
    }

    fn compile_limits(&self, step: Option<&LanguageStep>, asked: Limits) -> Limits {
        let of_pack = step.map(|step| Limits::of_amounts(&step.limits)).unwrap_or_default();
        asked.or(of_pack).lowered_to(self.compile)
    }

    /// The language of this name, or the one that has a variant of it.
    pub(crate) fn language(&self, name: &str) -> Option<&Language> {
        let languages = self.languages();
        languages.get(name).or_else(|| languages.values().find(|one| one.variants.contains_key(name)))
    }

    /// The version of a language or of one of its variants: three numbers.
    pub(crate) fn version(&self, name: &str) -> &str {
        let own = || self.languages().iter().find(|(_, one)| one.variants.contains_key(name));
        let version = self.versions.get(name).or_else(|| self.versions.get(own()?.0));
        version.map_or(version::UNKNOWN, String::as_str)
    }

    /// Reads a problem and compiles its checker, under the operator's limits.
    pub(crate) fn open_problem(&self, place: &Path) -> Result<Session, Unready> {
        let run = self.limits(None, Limits::default());
        let bound = |problem: &mut _| bound(problem, run, self.most, self.compile);
        let room = Arc::clone(&self.room);
        let session = Session::open_bounded(&self.bundle, place, bound, |_| Ok(room));
        session.map_err(|failure| {
            // Its place is of no interest to whom it is from.
            let text = failure.to_string().replace(&format!("`{}`", place.display()), "the problem");
            let text = self.without_places(&text);
            match failure {
                Failure::Unready { .. } | Failure::Run(_) => Unready::Passing(text),
                _ => Unready::Mistake(text),
            }
        })
    }

    /// Judges a tenant's submission with a problem, one test at a time.
    pub(crate) fn judge(
        &self,
        work: &Work,
        tenant: &str,
        session: &Session,
        watch: &dyn Watch,
    ) -> Result<Judgement, String> {
        // Other slots work next to it, so that nothing can be repeated alone.
        let conduct = Conduct::new(1, Stop::Group, watch).without_repeats();
        let submission = work.program.submission.clone().of_owner(tenant);
        let judged = session.judge(&submission, work.language.as_deref(), conduct);
        judged.map_err(|failure| self.without_places(&failure.to_string()))
    }

    /// Whether a program has a language here, and a file where it starts; the error is what its author has to change.
    pub(crate) fn check_program(
        &self,
        submission: &Submission,
        language: Option<&str>,
    ) -> Result<(), String> {
        self.room.check(submission, language).map_err(|error| match error {
            run::Error::NoLanguage { known, .. } => format!(
                "the names of the files tell no language, or more than one; say which with `language`: {}",
                known.join(", ")
            ),
            error => self.without_places(&error.to_string()).replace("`--entry FILE`", "`entry`"),
        })
    }

    /// A workspace of so many bytes for one command.
    pub(crate) fn booth(&self, size: u64) -> Result<Booth, run::Error> {
        self.room.booth(size)
    }

    /// Where the bundle is on this host is of no interest to clients.
    pub(crate) fn without_places(&self, text: &str) -> String {
        text.replace(&self.room.place().display().to_string(), "the bundle")
    }

    /// Compiles for a tenant: what is ready to run, or else what came of it.
    pub(crate) fn compile(
        &self,
        work: &Work,
        tenant: &str,
        way: &Way<'_>,
        cancel: &Arc<Cancel>,
    ) -> (Done, Option<Ready>) {
        self.compile_warm(None, work, tenant, way, cancel)
    }

    /// The same with what has got ready for it.
    pub(crate) fn compile_warm(
        &self,
        warm: Option<Warm>,
        work: &Work,
        tenant: &str,
        way: &Way<'_>,
        cancel: &Arc<Cancel>,
    ) -> (Done, Option<Ready>) {
        let cpus = way.cpus().map(|cpus| ("cpus".to_owned(), OsString::from(cpus)));
        let options: Vec<StepOption> = self.compile_options(work).into_iter().chain(cpus.clone()).collect();
        let submission = work.program.submission.clone().of_owner(tenant);
        let language = work.language.as_deref();
        let (enter, until) = (|| way.enter(), Some(cancel));
        let compilation = self.room.compile_warm(warm, &submission, language, &options, until, &enter);
        let compilation = match compilation {
            Ok(compilation) => compilation,
            Err(error) => return (Done::failed(self.without_places(&error.to_string())), None),
        };
        let mut done = Done { language: compilation.language.clone(), ..Done::default() };
        let Some(artifact) = compiled(&mut done, compilation) else { return (done, None) };
        if cancel.is_set() {
            return (Done::failed("called off".to_owned()), None);
        }
        let options = self.run_options(&done.language, work).into_iter().chain(cpus).collect();
        (done, Some(Ready { artifact, options, arguments: arguments(work) }))
    }

    fn compile_options(&self, work: &Work) -> Vec<StepOption> {
        let language = work.language.as_deref().and_then(|name| self.language(name));
        self.compile_limits(language.and_then(|one| one.compile.as_ref()), work.compile).to_options()
    }

    fn run_options(&self, language: &str, work: &Work) -> Vec<StepOption> {
        self.limits(self.language(language), work.run).to_options()
    }

    /// What could stand ready for such a program.
    pub(crate) fn kind(&self, work: &Work) -> Option<Kind> {
        let submission = &work.program.submission;
        let [alone] = submission.files() else { return None };
        if !self.stock.keeps_some() || work.args.iter().map(String::len).sum::<usize>() > LONGEST_ARGUMENTS {
            return None;
        }
        let asked = work.language.as_deref();
        let (name, _) = self.room.language(submission, asked).ok()?;
        let language = self.language(name)?;
        // The name of the file or the class is an argument: only the usual one is known before.
        let (own, usual) = (language.names(&String::from_utf8_lossy(&alone.content)), language.names(""));
        let gets_ready = [language.compile.as_ref(), Some(&language.run)];
        let gets_ready = gets_ready.into_iter().flatten().any(|step| step.warm.is_some());
        if !gets_ready || (own.source, own.main) != (usual.source, usual.main) {
            return None;
        }
        let (compile, run) = (self.compile_options(work), self.run_options(name, work));
        Some(Kind { language: asked.unwrap_or(name).to_owned(), compile, run, arguments: arguments(work) })
    }
}

fn arguments(work: &Work) -> Vec<OsString> {
    work.args.iter().map(OsString::from).collect()
}

/// A program that is ready to run, under the limits of its run.
pub(crate) struct Ready {
    artifact: Box<Artifact>,
    options: Vec<StepOption>,
    arguments: Vec<OsString>,
}

impl Ready {
    /// Its sandbox with these streams.
    pub(crate) fn prepare(&self, streams: [BorrowedFd<'_>; 3]) -> Result<Prepared, String> {
        let prepared = self.artifact.prepare(&self.options, &self.arguments, streams);
        prepared.map_err(|error| error.to_string())
    }

    /// The same with streams that are files in memory, and with its input.
    pub(crate) fn prime(&self, stdin: &[u8]) -> Result<Primed, String> {
        let primed = self.artifact.prime(&self.options, &self.arguments, stdin);
        primed.map_err(|error| error.to_string())
    }

    /// The same run where it has got ready before, with its input.
    pub(crate) fn take_warm(&self, stdin: &[u8]) -> io::Result<Option<Primed>> {
        self.artifact.take_warm(&self.options, &self.arguments, stdin)
    }
}

fn compiled(done: &mut Done, compilation: Compilation) -> Option<Box<Artifact>> {
    done.compile = compilation.report.as_deref().and_then(|report| Step::read(report, compilation.text));
    match compilation.result {
        CompileResult::Ready(artifact) => return Some(artifact),
        CompileResult::CompileError(cause) => {
            (done.status, done.cause) = ("compile-error".to_owned(), Some(cause));
            done.code = run::exec::COMPILE_ERROR;
        }
        CompileResult::SandboxError => (done.status, done.code) = ("sandbox-error".to_owned(), 125),
    }
    None
}
