//! Data that programs read by convention: terminal descriptions, locales, character sets, time zones, certificates.
//!
//! Each function lists paths inside a sysroot, as they are to stand in the image; directories stand for all below.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use globset::Glob;

use crate::sysroot::Sysroot;

/// The terminals that people who open a shell have.
pub const TERMINALS: [&str; 5] = ["xterm*", "linux", "screen*", "tmux*", "vt100"];
/// The locale that makes programs read and write UTF-8 and depends on no language.
pub const LOCALES: [&str; 1] = ["C.UTF-8"];

/// Where terminfo(5) looks, in the order of ncurses on Debian.
const TERMINFO: [&str; 3] = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];
const LOCALE_DIR: &str = "/usr/lib/locale";
const ZONES: &str = "/usr/share/zoneinfo";
/// The bundles of certificates that libraries are built to look for: Debian and Alpine, Fedora, openSUSE.
const CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// What was asked for and is not there.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {what} `{name}`\n  searched: {}\n  hint: {hint}", searched.join(", "))]
pub struct Absent {
    /// What kind of data.
    pub what: &'static str,
    /// As asked for.
    pub name: String,
    /// Where it was looked for.
    pub searched: Vec<String>,
    /// The package that usually has it.
    pub hint: &'static str,
}

/// The descriptions of terminals whose names match one of `patterns`; the first directory that has a name wins.
pub fn terminfo(sysroot: &Sysroot, patterns: &[&str]) -> Result<Vec<PathBuf>, Absent> {
    let mut found = Vec::new();
    let mut names: BTreeSet<OsString> = BTreeSet::new();
    for pattern in patterns {
        let before = found.len();
        let known: usize = names.len();
        let Ok(glob) = Glob::new(pattern) else { continue };
        let matcher = glob.compile_matcher();
        for directory in TERMINFO {
            for letter in children(sysroot, Path::new(directory)) {
                let matching = children(sysroot, &letter).into_iter().filter(|entry| {
                    entry
                        .file_name()
                        .is_some_and(|name| matcher.is_match(name) && names.insert(name.to_owned()))
                });
                found.extend(matching);
            }
        }
        if found.len() == before && names.len() == known && !any_matches(&names, &matcher) {
            return Err(absent("terminal", pattern, &TERMINFO, "install ncurses-base or ncurses-term"));
        }
    }
    found.sort();
    Ok(found)
}

fn any_matches(names: &BTreeSet<OsString>, matcher: &globset::GlobMatcher) -> bool {
    names.iter().any(|name| matcher.is_match(name))
}

/// The directories of locales by name: `C.UTF-8` is `/usr/lib/locale/C.utf8`.
pub fn locales(sysroot: &Sysroot, names: &[&str]) -> Result<Vec<PathBuf>, Absent> {
    let directory = |name: &&str| {
        let path = Path::new(LOCALE_DIR).join(normalised_codeset(name));
        let hint = "run localedef(1): an archive of all locales is not taken apart";
        if sysroot.is_dir(&path) { Ok(path) } else { Err(absent("locale", name, &[LOCALE_DIR], hint)) }
    };
    names.iter().map(directory).collect()
}

/// glibc compares codesets in lower case without punctuation (locale/findlocale.c): `UTF-8` is `utf8`.
fn normalised_codeset(name: &str) -> String {
    let Some((language, rest)) = name.split_once('.') else { return name.to_owned() };
    let (codeset, modifier) = rest.split_once('@').map_or((rest, None), |(c, m)| (c, Some(m)));
    let plain: String =
        codeset.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let modifier = modifier.map_or(String::new(), |modifier| format!("@{modifier}"));
    format!("{language}.{plain}{modifier}")
}

/// The time zone database.
pub fn time_zones(sysroot: &Sysroot) -> Result<Vec<PathBuf>, Absent> {
    let path = PathBuf::from(ZONES);
    if sysroot.is_dir(&path) {
        Ok(vec![path])
    } else {
        Err(absent("time zones", "*", &[ZONES], "install tzdata"))
    }
}

/// The certificates of public authorities, as one file.
pub fn certificates(sysroot: &Sysroot) -> Result<Vec<PathBuf>, Absent> {
    let found = CERTIFICATES.iter().find(|path| sysroot.stat(Path::new(path)).is_ok());
    let missing = || absent("certificates", "*", &CERTIFICATES, "install ca-certificates");
    found.map(|path| vec![PathBuf::from(path)]).ok_or_else(missing)
}

