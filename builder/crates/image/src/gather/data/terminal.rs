//! terminfo(5): descriptions of terminals, by the name in $TERM.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Search, absent, children, last_name};
use crate::name_pattern::NamePattern;
use crate::sysroot::Sysroot;

/// The terminals that people who open a shell have.
pub const DEFAULT: [&str; 5] = ["xterm*", "linux", "screen*", "tmux*", "vt100"];

/// Where ncurses looks, in this order (Debian: all three; elsewhere the last one).
const DIRECTORIES: [&str; 3] = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];

/// The libraries that read descriptions.
pub fn is_reader(name: &str) -> bool {
    ["libtinfo", "libncurses"].iter().any(|library| name.starts_with(library)) && name.contains(".so")
}

/// The descriptions whose names match; the first directory that has a name wins.
pub fn find(sysroot: &Sysroot, pattern: &NamePattern) -> Search {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for directory in DIRECTORIES {
        // One directory for each first letter.
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
    fn readers_are_the_libraries_and_nothing_else() {
        assert!(is_reader("libtinfo.so.6.4") && is_reader("libncursesw.so.6"));
        assert!(!is_reader("libtinfo.a") && !is_reader("libc.so.6"));
    }
}
