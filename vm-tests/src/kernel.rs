//! Clean kernels: the newest Debian cloud kernel of a series, from apt into a cache, checked by its digest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bzimage::{self, Unpacked};
use crate::kernel_holes::known_bad;
use crate::processor::Processor;
use crate::random::to_hex;

/// A kernel image that exists and has not changed since it was fetched.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// What it runs on.
    pub processor: Processor,
    /// What to call it: the package's name, or the path that the operator gave.
    pub name: String,
    /// The image.
    pub image: PathBuf,
    /// SHA-256 of the image, in hexadecimal.
    pub sha256: String,
    /// What the image says of itself: release, maker, version.
    pub version: Option<String>,
    /// The kernel out of the image, or why it has to unpack itself.
    pub unpacked: Result<Unpacked, String>,
}

/// Why there is no kernel.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// A file that cannot be read or written.
    #[error("`{path}`: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The image in the cache is not the one that was fetched.
    #[error("`{0}` has changed since it was fetched\n  hint: remove its directory to fetch it again")]
    Changed(PathBuf),
    /// apt knows no kernel of this series.
    #[error(
        "no kernel of series `{0}` in the package lists\n  hint: run `apt-get update`, or give one with `--kernel PATH`"
    )]
    Unknown(String),
    /// A program of the package manager failed.
    #[error("`{command}` failed: {cause}")]
    Tool {
        /// The command as it was run.
        command: String,
        /// The last line of its output.
        cause: String,
    },
    /// A package without an image in it.
    #[error("`{0}` holds no boot/vmlinuz-*")]
    NoImage(String),
}

/// Stored in the same directory as the image.
#[derive(Serialize, Deserialize)]
struct Record {
    package: String,
    sha256: String,
}

impl Kernel {
    /// An image that the operator brings.
    pub fn at(image: &Path, processor: Processor) -> Result<Kernel, KernelError> {
        read(image.display().to_string(), image, processor)
    }

    /// The kernel of `series` from the cache, fetched into it when it is not there.
    pub fn of_series(series: &str, processor: Processor) -> Result<Kernel, KernelError> {
        let name = match processor {
            Processor::X86_64 => series.to_string(),
            other => format!("{series}-{}", other.debian()),
        };
        let directory = cache_directory().join("kernels").join(name);
        match cached(&directory, processor)? {
            Some(kernel) => Ok(kernel),
            None => {
                fetch(series, &directory, &Apt::of(processor)?)?;
                cached(&directory, processor)?
                    .ok_or_else(|| KernelError::NoImage(directory.display().to_string()))
            }
        }
    }
}

impl Kernel {
    /// Holes that no sandbox closes, by their numbers; `None` where the image does not say which kernel it is.
    pub(crate) fn known_bad(&self) -> Option<Vec<&'static str>> {
        let (release, version) = self.version.as_deref()?.split_once(' ')?;
        Some(known_bad(release, version)?.map(|hole| hole.cve).collect())
    }

    /// The name without what every package of its kind has in it.
    pub fn short_name(&self) -> &str {
        let name = self.name.trim_start_matches("linux-image-");
        // The processor is a part of the name unless it is the usual one.
        name.trim_end_matches("-cloud-amd64").trim_end_matches("-cloud")
    }

    /// What QEMU is to start: the kernel, unpacked where that can be.
    pub fn file(&self) -> PathBuf {
        self.unpacked.as_ref().map_or_else(|_| self.image.clone(), Unpacked::path)
    }
}

/// `$XDG_CACHE_HOME/capsule`, or below ~/.cache.
pub(crate) fn cache_directory() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(|| PathBuf::from("/var/cache")).join("capsule")
}

fn cached(directory: &Path, processor: Processor) -> Result<Option<Kernel>, KernelError> {
    let record = directory.join("kernel.json");
    let text = match fs::read(&record) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(KernelError::File { path: record, cause }),
    };
    let image = directory.join("vmlinuz");
    let parsed: Record = serde_json::from_slice(&text).map_err(|_| KernelError::Changed(record))?;
    let kernel = read(parsed.package, &image, processor)?;
    if kernel.sha256 == parsed.sha256 { Ok(Some(kernel)) } else { Err(KernelError::Changed(image)) }
}

/// The digest is one of the bytes that the kernel is unpacked from.
fn read(name: String, image: &Path, processor: Processor) -> Result<Kernel, KernelError> {
    let bytes = contents(image)?;
    let (sha256, version, unpacked) = (digest(&bytes), bzimage::version(&bytes), Unpacked::of(&bytes));
    Ok(Kernel { processor, name, image: image.to_path_buf(), sha256, version, unpacked })
}

fn contents(path: &Path) -> Result<Vec<u8>, KernelError> {
    fs::read(path).map_err(|cause| file(path, cause))
}

fn digest(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes))
}

fn file(path: &Path, cause: io::Error) -> KernelError {
    KernelError::File { path: path.to_path_buf(), cause }
}

