//! The modules of iconv(3) for character sets, and the tables by which glibc finds them.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use closure::Closure;
use closure::sysroot::Sysroot;
use recipe::name_pattern::NamePattern;

use super::{Search, absent, children, last_name};

/// Character sets that glibc converts without a module (iconv/gconv_builtin.h), by their usual names.
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

/// The directories in which the image's C libraries search: `gconv` next to each, and the one below /usr where /lib is
/// not a link into it.
pub(crate) fn directories(closure: &Closure) -> Vec<PathBuf> {
    let libraries = closure.members.iter().filter(|member| last_name(&member.path) == "libc.so.6");
    let homes: BTreeSet<&Path> = libraries.filter_map(|member| member.path.parent()).collect();
    let adjacent = homes.iter().map(|home| home.join("gconv"));
    let below_usr =
        homes.iter().filter(|home| !home.starts_with("/usr")).filter_map(|home| home.strip_prefix("/").ok());
    adjacent.chain(below_usr.map(|home| Path::new("/usr").join(home).join("gconv"))).collect()
}

/// The tables and modules of every character set whose name or alias matches.
pub(crate) fn find(sysroot: &Sysroot, directories: &[PathBuf], pattern: &NamePattern) -> Search {
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
        // A distribution can leave out modules that its tables name.
        found.extend(names.iter().map(module).filter(|module| sysroot.stat(module).is_ok()));
    }
    if found.is_empty() {
        let searched: Vec<String> =
            directories.iter().map(|directory| directory.display().to_string()).collect();
        let hint = match searched.is_empty() {
            true => {
                "only glibc reads these modules, and no program of the image uses glibc: leave the name out"
            }
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

/// `gconv-modules`, and the files in `gconv-modules.d`. The cache is left out, which glibc prefers to them: it names the
/// modules of the build host.
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
    let selected = |name: &str| name != "INTERNAL" && (matches(name) || aliased.contains(name));
    lines
        .iter()
        .filter_map(|words| match words.as_slice() {
            ["module", from, to, file, ..] if selected(from) || selected(to) => Some((*file).to_owned()),
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
    use recipe::name_pattern::Case;

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