/// The modules of iconv(3) for character sets, with the configuration that leads to them.
///
/// `directory` is glibc's, for example `/usr/lib/x86_64-linux-gnu/gconv`.
pub fn gconv(sysroot: &Sysroot, directory: &Path, charsets: &[&str]) -> Result<Vec<PathBuf>, Absent> {
    let mut files = vec![directory.join("gconv-modules")];
    files.extend(children(sysroot, &directory.join("gconv-modules.d")));
    files.retain(|file| sysroot.stat(file).is_ok());
    let texts: Vec<String> = files.iter().filter_map(|file| read(sysroot, file).ok()).collect();
    let mut modules: BTreeSet<PathBuf> = BTreeSet::new();
    for charset in charsets {
        let names = modules_for(&texts.join("\n"), charset);
        if names.is_empty() {
            let place = directory.display().to_string();
            return Err(absent("character set", charset, &[&place], "install libc-bin or libc6"));
        }
        modules.extend(names.iter().map(|name| directory.join(format!("{name}.so"))));
    }
    Ok(files.into_iter().chain(modules).collect())
}

/// The `module` lines of gconv-modules for a character set or one of its aliases.
fn modules_for(text: &str, charset: &str) -> BTreeSet<String> {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let wanted = format!("{}//", charset.to_uppercase());
    let alias = lines.iter().find_map(|words| match words.as_slice() {
        ["alias", from, to] if from.eq_ignore_ascii_case(&wanted) => Some((*to).to_owned()),
        _ => None,
    });
    let name = alias.unwrap_or(wanted);
    let module = |words: &Vec<&str>| match words.as_slice() {
        ["module", from, to, file, ..] if [from, to].iter().any(|end| end.eq_ignore_ascii_case(&name)) => {
            Some((*file).to_owned())
        }
        _ => None,
    };
    lines.iter().filter_map(module).collect()
}

fn children(sysroot: &Sysroot, directory: &Path) -> Vec<PathBuf> {
    // A directory that is not there has no children.
    let entries = sysroot.list(directory).unwrap_or_default();
    entries.into_iter().map(|entry| directory.join(entry.name)).collect()
}

fn read(sysroot: &Sysroot, file: &Path) -> io::Result<String> {
    let mut text = String::new();
    sysroot.open(file)?.read_to_string(&mut text)?;
    Ok(text)
}

fn absent(what: &'static str, name: &str, searched: &[&str], hint: &'static str) -> Absent {
    let searched = searched.iter().map(|place| (*place).to_owned()).collect();
    Absent { what, name: name.to_owned(), searched, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> (tempfile::TempDir, Sysroot) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let sysroot = Sysroot::new(dir.path()).unwrap();
        (dir, sysroot)
    }

    #[test]
    fn the_first_directory_that_has_a_terminal_wins() {
        let files = ["lib/terminfo/x/xterm", "usr/share/terminfo/x/xterm", "usr/share/terminfo/x/xterm-mono"];
        let (_dir, sysroot) = tree(&files);
        let expected = ["/lib/terminfo/x/xterm", "/usr/share/terminfo/x/xterm-mono"].map(PathBuf::from);
        assert_eq!(terminfo(&sysroot, &["xterm*", "xterm"]).unwrap(), expected);
        let error = terminfo(&sysroot, &["vt100"]).unwrap_err().to_string();
        let first = "no terminal `vt100`\n  searched: /etc/terminfo, /lib/terminfo, /usr/share/terminfo\n";
        assert!(error.starts_with(first), "{error}");
    }

    #[test]
    fn a_locale_is_found_by_the_name_that_people_use() {
        let (_dir, sysroot) =
            tree(&["usr/lib/locale/C.utf8/LC_CTYPE", "usr/lib/locale/de_DE.utf8@euro/LC_CTYPE"]);
        let expected = ["/usr/lib/locale/C.utf8", "/usr/lib/locale/de_DE.utf8@euro"].map(PathBuf::from);
        assert_eq!(locales(&sysroot, &["C.UTF-8", "de_DE.UTF-8@euro"]).unwrap(), expected);
        assert!(locales(&sysroot, &["fr_FR.UTF-8"]).is_err());
    }

    #[test]
    fn a_character_set_is_found_by_its_alias() {
        let text = "# gconv\nalias L1// ISO-8859-1//\nmodule ISO-8859-1// INTERNAL ISO8859-1 1\nmodule INTERNAL ISO-8859-1// ISO8859-1 1\nmodule KOI8-R// INTERNAL KOI8-R 1\n";
        assert_eq!(modules_for(text, "l1"), BTreeSet::from(["ISO8859-1".to_owned()]));
        assert_eq!(modules_for(text, "koi8-r"), BTreeSet::from(["KOI8-R".to_owned()]));
        assert!(modules_for(text, "none").is_empty());
    }
}
