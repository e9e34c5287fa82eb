//! The files of every image: accounts, name service, mount points. They hold nothing from the build host's own files.

use std::fmt::Write as _;

use bundle::layout::{DEFAULT_UIDS, HOME, JUDGE_ID, MOUNTPOINTS, NSSWITCH};
use bundle::provenance::{Provenance, ProvenanceKind};
use closure::nss;
use recipe::image_path::ImagePath;

use crate::error::Conflict;
use crate::gather::probe::{FileKind, Probe};
use crate::plan::entry::Entry;
use crate::plan::planner::Planner;

/// Accounts besides `judge` (`judge1`…), for runs whose caller chooses the uid.
const MORE_JUDGES: u32 = 99;
/// Directories that programs expect to exist, even if empty.
const DIRECTORIES: [&str; 2] = ["/etc", "/home"];

/// The build host's top directories that a merged-usr system has as links into /usr.
const TOP_LINKS: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Adds the base files. A file that the recipe brings at the same path stays.
pub(crate) fn add(planner: &mut Planner, probe: &Probe) -> Result<(), Conflict> {
    add_top_links(planner, probe)?;
    let provenance = || Provenance::plain(ProvenanceKind::Sandbox);
    for (path, mode) in MOUNTPOINTS {
        planner.add(fixed(path), Entry { mode, ..Entry::directory(provenance()) })?;
    }
    for path in DIRECTORIES {
        planner.add_default(fixed(path), Entry::directory(provenance()))?;
    }
    for (path, content) in files() {
        planner.add_default(fixed(path), Entry::inline(content.into_bytes(), 0o644, provenance()))?;
    }
    Ok(())
}

/// `/bin -> usr/bin` and the like, where the build host has the link and the image has an entry below its target:
/// scripts name `/bin/sh` on every system.
fn add_top_links(planner: &mut Planner, probe: &Probe) -> Result<(), Conflict> {
    for name in TOP_LINKS {
        let path = fixed(&format!("/{name}"));
        let Ok(FileKind::Symlink(target)) = probe.facts(&path).map(|facts| facts.kind) else { continue };
        let directory = format!("/{}", target.trim_matches('/'));
        if planner.has_below(&directory) {
            planner
                .add_default(path, Entry::symlink(&target, Provenance::plain(ProvenanceKind::MergedUsr)))?;
        }
    }
    Ok(())
}

fn files() -> [(&'static str, String); 5] {
    [
        ("/etc/passwd", passwd()),
        ("/etc/group", group()),
        (nss::CONF, NSSWITCH.to_owned()),
        ("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 capsule\n".to_owned()),
        ("/etc/resolv.conf", "# No name server: the sandbox has no network.\n".to_owned()),
    ]
}

fn passwd() -> String {
    let mut text = "root:x:0:0:root:/:/bin/sh\n".to_owned();
    for (name, id) in judges() {
        let _infallible = writeln!(text, "{name}:x:{id}:{id}:submission:{HOME}:/bin/sh");
    }
    // Each run of root's has another of these, and all have the same name (getpwuid(3)).
    for uid in DEFAULT_UIDS {
        let _infallible = writeln!(text, "judge:x:{uid}:{JUDGE_ID}::{HOME}:/bin/sh");
    }
    text
}

fn group() -> String {
    let mut text = "root:x:0:\n".to_owned();
    for (name, id) in judges() {
        let _infallible = writeln!(text, "{name}:x:{id}:");
    }
    text
}

fn judges() -> impl Iterator<Item = (String, u32)> {
    let further = (1..=MORE_JUDGES).map(|n| (format!("judge{n}"), JUDGE_ID + n));
    std::iter::once(("judge".to_owned(), JUDGE_ID)).chain(further)
}

/// Only for the literal paths of this file, which are normal.
fn fixed(path: &str) -> ImagePath {
    ImagePath::parse(path).expect("a normal path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_root_a_hundred_judges_and_the_users_of_runs() {
        let passwd = passwd();
        let lines: Vec<&str> = passwd.lines().collect();
        assert_eq!(lines.len(), 101 + 478);
        assert_eq!(lines[578], "judge:x:61183:60000::/home/judge:/bin/sh");
        assert_eq!(lines[1], "judge:x:60000:60000:submission:/home/judge:/bin/sh");
        assert_eq!(lines[100], "judge99:x:60099:60099:submission:/home/judge:/bin/sh");
        assert_eq!(group().lines().nth(100), Some("judge99:x:60099:"));
    }

    #[test]
    fn a_recipe_may_bring_its_own_hosts_file() {
        let mut planner = Planner::default();
        let own = Entry::inline(b"own".to_vec(), 0o644, Provenance::plain(ProvenanceKind::Recipe));
        planner.add(fixed("/etc/hosts"), own.clone()).expect("first");
        add(&mut planner, &Probe::new(std::path::Path::new("/nonexistent"))).expect("no conflict");
        let plan = planner.finish().expect("no conflict");
        assert_eq!(plan.get(&fixed("/etc/hosts")), Some(&own));
        assert_eq!(plan.get(&fixed("/tmp")).map(|entry| entry.mode), Some(0o1777));
    }
}
