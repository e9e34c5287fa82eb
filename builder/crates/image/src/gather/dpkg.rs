//! Which Debian package owns a file: reads dpkg's database directly (dpkg(1), FILES; dpkg-divert(1)).
//!
//! A package's list has the names that the package was built with. On a merged-/usr system `/bin/bash` is
//! `/usr/bin/bash`, and a diverted file has another name. The answers here have the real paths of the files.

mod parse;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bundle::human_bytes;
use bundle::package::{Package, SourcePackage};
use closure::sysroot::Sysroot;
use rayon::prelude::*;
use recipe::byte_text;
use recipe::image_path::ImagePath;

use crate::error::Error;
use crate::gather::bytecode;
use parse::{Names, Stanza};

/// The owner of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The package that owns it.
    pub package: Package,
    /// The MD5 of the file as the package shipped it, 32 hexadecimal digits; `None` if the package lists none for it.
    pub md5: Option<String>,
    /// When dpkg wrote the package's list, in seconds and nanoseconds. It unpacks the files before that, so a file whose
    /// ctime is not later has not changed since.
    pub listed_at: (i64, i64),
}

/// The owners of files, by the path in the sysroot; a file that no package owns is absent.
pub type Owners = BTreeMap<ImagePath, Ownership>;

/// The package that owns a file. Bytecode that Python made from a module belongs to the module's package.
pub(crate) fn owner<'a>(owners: &'a Owners, path: &ImagePath) -> Option<&'a Package> {
    let owned = owners.get(path).or_else(|| owners.get(&bytecode::module_of(path)?));
    owned.map(|owned| &owned.package)
}

/// dpkg's database.
const DIRECTORY: &str = "/var/lib/dpkg";

/// The owners of the files `wanted`; `None` when the sysroot has no dpkg database.
///
/// # Errors
/// A file of the database cannot be read, or is larger than 256 MiB.
pub fn owners(sysroot: &Path, wanted: &BTreeSet<ImagePath>) -> Result<Option<Owners>, Error> {
    let database = Database { sysroot: Sysroot::new(sysroot).map_err(|error| Error::read(sysroot, error))? };
    let Some(status) = database.optional("status")? else { return Ok(None) };
    let packages = parse::status(&status);
    let diverted = database.optional("diversions")?.unwrap_or_default();
    let names = Names { diversions: parse::diversions(&diverted), aliases: aliases(sysroot) };
    let wanted = Wanted::new(wanted, &names);
    let found: Vec<Owners> = packages
        .par_iter()
        .map(|stanza| database.owned_by(stanza, &names, &wanted))
        .collect::<Result<_, Error>>()?;
    Ok(Some(found.into_iter().flatten().collect()))
}

