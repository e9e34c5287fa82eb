//! Downloads packages by the clients of their registries, which know proxies, mirrors and accounts: pip, npm and curl.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use recipe::toolchain::Package;

use crate::error::Error;

const PIP: &str = "apt-get install python3-pip";

/// Whether the packages that a package needs come with it; only pip brings them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dependencies {
    Too,
    Not,
}

/// The packages that one call of a client brings: those of PyPI together, so that their versions fit each other.
pub(super) fn batches(packages: &[Package]) -> Vec<Vec<Package>> {
    let mut batches: Vec<Vec<Package>> = Vec::new();
    let mut pypi: Vec<Package> = Vec::new();
    for package in packages {
        match package {
            Package::Pypi(_) => pypi.push(package.clone()),
            Package::Npm(_) | Package::Url(_) | Package::File(_) => batches.push(vec![package.clone()]),
        }
    }
    batches.extend((!pypi.is_empty()).then_some(pypi));
    batches
}

/// Writes the files of one batch to a directory.
pub(super) fn download(
    batch: &[Package],
    python: Option<&str>,
    dependencies: Dependencies,
    to: &Path,
) -> Result<(), Error> {
    match batch.first() {
        Some(Package::Pypi(_)) => {
            let mut pip = Command::new("pip3");
            pip.args(["download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--dest"]);
            pip.arg(to);
            if dependencies == Dependencies::Not {
                // What is brought again was chosen before, by a Python whose last number the lock does not have.
                pip.args(["--no-deps", "--ignore-requires-python"]);
            }
            pip.args(python.iter().flat_map(|version| ["--python-version", version]));
            let names = batch.iter().filter_map(|package| match package {
                Package::Pypi(name) => Some(name),
                _ => None,
            });
            run(pip.arg("--").args(names), PIP).map(drop)
        }
        Some(Package::Npm(name)) => {
            let mut npm = Command::new("npm");
            npm.args(["pack", "--loglevel=error", "--ignore-scripts", "--pack-destination"]).arg(to);
            run(npm.arg("--").arg(name), "apt-get install npm").map(drop)
        }
        Some(Package::Url(url)) => {
            let mut curl = Command::new("curl");
            curl.args(["--fail", "--silent", "--show-error", "--location", "--output"]);
            run(curl.arg(to.join(last_name(url))).arg("--").arg(url), "apt-get install curl").map(drop)
        }
        Some(Package::File(path)) => {
            let name = path.file_name().unwrap_or_default();
            fs::copy(path, to.join(name)).map_err(|error| Error::read(path, error))?;
            Ok(())
        }
        None => Ok(()),
    }
}

/// The version of the Python that runs pip, which prints `pip VERSION from PLACE (python 3.11)`.
pub(super) fn python_of_pip() -> Result<Option<String>, Error> {
    let printed = run(Command::new("pip3").arg("--version"), PIP)?;
    Ok(python_in(&printed).map(str::to_owned))
}

fn python_in(printed: &str) -> Option<&str> {
    printed.trim_end().strip_suffix(')')?.rsplit_once("(python ").map(|(_, version)| version)
}

/// What brings exactly this file of a batch again.
pub(super) fn exact(batch: &[Package], name: &str) -> String {
    match batch.first() {
        Some(Package::Pypi(_)) => {
            // Binary distribution format: {name}-{version}-…; a dash within the name is an underscore.
            let mut parts = name.splitn(3, '-');
            let (package, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            format!("pypi:{package}=={version}")
        }
        Some(Package::Npm(wanted)) => {
            let package = npm_name(wanted);
            // npm names its file NAME-VERSION.tgz, where a scope `@a/b` is `a-b`.
            let flat = package.trim_start_matches('@').replace('/', "-");
            let version = name.strip_prefix(&flat).and_then(|rest| rest.strip_suffix(".tgz"));
            format!("npm:{package}@{}", version.unwrap_or_default().trim_start_matches('-'))
        }
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// The name in `NAME@VERSION`; one with a scope starts with `@` itself.
pub(super) fn npm_name(wanted: &str) -> &str {
    match wanted.rsplit_once('@') {
        Some((name, _)) if !name.is_empty() => name,
        _ => wanted,
    }
}

/// The name of the file at the end of a URL.
fn last_name(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// Runs a client, whose messages are the error's, and gives what it printed.
fn run(command: &mut Command, install: &'static str) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| Error::Toolchain {
        what: format!("`{program}` cannot be started: {error}"),
        hint: install,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let printed = [output.stdout, output.stderr].concat();
    // After `--` is what is wanted.
    let wanted = command.get_args().skip_while(|word| *word != "--").skip(1);
    let program = wanted.fold(program, |program, word| program + " " + &word.to_string_lossy());
    Err(Error::Client { program, printed: String::from_utf8_lossy(&printed).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> Package {
        Package::parse(text).expect(text)
    }

    #[test]
    fn a_file_is_brought_again_by_its_version() {
        for (wanted, file, again) in [
            ("pypi:numpy", "numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.whl", "pypi:numpy==2.1.0"),
            ("pypi:a", "more_itertools-10.1-py3-none-any.whl", "pypi:more_itertools==10.1"),
            ("npm:typescript@5", "typescript-5.9.3.tgz", "npm:typescript@5.9.3"),
            ("npm:lodash", "lodash-4.17.21.tgz", "npm:lodash@4.17.21"),
            ("npm:@types/node@20", "types-node-20.1.0.tgz", "npm:@types/node@20.1.0"),
            ("https://example.org/a.tgz", "a.tgz", "https://example.org/a.tgz"),
        ] {
            assert_eq!(exact(&[package(wanted)], file), again);
        }
    }

    #[test]
    fn pip_prints_its_python() {
        let printed = "pip 23.0.1 from /usr/lib/python3/dist-packages/pip (python 3.11)\n";
        assert_eq!(python_in(printed), Some("3.11"));
        assert_eq!(python_in("pip 9"), None);
    }

    #[test]
    fn packages_of_pypi_are_resolved_together() {
        let packages = ["pypi:a", "npm:b", "pypi:c"].map(package);
        let batches = batches(&packages);
        assert_eq!(batches, [vec![packages[1].clone()], vec![packages[0].clone(), packages[2].clone()]]);
    }

    #[test]
    fn the_name_of_a_download_is_the_last_of_its_path() {
        assert_eq!(last_name("https://example.org/d/a.tar.gz?x=/y"), "a.tar.gz");
        assert_eq!(last_name("https://example.org/d/"), "d");
    }
}
