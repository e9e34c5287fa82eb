//! Where submissions of one bundle are compiled: a mount namespace of our own, and a workspace for each submission.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bundle::digest::Sha;
use bundle::init::INIT;
use bundle::layout;
use bundle::manifest::{self, Head};
use recipe::language::Language;
use recipe::placeholder::Names;

use super::artifact::Artifact;
use super::booth::Booth;
use super::cache::{self, ArtifactCache, Claim};
use super::ceiling::{Ceilings, lowered};
use super::compilation::{Compilation, CompileResult};
use super::kept::Kept;
use super::pool::Pool;
use super::processes::Compiled;
use super::request::StepOption;
use super::steps::{Steps, workspace_size};
use super::submission::Submission;
use super::submission_uid::SubmissionUid;
use super::supervisor::Supervisor;
use super::warm::{Kind, Warm, WarmCompile, WarmRun};
use super::workspace::{self, Workspace};
use super::{language, processes};
use crate::cancel::Cancel;
use crate::ending_signals::Heeded;
use crate::error::Error;
use crate::report::{self, INITS, Report};
use crate::verification;

/// At most this much of the compiler's text is kept, in bytes.
const LONGEST_TEXT: usize = 64 << 10;

/// A bundle in which submissions are compiled and run, any number of them and from any thread.
///
/// A process has one. Its mount namespace is that of all threads that start after [`Workroom::open`].
#[derive(Debug)]
pub struct Workroom {
    bundle: PathBuf,
    head: Head,
    digest: Option<Sha>,
    cache: Option<ArtifactCache>,
    ceilings: Ceilings,
    is_verified: bool,
    pool: Option<Arc<Pool>>,
    /// The name of the next workspace.
    next: AtomicU64,
}

impl Workroom {
    /// Leaves the host's mount namespace.
    ///
    /// # Errors
    /// `bundle` is not one that can run, or this host does not allow the namespaces. An ordinary user's process must have
    /// one thread ([`workspace::separate`]).
    pub fn open(bundle: &Path) -> Result<Workroom, Error> {
        Workroom::enter(bundle, false)
    }

    /// The same, after a comparison of the bundle's tree with its manifest. It reads the whole tree.
    ///
    /// # Errors
    /// Those of [`Workroom::open`], and a tree that has changed.
    pub fn open_verified(bundle: &Path) -> Result<Workroom, Error> {
        Workroom::enter(bundle, true)
    }

    fn enter(bundle: &Path, is_verified: bool) -> Result<Workroom, Error> {
        // init is started from here: a bundle named without a slash must not be looked up on PATH.
        let bundle = layout::resolved(bundle);
        let bundle = std::path::absolute(&bundle).map_err(|error| Error::read(&bundle, error))?;
        let head = Head::load_to_run(&bundle)?;
        if is_verified {
            verification::verify(&bundle)?;
        }
        workspace::separate(&bundle)?;
        workspace::mount_shelf(&bundle)?;
        let (digest, cache, ceilings) = (None, None, Ceilings::default());
        let next = AtomicU64::new(0);
        Ok(Workroom { bundle, head, digest, cache, ceilings, is_verified, pool: None, next })
    }