/// The real paths of all files of the installed packages whose name `is_wanted`, by that name. Empty without a database.
///
/// # Errors
/// As [`owners`].
pub fn files(
    sysroot: &Path,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Vec<ImagePath>>, Error> {
    let database = Database { sysroot: Sysroot::new(sysroot).map_err(|error| Error::read(sysroot, error))? };
    let Some(status) = database.optional("status")? else { return Ok(BTreeMap::new()) };
    let diverted = database.optional("diversions")?.unwrap_or_default();
    let names = Names { diversions: parse::diversions(&diverted), aliases: aliases(sysroot) };
    let mut found = BTreeMap::new();
    for stanza in parse::status(&status).into_iter().filter(|stanza| is_wanted(stanza.name)) {
        let Some((_, list)) = database.info(&stanza, "list")? else { continue };
        let paths = parse::list(&list)
            .filter_map(|listed| ImagePath::parse(&names.real_path(listed, stanza.name)).ok());
        // Two architectures of a package have one entry: a pack names packages without architecture.
        found.entry(stanza.name.to_owned()).or_insert_with(Vec::new).extend(paths);
    }
    Ok(found)
}

/// The text of each of these packages' control file, as its paragraph in `status` has it.
///
/// # Errors
/// As [`owners`].
pub(crate) fn controls(
    sysroot: &Path,
    packages: &BTreeSet<&Package>,
) -> Result<Vec<(Package, String)>, Error> {
    let database = Database { sysroot: Sysroot::new(sysroot).map_err(|error| Error::read(sysroot, error))? };
    let status = database.optional("status")?.unwrap_or_default();
    let stanzas = parse::status(&status).into_iter().map(|stanza| (package(&stanza), stanza));
    let wanted = stanzas.filter(|(package, _)| packages.contains(package));
    Ok(wanted.map(|(package, stanza)| (package, parse::control(&stanza))).collect())
}

/// The largest file that is read, in bytes. A stanza of `status` takes about a kilobyte, and Debian has some 60,000
/// packages.
const MAX_FILE: u64 = 256 << 20;

struct Database {
    /// Files are opened through it, so that no link in the tree leads to the database of the build host.
    sysroot: Sysroot,
}

impl Database {
    fn optional(&self, name: &str) -> Result<Option<String>, Error> {
        let path = Path::new(DIRECTORY).join(name);
        let mut bytes = Vec::new();
        match self.sysroot.open(&path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)) {
            Ok(length) if length as u64 > MAX_FILE => {
                Err(Error::Packages { path, what: format!("it is larger than {}", human_bytes(MAX_FILE)) })
            }
            Ok(_) => Ok(Some(byte_text::from_bytes(&bytes).into_owned())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(&path, error)),
        }
    }

    /// Name and text of a file of a package. dpkg adds the architecture to the names of a multi-arch package.
    fn info(&self, stanza: &Stanza<'_>, extension: &str) -> Result<Option<(String, String)>, Error> {
        for name in [
            format!("info/{}.{extension}", stanza.name),
            format!("info/{}:{}.{extension}", stanza.name, stanza.architecture),
        ] {
            if let Some(text) = self.optional(&name)? {
                return Ok(Some((name, text)));
            }
        }
        Ok(None)
    }

    fn owned_by(&self, stanza: &Stanza<'_>, names: &Names<'_>, wanted: &Wanted<'_>) -> Result<Owners, Error> {
        let Some((file, list)) = self.info(stanza, "list")? else { return Ok(Owners::new()) };
        let hits: Vec<(&str, ImagePath)> =
            parse::list(&list).filter_map(|listed| wanted.path(stanza, names, listed)).collect();
        if hits.is_empty() {
            return Ok(Owners::new());
        }
        let list_file = Path::new(DIRECTORY).join(&file);
        let opened = self.sysroot.open(&list_file).and_then(|file| file.metadata());
        let metadata = opened.map_err(|error| Error::read(&list_file, error))?;
        let sums = self.info(stanza, "md5sums")?.map(|(_, text)| text).unwrap_or_default();
        let sums = lines_of(&sums, &hits);
        let shipped = parse::digests(&sums, &stanza.conffiles);
        let package = package(stanza);
        let owned = hits.into_iter().map(|(listed, place)| {
            let md5 = shipped.get(listed).map(|md5| (*md5).to_owned());
            (
                place,
                Ownership {
                    package: package.clone(),
                    md5,
                    listed_at: (metadata.ctime(), metadata.ctime_nsec()),
                },
            )
        });
        Ok(owned.collect())
    }
}

fn package(stanza: &Stanza<'_>) -> Package {
    Package {
        name: stanza.name.to_owned(),
        version: stanza.version.to_owned(),
        architecture: stanza.architecture.to_owned(),
        source: stanza.source.map(SourcePackage::parse),
    }
}

/// The files whose owners are looked up.
struct Wanted<'a> {
    paths: &'a BTreeSet<ImagePath>,
    /// The last names of these files, and of diverted ones. Installed packages list some 100,000 files, and to make a path
    /// of each would take most of the time of a small build.
    file_names: HashSet<&'a str>,
}

impl<'a> Wanted<'a> {
    fn new(paths: &'a BTreeSet<ImagePath>, names: &Names<'a>) -> Wanted<'a> {
        let diverted = names.diversions.keys().copied();
        let file_names = paths.iter().map(ImagePath::as_str).chain(diverted).map(file_name).collect();
        Wanted { paths, file_names }
    }

    /// The real path of a listed file, if it is wanted.
    fn path<'l>(
        &self,
        stanza: &Stanza<'_>,
        names: &Names<'_>,
        listed: &'l str,
    ) -> Option<(&'l str, ImagePath)> {
        if !self.file_names.contains(file_name(listed)) {
            return None;
        }
        let path = ImagePath::parse(&names.real_path(listed, stanza.name)).ok()?;
        self.paths.contains(&path).then_some((listed, path))
    }
}

