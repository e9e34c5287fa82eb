//! The modules of iconv(3) for character sets, with the tables that lead to them.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Search, absent, children, last_name};
use crate::closure::Closure;
use crate::name_pattern::NamePattern;
use crate::sysroot::Sysroot;

/// What glibc converts without a module (iconv/gconv_builtin.h), by the names that people write.
const BUILT_IN: [&str; 12] = [
    "UTF-8",
    "UTF8",
    "ASCII",
    "US-ASCII",
    "ANSI_X3.4-1968",
    "UCS-2",
    "UCS2",
    "UCS-4",
    "UCS4",
    "UCS-4LE",
    "WCHAR_T",
    "INTERNAL",
];

/// Where the image's C libraries look: beside themselves, and below /usr where /lib is apart from it.
pub fn directories(closure: &Closure) -> Vec<PathBuf> {
    let libraries = closure.members.iter().filter(|member| last_name(&member.path) == "libc.so.6");
    let homes: BTreeSet<&Path> = libraries.filter_map(|member| member.path.parent()).collect();
    let beside = homes.iter().map(|home| home.join("gconv"));
    let below_usr =
        homes.iter().filter(|home| !home.starts_with("/usr")).filter_map(|home| home.strip_prefix("/").ok());
    beside.chain(below_usr.map(|home| Path::new("/usr").join(home).join("gconv"))).collect()
}

/// The tables and modules of every character set whose name or alias matches.
pub fn find(sysroot: &Sysroot, directories: &[PathBuf], pattern: &NamePattern) -> Search {
    if BUILT_IN.iter().any(|name| name.eq_ignore_ascii_case(pattern.as_str())) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for directory in directories {
        let tables = tables(sysroot, directory);
        let texts: Vec<String> = tables.iter().filter_map(|file| read(sysroot, file).ok()).collect();
        let names = modules(&texts.join("\n"), pattern);
        if !names.is_empty() {
            found.extend(tables);
        }
        let module = |name: &String| {
            directory.join(if name.ends_with(".so") { name.clone() } else { format!("{name}.so") })
        };
        // The tables name modules that a distribution may have left out.
        found.extend(names.iter().map(module).filter(|module| sysroot.stat(module).is_ok()));
    }
    if found.is_empty() {
        let searched: Vec<String> =
            directories.iter().map(|directory| directory.display().to_string()).collect();
        let hint = match searched.is_empty() {
            true => "no program of the image has glibc, which alone reads these modules; leave it out",
            false => "`iconv -l` lists the names; `apt-get install libc6` and `libc-bin` have the modules",
        };
        return Err(absent(
            "character set",
            pattern.as_str(),
            &searched.iter().map(String::as_str).collect::<Vec<_>>(),
            hint,
        ));
    }
    Ok(found)
}

/// `gconv-modules`, and what lies in `gconv-modules.d`. The cache that glibc would prefer to them names all modules.
fn tables(sysroot: &Sysroot, directory: &Path) -> Vec<PathBuf> {
    let more = children(sysroot, &directory.join("gconv-modules.d"));
    let files = std::iter::once(directory.join("gconv-modules")).chain(more);
    files.filter(|file| sysroot.stat(file).is_ok()).collect()
}

/// The modules of the character sets that match by their own name or an alias, as `gconv-modules` lists them:
/// `alias LATIN1// ISO-8859-1//` and `module ISO-8859-1// INTERNAL ISO8859-1 1`.
fn modules(text: &str, pattern: &NamePattern) -> BTreeSet<String> {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let matches = |name: &str| pattern.matches(name.trim_end_matches('/'));
    let aliased: BTreeSet<&str> = lines
        .iter()
        .filter_map(|words| match words.as_slice() {
            ["alias", from, to, ..] if matches(from) => Some(*to),
            _ => None,
        })
        .collect();
    let wanted = |name: &str| name != "INTERNAL" && (matches(name) || aliased.contains(name));
    lines
        .iter()
        .filter_map(|words| match words.as_slice() {
            ["module", from, to, file, ..] if wanted(from) || wanted(to) => Some((*file).to_owned()),
            _ => None,
        })
        .collect()
}

fn read(sysroot: &Sysroot, file: &Path) -> io::Result<String> {
    let mut text = String::new();
    sysroot.open(file)?.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name_pattern::Case;

    #[test]
    fn a_character_set_is_found_by_name_alias_and_pattern() {
        let text = "# gconv\nalias L1// ISO-8859-1//\nmodule ISO-8859-1// INTERNAL ISO8859-1 1\nmodule INTERNAL ISO-8859-1// ISO8859-1 1\nmodule KOI8-R// INTERNAL KOI8-R 1\n";
        let found = |name| {
            modules(text, &NamePattern::new(name, Case::Ignored).expect("a name"))
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(found("l1"), ["ISO8859-1"]);
        assert_eq!(found("koi8-r"), ["KOI8-R"]);
        assert_eq!(found("*"), ["ISO8859-1", "KOI8-R"]);
        assert!(found("none").is_empty() && found("INTERNAL").is_empty());
    }
}
