//! Included files and directories that not every user of the build host may read.
//!
//! Root owns everything in an image, and a submission is another user: a file that only its owner and group may read on
//! the build host stays as closed in the image, unless the recipe opens it.

use bundle::layout::MOUNTPOINTS;
use bundle::provenance::ProvenanceKind;
use recipe::image_path::ImagePath;
use recipe::{Allowance, Guard, Spanned};

use crate::error::allow_lines;
use crate::gather::probe::{Facts, FileKind};
use crate::plan::entry::{Entry, EntryKind, Plan, fixed_mode};
use crate::plan::guards::is_allowed;

/// The most entries that the warning names.
const SHOWN: usize = 10;

/// The mode in the image for an included file or directory: as on the build host if not every user may read it there.
pub(crate) fn included_mode(path: &ImagePath, facts: &Facts, allowed: &[Spanned<Allowance>]) -> u32 {
    let usual = match facts.kind {
        FileKind::Directory => 0o755,
        _ => fixed_mode(facts.mode),
    };
    // The sandbox mounts over these, and needs them as they are.
    let is_mount_point = MOUNTPOINTS.iter().any(|(mount, _)| *mount == path.as_str());
    if is_readable(&facts.kind, facts.mode) || is_mount_point || is_allowed(Guard::Private, path, allowed) {
        return usual;
    }
    facts.mode & 0o777 | usual & 0o6000
}

/// Whether a user who is neither owner nor group may read a file, or list and enter a directory.
fn is_readable(kind: &FileKind, mode: u32) -> bool {
    let needed = if *kind == FileKind::Directory { 0o005 } else { 0o004 };
    mode & needed == needed
}

/// A warning that names what a submission cannot read, with the line that opens it.
pub(crate) fn warning(plan: &Plan) -> Option<String> {
    let closed: Vec<(&ImagePath, u32)> = plan
        .entries()
        .filter(|(_, entry)| is_closed(entry))
        .map(|(path, entry)| (path, entry.mode))
        .collect();
    let paths: Vec<&ImagePath> = closed.iter().map(|(path, _)| *path).collect();
    let mut text = match closed.as_slice() {
        [] => return None,
        [(path, mode)] => format!("a submission cannot read `{path}`, which has mode {mode:04o}"),
        many => format!("a submission cannot read {} entries of the image", many.len()),
    };
    if let [_, _, ..] = closed.as_slice() {
        let lines = closed.iter().take(SHOWN).map(|(path, mode)| format!("\n  `{path}` has mode {mode:04o}"));
        text.extend(lines);
    }
    if let more @ 1.. = closed.len().saturating_sub(SHOWN) {
        text.push_str(&format!("\n  and {more} more"));
    }
    let them = if paths.len() == 1 { "it" } else { "them" };
    Some(format!("{text}\n  hint: to open {them}, {}", allow_lines(Guard::Private, &paths)))
}

/// An entry of the build host that a submission cannot read. The modes of the recipe's own files are wanted.
fn is_closed(entry: &Entry) -> bool {
    let kind = match entry.kind {
        EntryKind::Directory => FileKind::Directory,
        EntryKind::File(_) => FileKind::File,
        EntryKind::Symlink(_) => return false,
    };
    let is_own = |kind| matches!(kind, ProvenanceKind::Recipe | ProvenanceKind::Sandbox);
    !is_readable(&kind, entry.mode) && !is_own(entry.provenance[0].kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipe::Span;
    use recipe::pattern::Pattern;

    fn mode(path: &str, kind: FileKind, mode: u32) -> u32 {
        let pattern = Pattern::new("/open/**").expect("a pattern");
        let allowed =
            [Spanned { value: Allowance { guard: Guard::Private, pattern }, span: Span::CommandLine }];
        let facts = Facts { kind, mode, size: 0, changed: 0, modified: 0, inode: None };
        included_mode(&ImagePath::parse(path).expect("normal"), &facts, &allowed)
    }

    #[test]
    fn a_closed_file_keeps_its_mode_and_an_open_one_gets_the_usual_one() {
        let modes = [0o000, 0o600, 0o640, 0o750, 0o4711, 0o664, 0o555, 0o1777];
        let expected = [0o000, 0o600, 0o640, 0o750, 0o4711, 0o644, 0o755, 0o755];
        assert_eq!(modes.map(|host| mode("/x", FileKind::File, host)), expected);
        assert_eq!([0o600, 0o700].map(|host| mode("/open/x", FileKind::File, host)), [0o644, 0o755]);
    }

    #[test]
    fn a_closed_directory_keeps_its_mode_unless_the_sandbox_mounts_over_it() {
        assert_eq!(
            [0o700, 0o711, 0o775].map(|host| mode("/x", FileKind::Directory, host)),
            [0o700, 0o711, 0o755]
        );
        assert_eq!(mode("/home/judge", FileKind::Directory, 0o700), 0o755);
    }
}
