//! /etc/ld.so.conf as ldconfig(8) reads it: the directories whose libraries it puts into the cache.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use crate::sysroot::Sysroot;

/// How deep files may include files. ldconfig does not have a limit, so a file that includes itself would never end.
const MAX_DEPTH: usize = 10;

/// The directories in the order of the files.
pub(super) fn directories(sysroot: &Sysroot) -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    read_file(sysroot, Path::new("/etc/ld.so.conf"), 0, &mut dirs);
    dirs
}

/// One line that is neither empty nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub enum ConfLine {
    /// A directory whose libraries go into the cache.
    Directory(PathBuf),
    /// `include PATTERN`
    Include(PathBuf),
}

/// Splits a file into these lines (glibc elf/ldconfig.c, `parse_conf`).
pub fn parse(text: &[u8]) -> Vec<ConfLine> {
    text.split(|&b| b == b'\n').flat_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Vec<ConfLine> {
    let line = line.split(|&b| b == b'#').next().unwrap_or_default().trim_ascii();
    if let Some(patterns) = line.strip_prefix(b"include").filter(|rest| rest.first().is_some_and(is_blank)) {
        let words = patterns.split(is_blank).filter(|word| !word.is_empty());
        return words.map(|word| ConfLine::Include(path(word))).collect();
    }
    // glibc ignores `hwcap 0 nosegneg` lines since 2.33.
    if line.is_empty() || line.starts_with(b"hwcap ") {
        return Vec::new();
    }
    // `DIR=TYPE` is from the time of libc5 (ldconfig.c, `add_dir_1`).
    let dir = line.split(|&b| b == b'=').next().unwrap_or_default().trim_ascii();
    let mut dir = dir.to_vec();
    while dir.len() > 1 && dir.ends_with(b"/") {
        dir.pop();
    }
    vec![ConfLine::Directory(path(&dir))]
}

fn read_file(sysroot: &Sysroot, file: &Path, depth: usize, dirs: &mut Vec<PathBuf>) {
    let mut text = Vec::new();
    let readable = sysroot.open(file).and_then(|mut f| f.read_to_end(&mut text)).is_ok();
    if !readable || depth > MAX_DEPTH {
        return;
    }
    for line in parse(&text) {
        match line {
            ConfLine::Directory(dir) if dir.is_absolute() && !dirs.contains(&dir) => dirs.push(dir),
            ConfLine::Directory(_) => {}
            ConfLine::Include(pattern) => {
                let base = file.parent().unwrap_or(Path::new("/"));
                for included in matches(sysroot, &base.join(pattern)) {
                    read_file(sysroot, &included, depth + 1, dirs);
                }
            }
        }
    }
}

/// The files that a pattern of the last component matches, sorted; a pattern in a directory part matches nothing.
fn matches(sysroot: &Sysroot, pattern: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (pattern.parent(), pattern.file_name()) else { return Vec::new() };
    let Some(glob) = name.to_str().and_then(|n| GlobBuilder::new(n).literal_separator(true).build().ok())
    else {
        return Vec::new();
    };
    let matcher = glob.compile_matcher();
    let entries = sysroot.list(dir).unwrap_or_default().into_iter();
    entries.filter(|entry| matcher.is_match(&entry.name)).map(|entry| dir.join(entry.name)).collect()
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn path(bytes: &[u8]) -> PathBuf {
    OsString::from_vec(bytes.to_vec()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blanks_and_trailing_slashes_do_not_count() {
        let lines =
            parse(b"# all\n\n  /opt/lib/ # mine\n\t/usr/local/lib\ninclude a.conf\tb/*.conf\n/x=libc5\n");
        let expected = [
            ConfLine::Directory("/opt/lib".into()),
            ConfLine::Directory("/usr/local/lib".into()),
            ConfLine::Include("a.conf".into()),
            ConfLine::Include("b/*.conf".into()),
            ConfLine::Directory("/x".into()),
        ];
        assert_eq!(lines, expected);
    }
}
