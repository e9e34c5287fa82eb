//! Collects entries into a plan and refuses conflicts between them. Reads no file.

use std::collections::BTreeMap;

use bundle::layout::MOUNTPOINTS;
use bundle::provenance::{Provenance, ProvenanceKind};
use recipe::image_path::ImagePath;

use crate::error::{Conflict, HiddenSource};
use crate::plan::entry::{Entry, EntryKind, FileSource, Plan};

/// Entries that are not a plan yet: parent directories are missing.
#[derive(Debug, Default)]
pub(crate) struct Planner {
    entries: BTreeMap<ImagePath, Entry>,
}

impl From<Plan> for Planner {
    /// To add more to a plan.
    fn from(plan: Plan) -> Planner {
        Planner { entries: plan.entries }
    }
}

impl Planner {
    /// Adds `entry` at `path`. An equal entry that is there already only gets the new provenance.
    pub(crate) fn add(&mut self, path: ImagePath, entry: Entry) -> Result<(), Conflict> {
        if let Some(&(mount, _)) = MOUNTPOINTS.iter().find(|(mount, _)| is_below(&path, mount)) {
            let from = source_of(&entry);
            return Err(Conflict::Hidden { path, mount, from });
        }
        let Some(present) = self.entries.get_mut(&path) else {
            self.entries.insert(path, entry);
            return Ok(());
        };
        if present.kind != entry.kind || present.mode != entry.mode {
            return Err(Conflict::Twice {
                path,
                first: present.kind.with_article(),
                first_provenance: Box::new(present.provenance[0].clone()),
                second: entry.kind.with_article(),
                second_provenance: Box::new(entry.provenance[0].clone()),
            });
        }
        for provenance in entry.provenance {
            if !present.provenance.iter().any(|other| other.reads_like(&provenance)) {
                present.provenance.push(provenance);
            }
        }
        Ok(())
    }

    /// Adds `entry` at `path` unless the planner has an entry of the same type there, whatever its content.
    pub(crate) fn add_default(&mut self, path: ImagePath, entry: Entry) -> Result<(), Conflict> {
        match self.entries.get(&path) {
            Some(present) if std::mem::discriminant(&present.kind) == std::mem::discriminant(&entry.kind) => {
                Ok(())
            }
            _ => self.add(path, entry),
        }
    }

    /// The mode of the file of the build host at `path`, if one is planned there.
    pub(crate) fn host_file_mode(&self, path: &ImagePath) -> Option<u32> {
        let entry = self.entries.get(path)?;
        matches!(entry.kind, EntryKind::File(FileSource::Host { .. })).then_some(entry.mode)
    }

    /// The entries so far, sorted by path.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&ImagePath, &Entry)> {
        self.entries.iter()
    }

    /// Whether there is an entry at `path`.
    pub(crate) fn has(&self, path: &ImagePath) -> bool {
        self.entries.contains_key(path)
    }

    /// Whether an entry lies below `directory`.
    pub(crate) fn has_below(&self, directory: &str) -> bool {
        self.entries.keys().any(|path| is_below(path, directory))
    }

    /// Adds the missing parent directories, and refuses an entry that lies below a file or a link.
    pub(crate) fn finish(mut self) -> Result<Plan, Conflict> {
        let mut parents: Vec<ImagePath> = vec![ImagePath::root()];
        for path in self.entries.keys() {
            for above in path.ancestors() {
                match self.entries.get(&above).map(|entry| &entry.kind) {
                    None => parents.push(above),
                    Some(EntryKind::Directory) => {}
                    Some(kind) => return Err(below(path, above, kind)),
                }
            }
        }
        for path in parents {
            self.entries
                .entry(path)
                .or_insert_with(|| Entry::directory(Provenance::plain(ProvenanceKind::Parent)));
        }
        Ok(Plan { entries: self.entries })
    }
}

fn below(path: &ImagePath, above: ImagePath, kind: &EntryKind) -> Conflict {
    let hint = match kind {
        EntryKind::Symlink(target) => {
            let tail = &path.as_str()[above.as_str().len()..];
            let start = if target.starts_with('/') { "" } else { above.parent_prefix() };
            format!("the link leads to `{target}`: use the path there, as in `{start}{target}{tail}`")
        }
        _ => "only a directory can contain other entries".to_owned(),
    };
    Conflict::Below { path: path.clone(), what: kind.with_article(), above, hint }
}

fn source_of(entry: &Entry) -> HiddenSource {
    match (&entry.kind, entry.provenance[0].kind) {
        (_, ProvenanceKind::Included) => HiddenSource::Included,
        (EntryKind::File(FileSource::Host { .. }), _) => HiddenSource::Program,
        _ => HiddenSource::Recipe,
    }
}

fn is_below(path: &ImagePath, directory: &str) -> bool {
    path.as_str().strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use recipe::RequestId;

    use super::*;

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).expect("a normal path")
    }

    fn recipe() -> Provenance {
        Provenance::plain(ProvenanceKind::Recipe)
    }

    fn planned(entries: &[(&str, Entry)]) -> Result<Plan, Conflict> {
        let mut planner = Planner::default();
        for (at, entry) in entries {
            planner.add(path(at), entry.clone())?;
        }
        planner.finish()
    }

    #[test]
    fn missing_parent_directories_are_added_once() {
        let plan = planned(&[
            ("/usr/bin/b", Entry::inline(vec![], 0o755, recipe())),
            ("/usr/bin/a", Entry::inline(vec![], 0o755, recipe())),
        ])
        .expect("no conflict");
        let paths: Vec<&str> = plan.entries().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/", "/usr", "/usr/bin", "/usr/bin/a", "/usr/bin/b"]);
    }

    #[test]
    fn an_equal_entry_added_again_keeps_both_reasons() {
        let link = |provenance| Entry::symlink("dash", provenance);
        let plan = planned(&[
            ("/bin/sh", link(recipe())),
            ("/bin/sh", link(Provenance::included("/bin/*", RequestId::Include(0)))),
        ])
        .expect("no conflict");
        assert_eq!(plan.get(&path("/bin/sh")).expect("planned").provenance.len(), 2);
    }

    #[test]
    fn two_sources_for_one_path_are_a_conflict() {
        let conflict = planned(&[
            ("/etc/x", Entry::inline(b"a".to_vec(), 0o644, recipe())),
            ("/etc/x", Entry::symlink("y", Provenance::included("/etc/*", RequestId::Include(0)))),
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
    fn an_entry_below_a_link_is_refused() {
        let conflict = planned(&[
            ("/bin", Entry::symlink("usr/bin", recipe())),
            ("/bin/sh", Entry::inline(vec![], 0o755, recipe())),
        ]);
        let message = conflict.expect_err("a conflict").to_string();
        assert!(message.contains("`/bin/sh` lies below `/bin`, which is a link"), "{message}");
        assert!(message.contains("as in `/usr/bin/sh`"), "{message}");
    }

    #[test]
    fn an_entry_that_a_mount_would_cover_is_refused() {
        let conflict = planned(&[("/tmp/x", Entry::inline(vec![], 0o644, recipe()))]);
        assert!(matches!(conflict, Err(Conflict::Hidden { mount: "/tmp", .. })), "{conflict:?}");
    }
}
