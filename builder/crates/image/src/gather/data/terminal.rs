//! Descriptions of terminals (terminfo(5)), by the name in $TERM.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use closure::sysroot::Sysroot;
use recipe::name_pattern::NamePattern;

use super::{Search, absent, children, last_name};

/// The terminals in which users open a shell.
pub(crate) const DEFAULT: [&str; 5] = ["xterm*", "linux", "screen*", "tmux*", "vt100"];

/// The directories that ncurses searches, in this order: on Debian all three, elsewhere the last.
const DIRECTORIES: [&str; 3] = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];

/// Whether the library of this name reads descriptions.
pub(crate) fn is_reader(name: &str) -> bool {
    ["libtinfo", "libncurses"].iter().any(|library| name.starts_with(library)) && name.contains(".so")
}

/// The descriptions whose names match; the first directory that has a name wins.
pub(crate) fn find(sysroot: &Sysroot, pattern: &NamePattern) -> Search {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for directory in DIRECTORIES {
        // It has one directory for each first letter.
        let letters = children(sysroot, Path::new(directory));
        for path in letters.iter().flat_map(|letter| children(sysroot, letter)) {
            if pattern.matches(last_name(&path)) {
                found.entry(last_name(&path).to_owned()).or_insert(path);
            }
        }
    }
    if found.is_empty() {
        let hint = "`apt-get install ncurses-base` has the usual ones, `ncurses-term` all others";
        return Err(absent("terminal", pattern.as_str(), &DIRECTORIES, hint));
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::tree;
    use super::*;

    #[test]
    fn the_first_directory_that_has_a_terminal_wins() {
        let files = ["lib/terminfo/x/xterm", "usr/share/terminfo/x/xterm", "usr/share/terminfo/x/xterm-mono"];
        let (_dir, sysroot) = tree(&files);
        let expected = ["/lib/terminfo/x/xterm", "/usr/share/terminfo/x/xterm-mono"].map(PathBuf::from);
        assert_eq!(find(&sysroot, &NamePattern::known("xterm*")).expect("there"), expected);
        let error = find(&sysroot, &NamePattern::known("vt100")).expect_err("not there").to_string();
        let first = "no terminal `vt100` on the build host\n  searched: /etc/terminfo, /lib/terminfo, /usr/share/terminfo\n";
        assert!(error.starts_with(first), "{error}");
    }

    #[test]
    fn only_shared_libraries_of_ncurses_are_readers() {
        assert!(is_reader("libtinfo.so.6.4") && is_reader("libncursesw.so.6"));
        assert!(!is_reader("libtinfo.a") && !is_reader("libc.so.6"));
    }
}
