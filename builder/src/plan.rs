//! The plan: every path of the image with what shall stand there, sorted; conflicts die here.
//!
//! Pure: it takes facts and returns data. All owners are root and all times are the same, so an entry only
//! says its type, its mode and why it is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cause::{Because, Cause};
use crate::digest::Digests;
use crate::image_path::ImagePath;
use crate::skeleton;

/// The image as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    entries: BTreeMap<ImagePath, Entry>,
}

/// One path of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What stands there.
    pub kind: Kind,
    /// Permission bits, and the sticky bit of a shared directory. Meaningless for a link: always 0777.
    pub mode: u32,
    /// Why; the first reason brought it in. Never empty.
    pub causes: Vec<Cause>,
}

/// What stands at a path of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Source),
    /// A symbolic link and its text.
    Symlink(String),
}

/// Where a file's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file of the build host.
    Host {
        /// Where it lies inside the sysroot: the same place as in the image.
        origin: ImagePath,
        /// Where it is read: the sysroot, and `origin` below it.
        path: PathBuf,
        /// Its length when the plan was made.
        size: u64,
        /// What of it is another in the image.
        patch: Option<Patch>,
    },
    /// A file that lies beside the recipe.
    Own {
        /// Where it is read.
        path: PathBuf,
        /// Its length when the plan was made.
        size: u64,
    },
    /// Bytes that the plan carries.
    Inline(Vec<u8>),
}

/// Bytes of a file that are others in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Where they are.
    pub offset: u64,
    /// What stands there in the image.
    pub bytes: &'static [u8],
    /// Of the file as it is on the build host.
    pub original: Digests,
}

/// Two wishes that cannot both be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// One path, two things.
    #[error("`{path}` cannot be both {first} and {second}{}", second_source_hint(first_cause, second_cause))]
    Twice {
        /// The path.
        path: ImagePath,
        /// What it was planned as.
        first: &'static str,
        /// Why.
        first_cause: Box<Cause>,
        /// What else it should be.
        second: &'static str,
        /// Why.
        second_cause: Box<Cause>,
    },
    /// A path below something that is no directory.
    #[error("`{path}` lies below `{above}`, which is {what}\n  hint: {hint}")]
    Below {
        /// The path.
        path: ImagePath,
        /// What is above it.
        above: ImagePath,
        /// What that is.
        what: &'static str,
        /// What to do.
        hint: String,
    },
    /// A path that the running sandbox covers with a mount of its own.
    #[error("`{path}` would never be seen: the sandbox mounts its own `{mount}`\n  hint: choose a path outside {}", skeleton::MOUNTPOINTS.map(|(path, _)| path).join(", "))]
    Hidden {
        /// The path.
        path: ImagePath,
        /// The mountpoint above it.
        mount: &'static str,
    },
}

fn second_source_hint(first: &Cause, second: &Cause) -> String {
    format!("\n  first: {first}\n  second: {second}\n  hint: two sources for one path: keep one of them")
}

impl Conflict {
    /// The paths that it is about.
    pub fn paths(&self) -> impl Iterator<Item = &ImagePath> {
        let (path, above) = match self {
            Conflict::Twice { path, .. } | Conflict::Hidden { path, .. } => (path, None),
            Conflict::Below { path, above, .. } => (path, Some(above)),
        };
        std::iter::once(path).chain(above)
    }
}

impl Kind {
    /// With its article, for messages.
    pub fn noun(&self) -> &'static str {
        match self {
            Kind::Directory => "a directory",
            Kind::File(Source::Host { .. }) => "a file of the build host",
            Kind::File(Source::Own { .. } | Source::Inline(_)) => "a file of the recipe",
            Kind::Symlink(_) => "a link",
        }
    }
}