/// apt checks the package's digest against signed lists; ours only shows that the image has not changed since.
fn fetch(series: &str, directory: &Path, apt: &Apt) -> Result<(), KernelError> {
    let package = match newest_known(series, apt)? {
        Some(package) => package,
        None => {
            run(apt.command("apt-get").args(["update", "-q"]))?;
            newest_known(series, apt)?.ok_or_else(|| KernelError::Unknown(series.to_string()))?
        }
    };
    let parent = directory.parent().unwrap_or(directory);
    fs::create_dir_all(parent).map_err(|cause| file(parent, cause))?;
    // In the directory of the destination, so that a rename completes it: a fetch that is interrupted leaves nothing.
    let work = tempfile::tempdir_in(parent).map_err(|cause| file(parent, cause))?;
    run(apt.command("apt-get").args(["download", "-q", &package]).current_dir(work.path()))?;
    let deb = only(work.path(), ".deb").ok_or_else(|| KernelError::NoImage(package.clone()))?;
    run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(work.path().join("unpacked")))?;
    let image =
        only(&work.path().join("unpacked/boot"), "").ok_or_else(|| KernelError::NoImage(package.clone()))?;
    let kept = work.path().join("kept");
    fs::create_dir(&kept).map_err(|cause| file(&kept, cause))?;
    fs::rename(&image, kept.join("vmlinuz")).map_err(|cause| file(&image, cause))?;
    let record = Record { package, sha256: digest(&contents(&kept.join("vmlinuz"))?) };
    let text = serde_json::to_vec(&record).map_err(|cause| file(&kept, cause.into()))?;
    fs::write(kept.join("kernel.json"), text).map_err(|cause| file(&kept, cause))?;
    match fs::rename(&kept, directory) {
        // Another harness was faster, and checked its kernel in the same way.
        Err(cause) if cause.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        renamed => renamed.map_err(|cause| file(directory, cause)),
    }
}

/// apt, for a processor.
struct Apt {
    processor: Processor,
    /// Its lists for another processor than this host's.
    config: Option<PathBuf>,
}

impl Apt {
    /// For another processor apt gets lists of its own: this host's must not change (apt.conf(5), APT_CONFIG).
    fn of(processor: Processor) -> Result<Apt, KernelError> {
        if processor == Processor::HERE {
            return Ok(Apt { processor, config: None });
        }
        let name = processor.debian();
        let base = cache_directory().join(format!("apt-{name}"));
        for directory in ["state/lists/partial", "cache/archives/partial"] {
            let path = base.join(directory);
            fs::create_dir_all(&path).map_err(|cause| file(&path, cause))?;
        }
        let place = base.display();
        let text = format!(
            "APT::Architecture \"{name}\";\nAPT::Architectures \"{name}\";\nDir::State \"{place}/state\";\n\
             Dir::State::status \"{place}/status\";\nDir::Cache \"{place}/cache\";\n"
        );
        let config = base.join("apt.conf");
        for (path, content) in [(base.join("status"), ""), (config.clone(), &text)] {
            fs::write(&path, content).map_err(|cause| file(&path, cause))?;
        }
        Ok(Apt { processor, config: Some(config) })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.config.iter().map(|config| ("APT_CONFIG", config)));
        command
    }
}

fn newest_known(series: &str, apt: &Apt) -> Result<Option<String>, KernelError> {
    let pattern =
        format!(r"^linux-image-{}\.[0-9].*-cloud-{}$", series.replace('.', r"\."), apt.processor.debian());
    let listed = run(apt.command("apt-cache").args(["search", "--names-only", &pattern]))?;
    let text = String::from_utf8_lossy(&listed.stdout);
    Ok(newest(text.lines().filter_map(|line| line.split(' ').next())).map(str::to_string))
}

/// The name whose numbers are highest, compared one by one from the left.
fn newest<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names.max_by_key(|name| {
        let numbers = name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u64>().ok());
        numbers.collect::<Vec<_>>()
    })
}

/// A kernel package has one image, an image in boot/ whose name begins so.
fn only(directory: &Path, ending: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ending.is_empty() { name.starts_with("vmlinuz-") } else { name.ends_with(ending) }
    };
    let mut wanted = entries.filter(is_wanted);
    wanted.next()
}

fn run(command: &mut Command) -> Result<Output, KernelError> {
    let shown = format!("{command:?}").replace('"', "");
    let failed = |cause: String| KernelError::Tool { command: shown.clone(), cause };
    let output = command.stdin(Stdio::null()).output().map_err(|cause| failed(cause.to_string()))?;
    if output.status.success() {
        return Ok(output);
    }
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("no message").to_string();
    Err(failed(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers() {
        let names = ["linux-image-6.1.0-9-cloud-amd64", "linux-image-6.1.0-56-cloud-amd64"];
        assert_eq!(newest(names.into_iter()), Some(names[1]));
        let names = ["linux-image-6.12.117+deb12-cloud-amd64", "linux-image-6.12.99+deb12-cloud-amd64"];
        assert_eq!(newest(names.into_iter()), Some(names[0]));
    }

    #[test]
    fn a_changed_image_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("vmlinuz"), b"kernel").unwrap();
        let record = Record { package: "linux-image".into(), sha256: to_hex(&Sha256::digest(b"kernel")) };
        fs::write(directory.path().join("kernel.json"), serde_json::to_vec(&record).unwrap()).unwrap();
        let kernel = cached(directory.path(), Processor::HERE).unwrap().unwrap();
        assert_eq!(kernel.name, "linux-image");
        assert_eq!(kernel.file(), kernel.image, "what cannot be unpacked is started as it is");
        fs::write(directory.path().join("vmlinuz"), b"kernel!").unwrap();
        assert!(matches!(cached(directory.path(), Processor::HERE), Err(KernelError::Changed(_))));
    }

    #[test]
    fn an_empty_cache_is_not_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(cached(&directory.path().join("6.1"), Processor::HERE).unwrap().is_none());
    }
}