    /// Whether the tree was compared with its manifest when the room was opened, and was as it was built.
    pub fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// Has reports name the image. To hash the manifest takes as long as a short run does.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub fn with_digest(self) -> Result<Workroom, Error> {
        let digest = Some(manifest::digest(&self.bundle)?);
        Ok(Workroom { digest, ..self })
    }

    /// Has compile steps be taken from a directory, or kept there. For that the room must have a digest.
    #[must_use]
    pub fn with_cache(self, cache: Option<ArtifactCache>) -> Workroom {
        Workroom { cache, ..self }
    }

    /// Gives no step more than this, whatever the bundle and the callers say.
    #[must_use]
    pub fn with_ceilings(self, ceilings: Ceilings) -> Workroom {
        Workroom { ceilings, ..self }
    }

    /// Has up to `ahead` sandboxes stand ready for the steps. Where none can (for an ordinary user, and for a bundle whose
    /// init is of another version than this program's), each step makes its own, with the same result.
    #[must_use]
    pub fn with_pool(self, ahead: usize) -> Workroom {
        let is_root = rustix::process::geteuid().is_root();
        let is_own = || fs::read(self.bundle.join(layout::INIT)).is_ok_and(|init| init == INIT);
        // Each step has a workspace of its own, which later steps only read, and the callers' directories are of one test.
        let start = || Pool::start_with_private_binds(ahead).ok().map(Arc::new);
        let pool = if is_root && is_own() { start() } else { None };
        Workroom { pool, ..self }
    }

    /// The most that steps may have.
    pub fn ceilings(&self) -> &Ceilings {
        &self.ceilings
    }

    /// Where the bundle is, as messages name it.
    pub fn place(&self) -> &Path {
        &self.bundle
    }

    /// The bundle's languages by name.
    pub fn languages(&self) -> &BTreeMap<String, Language> {
        &self.head.languages
    }

    /// The language that [`Workroom::compile`] would choose, by its name in the bundle, and the name that its text gives the
    /// submission's only file: Java's file has the name of its public class.
    ///
    /// # Errors
    /// The bundle has no such language, or more than one.
    pub fn language(
        &self,
        submission: &Submission,
        language: Option<&str>,
    ) -> Result<(&str, Option<String>), Error> {
        let (name, language) = language::choose(&self.head.languages, language, submission, &self.bundle)?;
        let declared = match submission.files() {
            [alone] => language.source.declared(&String::from_utf8_lossy(&alone.content)),
            _ => None,
        };
        Ok((name, declared))
    }

    /// Whether [`Workroom::compile`] would find a language for the submission, and a name for each of its files.
    ///
    /// # Errors
    /// It would not: the submission has to change.
    pub fn check(&self, submission: &Submission, language: Option<&str>) -> Result<(), Error> {
        let (_, language) = language::choose(&self.head.languages, language, submission, &self.bundle)?;
        submission.names(&language).map(|_| ())
    }

    /// The bundle's own limits of a run: amounts by init's options without their dashes.
    pub fn limits(&self) -> &BTreeMap<String, String> {
        &self.head.limits
    }

    /// Compiles a submission; `language` is the one that its files' names tell unless it is given. The options are for the
    /// compile step. A submission of a language without that step is ready at once.
    ///
    /// # Errors
    /// Whatever fails here is not a verdict.
    pub fn compile(
        &self,
        submission: &Submission,
        language: Option<&str>,
        options: &[StepOption],
    ) -> Result<Compilation, Error> {
        self.compile_heeding(None, submission, language, options, Heeded::default(), &|| ())
    }

    /// The same. When the work is called off, the step ends, and so does each run of the artifact. `turn` returns when the
    /// compiler may run; it is not called where none has to.
    ///
    /// # Errors
    /// As [`Workroom::compile`].
    pub fn compile_until(
        &self,
        submission: &Submission,
        language: Option<&str>,
        options: &[StepOption],
        cancel: Option<&Arc<Cancel>>,
        turn: &dyn Fn(),
    ) -> Result<Compilation, Error> {
        self.compile_warm(None, submission, language, options, cancel, turn)
    }

    /// The same with what has got ready for such a submission; where that is of no use, everything starts cold.
    ///
    /// # Errors
    /// As [`Workroom::compile`].
    pub fn compile_warm(
        &self,
        warm: Option<Warm>,
        submission: &Submission,
        language: Option<&str>,
        options: &[StepOption],
        cancel: Option<&Arc<Cancel>>,
        turn: &dyn Fn(),
    ) -> Result<Compilation, Error> {
        let heeded = Heeded { signals: None, cancel };
        self.compile_heeding(warm, submission, language, options, heeded, turn)
    }

    /// The same; what is heeded ends the step.
    pub(super) fn compile_heeding(
        &self,
        warm: Option<Warm>,
        submission: &Submission,
        language: Option<&str>,
        options: &[StepOption],
        heeded: Heeded<'_>,
        turn: &dyn Fn(),
    ) -> Result<Compilation, Error> {
        let Workroom { bundle, head, .. } = self;
        let (name, language) = language::choose(&head.languages, language, submission, bundle)?;
        let language = language.as_ref();
        let layer = language.compile.as_ref().map(|step| &step.limits);
        let options = &lowered(&self.ceilings.compile, layer.as_slice(), options)[..];
        let names = submission.names(language)?;
        let size = workspace_size(language, options);
        let Place { workspace, uid, compile: warm_compile, run: warm_run } = match warm {
            Some(warm) if warm.size == size => Place::of(warm),
            _ => self.new_place(size)?,
        };
        let place = workspace.place().to_path_buf();
        let root = bundle.join(layout::ROOTFS);
        let steps = Steps {
            bundle,
            root: &root,
            workspace: &place,
            digest: self.digest.as_ref(),
            limits: &head.limits,
            language,
            names: &names,
            uid: uid.as_ref(),
            has_several: submission.has_several(),
        };
        let mut claim = self.claim(language, &names, submission, options);
        let mut kept = claim.as_ref().and_then(Claim::load);
        if kept.is_none() && language.compile.is_some() {
            // Before the lock: with it, another one that has its turn would wait for it.
            turn();
        }
        if let (None, Some(claim)) = (&kept, &mut claim) {
            claim.lock();
            kept = claim.load();
        }
        let is_kept = kept.is_some();
        let compiled = match kept {
            Some(kept) => Some(kept.put(&workspace)?),
            None => {
                for (path, content) in submission.placed(&names) {
                    workspace.put(path, content)?;
                }
                self.compile_step(&steps, options, warm_compile, heeded)?
            }
        };
        let mut artifact = Artifact::new(&steps, workspace);
        artifact.uid = uid;
        artifact.pool.clone_from(&self.pool);
        artifact.ceilings.clone_from(&self.ceilings.run);
        artifact.cancel = heeded.cancel.cloned();
        artifact.warm = Mutex::new(warm_run);
        let compilation = Compilation { is_kept, ..Compilation::new(name, compiled, artifact)? };
        if let (Some(claim), false) = (claim, is_kept) {
            keep(&claim, &place, &compilation);
        }
        Ok(compilation)
    }

    /// What comes of the compile step, if the language has one.
    fn compile_step(
        &self,
        steps: &Steps<'_>,
        options: &[StepOption],
        warm: Option<WarmCompile>,
        heeded: Heeded<'_>,
    ) -> Result<Option<Compiled>, Error> {
        if let Some(compiled) = compiled_warm(steps, options, warm, heeded) {
            return Ok(Some(compiled));
        }
        let compile = |step| processes::compile(self.pool.as_deref(), step, LONGEST_TEXT, heeded);
        steps.compile(options).map(compile).transpose()
    }

    /// A workspace of so many bytes for one command.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn booth(&self, size: u64) -> Result<Booth, Error> {
        Ok(Booth {
            bundle: self.bundle.clone(),
            digest: self.digest.clone(),
            limits: self.head.limits.clone(),
            workspace: Workspace::mount_new(self.next_path(), size)?,
            uid: SubmissionUid::allocate(),
            ceilings: self.ceilings.run.clone(),
        })
    }

    /// The right to the artifact of a submission, if it is one that is kept.
    fn claim(
        &self,
        language: &Language,
        names: &Names,
        submission: &Submission,
        options: &[StepOption],
    ) -> Option<Claim<'_>> {
        language.compile.as_ref()?;
        let (cache, digest) = (self.cache.as_ref()?, self.digest.as_ref()?);
        cache.claim(&cache::key(digest, language, names, submission, options), submission.owner())
    }

    /// Has the programs of submissions of a kind get ready; `None` where none of them can: their pack does not say how, or
    /// there is no pool.
    ///
    /// # Errors
    /// There is no such language, or no room.
    pub fn warm(&self, kind: &Kind) -> Result<Option<Warm>, Error> {
        let Workroom { bundle, head, .. } = self;
        let Some((pool, (_, language))) =
            self.pool.as_deref().zip(language::find(&head.languages, &kind.language))
        else {
            return Ok(None);
        };
        let layer = language.compile.as_ref().map(|step| &step.limits);
        let compile = lowered(&self.ceilings.compile, layer.as_slice(), &kind.compile);
        let run = lowered(&self.ceilings.run, &[&language.run.limits, &head.limits], &kind.run);
        let size = workspace_size(&language, &compile);
        let Place { workspace, uid, .. } = self.new_place(size)?;
        let (root, names) = (bundle.join(layout::ROOTFS), language.names(""));
        let steps = Steps {
            bundle,
            root: &root,
            workspace: workspace.place(),
            digest: self.digest.as_ref(),
            limits: &head.limits,
            language: &language,
            names: &names,
            uid: uid.as_ref(),
            has_several: false,
        };
        let fail = |error| Error::Start { path: bundle.join(layout::INIT), error };
        let compile = steps.compile_warm(&compile).map(|init| WarmCompile::begin(pool, init));
        let run = steps.run_warm(&run, &kind.arguments).map(|init| WarmRun::begin(pool, init));
        let compile = compile.transpose().map_err(fail)?.flatten();
        let run = run.transpose().map_err(fail)?.flatten();
        let is_any = compile.is_some() || run.is_some();
        Ok(is_any.then(|| Warm { compile, run, uid, workspace, size }))
    }

    fn new_place(&self, size: u64) -> Result<Place, Error> {
        let workspace = Workspace::mount_new(self.next_path(), size)?;
        Ok(Place { workspace, uid: SubmissionUid::allocate(), compile: None, run: None })
    }

    fn next_path(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.bundle.join(layout::WORKSPACE).join(number.to_string())
    }
}

