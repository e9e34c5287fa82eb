//! Which Debian package owns a file: dpkg's database, read directly (deb(5), dpkg-query(1), dpkg-divert(1)).
//!
//! Lists name files as the package shipped them: `/bin/bash` on a merged-usr system is `/usr/bin/bash`, and
//! a diverted file lies somewhere else. Both are undone here, so that answers are about real places.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bytecode;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::sysroot::Sysroot;

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Its name, without an architecture.
    pub name: String,
    /// Its full version: epoch, upstream, revision.
    pub version: String,
    /// `amd64`, `all`, …
    pub architecture: String,
}

impl Package {
    /// `name:architecture`, as dpkg tells two architectures of one package apart.
    pub fn id(&self) -> String {
        format!("{}:{}", self.name, self.architecture)
    }
}

/// What dpkg knows about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The package.
    pub package: Package,
    /// The content's MD5 as the package shipped it; absent where the package has no such list.
    pub md5: Option<String>,
    /// When dpkg wrote the package's file list, after the files themselves: seconds and nanoseconds.
    /// A file whose ctime is not later has not been touched since.
    pub settled: (i64, i64),
}

/// The owners of the files that were asked about.
pub type Owners = BTreeMap<ImagePath, Ownership>;

/// Who owns a file. What no package lists and Python made of a package's module counts as the module does.
pub fn owner<'a>(owners: &'a Owners, path: &ImagePath) -> Option<&'a Package> {
    let owned = owners.get(path).or_else(|| owners.get(&bytecode::module_of(path)?));
    owned.map(|owned| &owned.package)
}

/// Where dpkg keeps its database.
const DIRECTORY: &str = "/var/lib/dpkg";

/// Looks up `wanted` in the sysroot's database; `None` when it has none (not a Debian system).
pub fn owners(sysroot: &Path, wanted: &BTreeSet<ImagePath>) -> Result<Option<Owners>, Error> {
    let database = Database { sysroot: Sysroot::new(sysroot).map_err(|error| Error::read(sysroot, error))? };
    let Some(status) = database.optional("status")? else { return Ok(None) };
    let packages = installed(&status);
    let diverted = database.optional("diversions")?.unwrap_or_default();
    let names = Names { diversions: diversions(&diverted), aliases: aliases(sysroot) };
    let found: Vec<Owners> = packages
        .par_iter()
        .map(|stanza| database.owned_by(stanza, &names, wanted))
        .collect::<Result<_, Error>>()?;
    Ok(Some(found.into_iter().flatten().collect()))
}

/// The real places of all that the installed packages with a wanted name list, by that name. Empty without a database.
pub fn files(
    sysroot: &Path,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Vec<ImagePath>>, Error> {
    let database = Database { sysroot: Sysroot::new(sysroot).map_err(|error| Error::read(sysroot, error))? };
    let Some(status) = database.optional("status")? else { return Ok(BTreeMap::new()) };
    let diverted = database.optional("diversions")?.unwrap_or_default();
    let names = Names { diversions: diversions(&diverted), aliases: aliases(sysroot) };
    let mut found = BTreeMap::new();
    for stanza in installed(&status).into_iter().filter(|stanza| is_wanted(stanza.name)) {
        let Some((_, list)) = database.info(&stanza, "list")? else { continue };
        let places =
            list.lines().filter_map(|listed| ImagePath::parse(&names.place(listed, stanza.name)).ok());
        // Two architectures of one package are one to a pack.
        found.entry(stanza.name.to_owned()).or_insert_with(Vec::new).extend(places);
    }
    Ok(found)
}

/// One stanza of `status` that stands for an installed package.
#[derive(Debug, PartialEq, Eq)]
struct Stanza<'a> {
    name: &'a str,
    version: &'a str,
    architecture: &'a str,
    /// Configuration files and their MD5.
    conffiles: Vec<(&'a str, &'a str)>,
}

/// How a listed name becomes a real place.
struct Names<'a> {
    /// Original name to (package that diverts it, new name).
    diversions: HashMap<&'a str, (&'a str, &'a str)>,
    /// `/bin/` to `/usr/bin/` and the like.
    aliases: Vec<(String, String)>,
}

struct Database {
    /// Opened through this, no link in the tree can lead to another machine's database.
    sysroot: Sysroot,
}