/// The lines of a `*.md5sums` about these files. Every package lists directories that the image has, and few have files of
/// it: to map all digests of all packages would take most of the time of a small build.
fn lines_of(md5sums: &str, hits: &[(&str, ImagePath)]) -> String {
    let listed: BTreeSet<&str> = hits.iter().map(|(listed, _)| listed.trim_start_matches('/')).collect();
    let is_hit = |line: &&str| line.split_once("  ").is_some_and(|(_, name)| listed.contains(name));
    md5sums.split_inclusive('\n').filter(|line| is_hit(&line.trim_end_matches('\n'))).collect()
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn aliases(sysroot: &Path) -> Vec<(String, String)> {
    let tops = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
    let linked = tops.into_iter().filter(|top| {
        fs::read_link(sysroot.join(top))
            .is_ok_and(|target| target.to_string_lossy().trim_matches('/') == format!("usr/{top}"))
    });
    linked.map(|top| (format!("/{top}/"), format!("/usr/{top}/"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\nConffiles:\n /etc/bash.bashrc 89269e1298235f1b12b4c16e4065ad0d\nDescription: x\n\n\
        Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
        Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\n";

    fn sysroot() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        let info = root.path().join("var/lib/dpkg/info");
        fs::create_dir_all(&info).expect("made");
        fs::write(root.path().join("var/lib/dpkg/status"), STATUS).expect("made");
        fs::write(info.join("bash.list"), "/.\n/bin\n/bin/bash\n/bin/sh\n/etc/bash.bashrc\n").expect("made");
        fs::write(info.join("bash.md5sums"), "aaaa  bin/bash\n").expect("made");
        fs::write(info.join("libc6:amd64.list"), "/lib/x86_64-linux-gnu/libc.so.6\n").expect("made");
        fs::write(root.path().join("var/lib/dpkg/diversions"), "/bin/sh\n/bin/sh.distrib\ndash\n")
            .expect("made");
        for top in ["bin", "lib"] {
            std::os::unix::fs::symlink(format!("usr/{top}"), root.path().join(top)).expect("made");
        }
        root
    }

    fn ask(paths: &[&str]) -> Vec<(String, String, Option<String>)> {
        let wanted = paths.iter().map(|path| ImagePath::parse(path).expect("normal")).collect();
        let owners = owners(sysroot().path(), &wanted).expect("readable").expect("a database");
        owners.into_iter().map(|(path, owner)| (path.to_string(), owner.package.name, owner.md5)).collect()
    }

    #[test]
    fn a_file_of_merged_usr_is_found_at_its_real_path() {
        let md5 = Some("aaaa".to_owned());
        assert_eq!(ask(&["/usr/bin/bash"]), [("/usr/bin/bash".to_owned(), "bash".to_owned(), md5)]);
        assert_eq!(ask(&["/usr/lib/x86_64-linux-gnu/libc.so.6"])[0].1, "libc6");
    }

    #[test]
    fn a_diverted_file_is_owned_under_its_new_name() {
        assert_eq!(ask(&["/usr/bin/sh"]), []);
        assert_eq!(ask(&["/usr/bin/sh.distrib"])[0].1, "bash");
    }

    #[test]
    fn a_configuration_file_has_the_digest_of_its_stanza() {
        assert_eq!(ask(&["/etc/bash.bashrc"])[0].2.as_deref(), Some("89269e1298235f1b12b4c16e4065ad0d"));
    }

    #[test]
    fn removed_packages_own_nothing() {
        let names: Vec<&str> = parse::status(STATUS).iter().map(|stanza| stanza.name).collect();
        assert_eq!(names, ["bash", "libc6"]);
    }

    #[test]
    fn a_system_without_dpkg_has_no_owners() {
        let empty = tempfile::tempdir().expect("a directory");
        assert!(owners(empty.path(), &BTreeSet::new()).expect("no error").is_none());
    }
}