/// Where a submission is compiled and run.
struct Place {
    workspace: Workspace,
    uid: Option<SubmissionUid>,
    compile: Option<WarmCompile>,
    run: Option<WarmRun>,
}

impl Place {
    fn of(warm: Warm) -> Place {
        let Warm { workspace, uid, compile, run, .. } = warm;
        Place { workspace, uid, compile, run }
    }
}

/// What comes of a compile step that has got ready; `None` where none has for this one, or it came to no end.
fn compiled_warm(
    steps: &Steps<'_>,
    options: &[StepOption],
    warm: Option<WarmCompile>,
    heeded: Heeded<'_>,
) -> Option<Compiled> {
    let (run, said) = warm?.start_as(steps.compile_warm(options).as_ref())?;
    let mut compiled = processes::compiled(Supervisor::Pooled(run), said, LONGEST_TEXT, heeded).ok()?;
    compiled.report = report::with(&compiled.report, report::WARM);
    let is_called_off = heeded.cancel.is_some_and(|cancel| cancel.is_set());
    // One that has begun may have left files.
    let never_began = || {
        let report = Report::parse(compiled.report.as_bytes(), INITS);
        report.is_ok_and(|report| report.status == "sandbox-error" && report.wall_us.is_none())
    };
    (is_called_off || !never_began()).then_some(compiled)
}

/// Keeps what the compile step left in a workspace.
fn keep(claim: &Claim<'_>, place: &Path, compilation: &Compilation) {
    let Some(report) = &compilation.report else { return };
    // Another time nothing has got ready for it.
    let report = &report::without_warm(report);
    let kept = match &compilation.result {
        CompileResult::Ready(_) => Kept::read(place, report, &compilation.text),
        // The compiler's own refusal: another time it may be below a limit that it reached this time.
        CompileResult::CompileError(status) if status == "nonzero-exit" => {
            Some(Kept::refused(report, &compilation.text))
        }
        _ => None,
    };
    if let Some(kept) = kept {
        claim.store(&kept);
    }
}