impl Source {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Source::Host { size, .. } | Source::Own { size, .. } => *size,
            Source::Inline(bytes) => bytes.len() as u64,
        }
    }

    /// What of it is another in the image.
    pub fn patch(&self) -> Option<&Patch> {
        match self {
            Source::Host { patch, .. } => patch.as_ref(),
            Source::Own { .. } | Source::Inline(_) => None,
        }
    }

    /// Of the file on the build host, where `written` are of what stands in the image.
    pub fn original<'a>(&'a self, written: &'a Digests) -> &'a Digests {
        self.patch().map_or(written, |patch| &patch.original)
    }

    /// The file that is read for it; `None` when the plan carries the bytes.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Source::Host { path, .. } | Source::Own { path, .. } => Some(path),
            Source::Inline(_) => None,
        }
    }
}

impl Entry {
    /// A directory that everybody may enter.
    pub fn directory(cause: Cause) -> Entry {
        Entry { kind: Kind::Directory, mode: 0o755, causes: vec![cause] }
    }

    /// A symbolic link.
    pub fn symlink(target: &str, cause: Cause) -> Entry {
        Entry { kind: Kind::Symlink(target.to_owned()), mode: 0o777, causes: vec![cause] }
    }

    /// A file whose bytes the plan carries.
    pub fn inline(bytes: Vec<u8>, mode: u32, cause: Cause) -> Entry {
        Entry { kind: Kind::File(Source::Inline(bytes)), mode, causes: vec![cause] }
    }
}

/// The image's mode for a file of the build host: 0755 when anybody may run it, else 0644. Set-id bits stay
/// (a guard refuses them before, unless the recipe allows them), so that nothing is changed silently.
pub fn fixed_mode(host: u32) -> u32 {
    let runnable = if host & 0o111 != 0 { 0o755 } else { 0o644 };
    runnable | host & 0o6000
}

/// Collects entries and settles what they are together.
#[derive(Debug, Default)]
pub struct Planner {
    entries: BTreeMap<ImagePath, Entry>,
}

impl Planner {
    /// Wants `entry` at `path`. The same thing wanted again only adds its reason.
    pub fn want(&mut self, path: ImagePath, entry: Entry) -> Result<(), Conflict> {
        if let Some(&(mount, _)) = skeleton::MOUNTPOINTS.iter().find(|(mount, _)| is_below(&path, mount)) {
            return Err(Conflict::Hidden { path, mount });
        }
        let Some(known) = self.entries.get_mut(&path) else {
            self.entries.insert(path, entry);
            return Ok(());
        };
        if known.kind != entry.kind || known.mode != entry.mode {
            return Err(Conflict::Twice {
                path,
                first: known.kind.noun(),
                first_cause: Box::new(known.causes[0].clone()),
                second: entry.kind.noun(),
                second_cause: Box::new(entry.causes[0].clone()),
            });
        }
        for cause in entry.causes {
            if !known.causes.contains(&cause) {
                known.causes.push(cause);
            }
        }
        Ok(())
    }

    /// Wants `entry` at `path` unless something of the same type was wanted there before.
    pub fn fallback(&mut self, path: ImagePath, entry: Entry) -> Result<(), Conflict> {
        match self.entries.get(&path) {
            Some(known) if std::mem::discriminant(&known.kind) == std::mem::discriminant(&entry.kind) => {
                Ok(())
            }
            _ => self.want(path, entry),
        }
    }

    /// Whether anything lies below `directory`.
    pub fn has_below(&self, directory: &str) -> bool {
        self.entries.keys().any(|path| is_below(path, directory))
    }

    /// Adds the directories above all entries and refuses what lies below a file or a link.
    pub fn finish(mut self) -> Result<Plan, Conflict> {
        let mut parents: Vec<ImagePath> = vec![ImagePath::root()];
        for path in self.entries.keys() {
            for above in path.ancestors() {
                match self.entries.get(&above).map(|entry| &entry.kind) {
                    None => parents.push(above),
                    Some(Kind::Directory) => {}
                    Some(kind) => return Err(below(path, above, kind)),
                }
            }
        }
        for path in parents {
            self.entries.entry(path).or_insert_with(|| Entry::directory(Cause::plain(Because::Parent)));
        }
        Ok(Plan { entries: self.entries })
    }
}

