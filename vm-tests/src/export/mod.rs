//! The proof of a bundle, and the forms in which it is written: for CI, for programs, for readers.

pub mod junit;
pub(crate) mod page;
pub mod tap;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::differential::{Comparison, EXPLAINED};
use crate::kernel::Kernel;
use crate::matrix::CaseResult;
use crate::shipped::{self, Compared};
use crate::tally::Tally;

/// Everything that was tried on one bundle, and how it ended.
#[derive(Debug, Clone, Serialize)]
pub struct Proof {
    /// Version of this format.
    pub version: u32,
    /// When, in seconds since 1970: SOURCE_DATE_EPOCH where it is set, so that a proof can be made again.
    pub(crate) date: u64,
    /// What was booted.
    pub bundle: Bundle,
    /// On what.
    pub kernels: Vec<BootedKernel>,
    /// Programs of the host that the proof depends on, with their versions.
    pub(crate) tools: Vec<String>,
    /// How many passed and failed.
    pub passed: usize,
    /// See [`Proof::passed`].
    pub failed: usize,
    /// Guards that no case removes.
    pub(crate) unproven: Vec<String>,
    /// The worlds side by side.
    pub(crate) comparison: Comparison,
    /// Every case in every world.
    pub rows: Vec<CaseResult>,
}

/// A bundle by its digests.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Bundle {
    /// SHA-256 of init.
    pub(crate) init_sha256: Option<String>,
    /// SHA-256 of the manifest, which holds the digest of every file of the tree.
    pub(crate) manifest_sha256: Option<String>,
    /// SHA-256 of the archive that was booted.
    pub(crate) initramfs_sha256: Option<String>,
    /// What of it was compared before anything was run.
    pub(crate) compared: Compared,
}

/// A kernel by its digest.
#[derive(Debug, Clone, Serialize)]
pub struct BootedKernel {
    /// Its package, or its path.
    pub name: String,
    /// SHA-256 of the image.
    pub sha256: String,
    /// Why the image was started as it is, and not the kernel that was unpacked from it.
    pub(crate) packed: Option<String>,
    /// What the image says of itself.
    pub(crate) version: Option<String>,
    /// Holes that no sandbox closes; `None` where the image does not say which kernel it is.
    pub(crate) known_bad: Option<Vec<&'static str>>,
}

impl Proof {
    /// Puts together what was found.
    pub fn new(bundle: Bundle, kernels: &[Kernel], rows: Vec<CaseResult>, unproven: Vec<String>) -> Proof {
        let tally = Tally::of(&rows);
        let comparison = Comparison::of(&rows, EXPLAINED);
        let mut seen = BTreeSet::new();
        let kernels =
            kernels.iter().filter(|kernel| seen.insert(kernel.sha256.clone())).map(|kernel| BootedKernel {
                name: kernel.name.clone(),
                sha256: kernel.sha256.clone(),
                packed: kernel.unpacked.as_ref().err().cloned(),
                version: kernel.version.clone(),
                known_bad: kernel.known_bad(),
            });
        Proof {
            version: 1,
            date: date(),
            bundle,
            kernels: kernels.collect(),
            tools: Vec::new(),
            passed: tally.passed,
            failed: tally.failed + unproven.len() + comparison.wrong().count(),
            unproven,
            comparison,
            rows,
        }
    }

    /// The same with the versions of these programs.
    pub(crate) fn made_with(self, tools: Vec<String>) -> Proof {
        Proof { tools, ..self }
    }

    /// The count, guards without a proof and worlds that differ included.
    pub fn tally(&self) -> Tally {
        Tally { passed: self.passed, failed: self.failed }
    }

    /// What failed without being a case in a world: a group, a name, and why.
    fn failures_of_no_case(&self) -> Vec<(&'static str, String, String)> {
        let unproven = self
            .unproven
            .iter()
            .map(|guard| ("guards", format!("guard/{guard}"), "no case removes it".to_string()));
        let differing = self.comparison.wrong();
        unproven.chain(differing.map(|(case, why)| ("side by side", case, why))).collect()
    }

    /// The worlds, in the order in which they were entered.
    pub(crate) fn worlds(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        self.rows.iter().map(|row| row.world.as_str()).filter(|world| seen.insert(*world)).collect()
    }

    /// Writes proof.json and proof.html into `directory`.
    pub fn keep(&self, directory: &Path) -> Result<(), String> {
        let page = page::render(self).map_err(|error| format!("the page: {error}"))?;
        [("proof.json", self.json()), ("proof.html", page)]
            .iter()
            .try_for_each(|(name, text)| written(&directory.join(name), text))
    }

    /// `proof.json`: one object, for machines.
    pub(crate) fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a proof has only strings as keys");
        text.push('\n');
        text
    }
}

impl Bundle {
    /// Compares the parts of the bundle in `directory`, whose bootable archive is `archive`; the digests are those
    /// that it was compared with.
    ///
    /// # Errors
    /// The parts differ, or one cannot be read.
    pub fn of(directory: &Path, archive: Option<&Path>) -> Result<Bundle, String> {
        let compared = shipped::compare(directory, archive)?;
        Ok(Bundle {
            init_sha256: compared.digest("init"),
            manifest_sha256: compared.digest("manifest.json"),
            initramfs_sha256: archive.and_then(|archive| compared.digest(archive.file_name()?.to_str()?)),
            compared,
        })
    }
}

/// Writes `text` to `path`. The error names the file.
pub fn written(path: &Path, text: &str) -> Result<(), String> {
    write(path, text).map_err(|cause| format!("`{}` was not written: {cause}", path.display()))
}

/// To a temporary file in the same directory first, so that a reader never sees half of it (rename(2) is atomic).
fn write(path: &Path, text: &str) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn date() -> u64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    fixed.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// `text` for XML and for terminals: without control characters, except newline and tab.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

/// Rows as exports are tested with them.
#[cfg(test)]
mod examples {
    use crate::case::Verdict;
    use crate::matrix::CaseResult;
    use crate::message::{End, Observation};
    use crate::suite::Suite;

    pub(crate) fn row(world: &str, case: &str, verdict: Verdict) -> CaseResult {
        CaseResult {
            suite: Suite::of(case).expect("a case of a suite"),
            world: world.into(),
            case: case.into(),
            ids: vec!["FS-01".into()],
            command: "init run -- probe".into(),
            verdict,
            seen: None,
        }
    }

    /// One that ended with this exit code.
    pub(crate) fn answered(world: &str, case: &str, code: i32) -> CaseResult {
        let seen = Observation { end: End::Code(code), ..Observation::silent(case) };
        CaseResult { seen: Some(seen), ..row(world, case, Verdict::Passed) }
    }

    pub(crate) fn rows() -> Vec<CaseResult> {
        vec![
            row("6.1", "attack/a", Verdict::Passed),
            row(
                "6.1",
                "attack/<b>&\"\u{1b}",
                Verdict::Failed(vec!["one\ntwo".into(), "three # four".into()]),
            ),
            row("6.12", "attack/a", Verdict::NotApplicable("no such part".into())),
        ]
    }
}