impl Database {
    fn optional(&self, name: &str) -> Result<Option<String>, Error> {
        let path = Path::new(DIRECTORY).join(name);
        let mut bytes = Vec::new();
        match self.sysroot.open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(&path, error)),
        }
    }

    /// dpkg names the files of a multi-arch package with its architecture.
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

    fn owned_by(
        &self,
        stanza: &Stanza<'_>,
        names: &Names<'_>,
        wanted: &BTreeSet<ImagePath>,
    ) -> Result<Owners, Error> {
        let Some((file, list)) = self.info(stanza, "list")? else { return Ok(Owners::new()) };
        let hits: Vec<(&str, ImagePath)> =
            list.lines().filter_map(|listed| wanted_place(stanza, names, listed, wanted)).collect();
        if hits.is_empty() {
            return Ok(Owners::new());
        }
        let list_file = Path::new(DIRECTORY).join(&file);
        let opened = self.sysroot.open(&list_file).and_then(|file| file.metadata());
        let facts = opened.map_err(|error| Error::read(&list_file, error))?;
        let sums = self.info(stanza, "md5sums")?.map(|(_, text)| text).unwrap_or_default();
        let shipped = digests(&sums, &stanza.conffiles);
        let package = stanza.package();
        let owned = hits.into_iter().map(|(listed, place)| {
            let md5 = shipped.get(listed).map(|md5| (*md5).to_owned());
            (place, Ownership { package: package.clone(), md5, settled: (facts.ctime(), facts.ctime_nsec()) })
        });
        Ok(owned.collect())
    }
}

impl Stanza<'_> {
    fn package(&self) -> Package {
        Package {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            architecture: self.architecture.to_owned(),
        }
    }
}

fn wanted_place<'l>(
    stanza: &Stanza<'_>,
    names: &Names<'_>,
    listed: &'l str,
    wanted: &BTreeSet<ImagePath>,
) -> Option<(&'l str, ImagePath)> {
    let place = ImagePath::parse(&names.place(listed, stanza.name)).ok()?;
    wanted.contains(&place).then_some((listed, place))
}

impl Names<'_> {
    /// Where the file that `package` lists as `listed` really lies.
    fn place(&self, listed: &str, package: &str) -> String {
        let name = match self.diversions.get(listed) {
            Some((by, to)) if *by != package => to,
            _ => listed,
        };
        match self.aliases.iter().find(|(from, _)| name.starts_with(from.as_str())) {
            Some((from, to)) => format!("{to}{}", &name[from.len()..]),
            None => name.to_owned(),
        }
    }
}

/// The stanzas of installed packages.
fn installed(status: &str) -> Vec<Stanza<'_>> {
    status.split("\n\n").filter_map(stanza).collect()
}

fn stanza(text: &str) -> Option<Stanza<'_>> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // The third word of Status is the package's state; half-installed ones own files too.
    if matches!(field("Status:")?.split(' ').nth(2)?, "not-installed" | "config-files") {
        return None;
    }
    let conffiles = text.lines().skip_while(|line| !line.starts_with("Conffiles:")).skip(1);
    let conffiles = conffiles.take_while(|line| line.starts_with(' ')).filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?))
    });
    Some(Stanza {
        name: field("Package:")?,
        version: field("Version:")?,
        architecture: field("Architecture:")?,
        conffiles: conffiles.collect(),
    })
}

/// `diversions` holds three lines for each: the original name, the new one, the package (`:` for a person).
fn diversions(text: &str) -> HashMap<&str, (&str, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    lines.chunks_exact(3).map(|three| (three[0], (three[2], three[1]))).collect()
}

/// Listed name to MD5: `md5sums` has names without a leading slash, conffiles have one.
fn digests<'a>(sums: &'a str, conffiles: &[(&'a str, &'a str)]) -> HashMap<String, &'a str> {
    let listed =
        sums.lines().filter_map(|line| line.split_once("  ")).map(|(md5, name)| (format!("/{name}"), md5));
    listed.chain(conffiles.iter().map(|(name, md5)| ((*name).to_owned(), *md5))).collect()
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
    fn merged_usr_names_are_found_at_their_real_places() {
        let md5 = Some("aaaa".to_owned());
        assert_eq!(ask(&["/usr/bin/bash"]), [("/usr/bin/bash".to_owned(), "bash".to_owned(), md5)]);
        assert_eq!(ask(&["/usr/lib/x86_64-linux-gnu/libc.so.6"])[0].1, "libc6");
    }

    #[test]
    fn a_diverted_file_is_owned_where_it_was_moved_to() {
        assert_eq!(ask(&["/usr/bin/sh"]), []);
        assert_eq!(ask(&["/usr/bin/sh.distrib"])[0].1, "bash");
    }

    #[test]
    fn configuration_files_have_the_digest_that_status_gives() {
        assert_eq!(ask(&["/etc/bash.bashrc"])[0].2.as_deref(), Some("89269e1298235f1b12b4c16e4065ad0d"));
    }

    #[test]
    fn removed_packages_own_nothing() {
        let names: Vec<&str> = installed(STATUS).iter().map(|stanza| stanza.name).collect();
        assert_eq!(names, ["bash", "libc6"]);
    }

    #[test]
    fn a_system_without_dpkg_has_no_owners() {
        let empty = tempfile::tempdir().expect("a directory");
        assert!(owners(empty.path(), &BTreeSet::new()).expect("no error").is_none());
    }
}