fn below(path: &ImagePath, above: ImagePath, kind: &Kind) -> Conflict {
    let hint = match kind {
        Kind::Symlink(target) => {
            let tail = &path.as_str()[above.as_str().len()..];
            let start = if target.starts_with('/') { "" } else { above.parent_prefix() };
            format!("that link leads to `{target}`: name the path there, as in `{start}{target}{tail}`")
        }
        _ => "only a directory can have something in it".to_owned(),
    };
    Conflict::Below { path: path.clone(), what: kind.noun(), above, hint }
}

fn is_below(path: &ImagePath, directory: &str) -> bool {
    path.as_str().strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

impl Plan {
    /// All entries, sorted by the bytes of their paths: a directory comes before what lies in it.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&ImagePath, &Entry)> {
        self.entries.iter()
    }

    /// The regular files, in the same order.
    pub fn files(&self) -> impl Iterator<Item = (&ImagePath, &Entry, &Source)> {
        self.entries.iter().filter_map(|(path, entry)| match &entry.kind {
            Kind::File(source) => Some((path, entry, source)),
            _ => None,
        })
    }

    /// The entry at `path`.
    pub fn get(&self, path: &ImagePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Bytes in regular files.
    pub fn bytes(&self) -> u64 {
        self.files().map(|(_, _, source)| source.size()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).expect("a normal path")
    }

    fn recipe() -> Cause {
        Cause::plain(Because::Recipe)
    }

    fn planned(wishes: &[(&str, Entry)]) -> Result<Plan, Conflict> {
        let mut planner = Planner::default();
        for (at, entry) in wishes {
            planner.want(path(at), entry.clone())?;
        }
        planner.finish()
    }

    #[test]
    fn directories_above_are_added_once() {
        let plan = planned(&[
            ("/usr/bin/b", Entry::inline(vec![], 0o755, recipe())),
            ("/usr/bin/a", Entry::inline(vec![], 0o755, recipe())),
        ])
        .expect("no conflict");
        let paths: Vec<&str> = plan.entries().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/", "/usr", "/usr/bin", "/usr/bin/a", "/usr/bin/b"]);
    }

    #[test]
    fn the_same_wish_twice_keeps_both_reasons() {
        let link = |cause| Entry::symlink("dash", cause);
        let plan = planned(&[("/bin/sh", link(recipe())), ("/bin/sh", link(Cause::included("/bin/*")))])
            .expect("one wish");
        assert_eq!(plan.get(&path("/bin/sh")).expect("planned").causes.len(), 2);
    }

    #[test]
    fn two_sources_for_one_path_are_a_conflict() {
        let conflict = planned(&[
            ("/etc/x", Entry::inline(b"a".to_vec(), 0o644, recipe())),
            ("/etc/x", Entry::symlink("y", Cause::included("/etc/*"))),
        ]);
        let message = conflict.expect_err("a conflict").to_string();
        assert!(
            message.starts_with(
                "`/etc/x` cannot be both a file of the recipe and a link\n  first: given by the recipe"
            ),
            "{message}"
        );
    }

    #[test]
    fn nothing_lies_below_a_link() {
        let conflict = planned(&[
            ("/bin", Entry::symlink("usr/bin", recipe())),
            ("/bin/sh", Entry::inline(vec![], 0o755, recipe())),
        ]);
        let message = conflict.expect_err("a conflict").to_string();
        assert!(message.contains("`/bin/sh` lies below `/bin`, which is a link"), "{message}");
        assert!(message.contains("as in `/usr/bin/sh`"), "{message}");
    }

    #[test]
    fn what_a_mount_would_cover_is_refused() {
        let conflict = planned(&[("/tmp/x", Entry::inline(vec![], 0o644, recipe()))]);
        assert!(matches!(conflict, Err(Conflict::Hidden { mount: "/tmp", .. })), "{conflict:?}");
    }

    #[test]
    fn modes_are_fixed_to_two() {
        assert_eq!(
            [0o700, 0o111, 0o666, 0o400, 0o4755].map(fixed_mode),
            [0o755, 0o755, 0o644, 0o644, 0o4755]
        );
    }
}
