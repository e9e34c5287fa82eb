//! What every image has: accounts, name service, mountpoints. Written by us, with no line of the build host's.

use std::fmt::Write as _;

use crate::cause::{Because, Cause};
use crate::image_path::ImagePath;
use crate::nss;
use crate::plan::{Conflict, Entry, Planner};
use crate::probe::{FileKind, Probe};

/// The user and group that a submission runs as, unless `--uid` says otherwise.
const JUDGE_ID: u32 = 60_000;
/// Further accounts (`judge1`…), one for each run at the same time.
const MORE_JUDGES: u32 = 99;
const HOME: &str = "/home/judge";

/// Directories that the running sandbox mounts over, and their modes: they must stand in the image,
/// because its root is read-only by then, and nothing can lie in them.
pub const MOUNTPOINTS: [(&str, u32); 4] =
    [("/proc", 0o755), ("/dev", 0o755), ("/tmp", 0o1777), (HOME, 0o755)];

/// The name services of an image that brings no nsswitch.conf(5) of its own: the files above, and no module.
pub const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files\n";

/// Directories that programs expect to exist, empty or not.
const DIRECTORIES: [&str; 2] = ["/etc", "/home"];

/// The build host's top directories that a merged-usr system has as links into /usr.
const TOP_LINKS: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Adds the skeleton below what was asked for: a file that the recipe brings itself stays.
pub fn add(planner: &mut Planner, probe: &Probe) -> Result<(), Conflict> {
    add_top_links(planner, probe)?;
    let cause = || Cause::plain(Because::Sandbox);
    for (path, mode) in MOUNTPOINTS {
        planner.want(fixed(path), Entry { mode, ..Entry::directory(cause()) })?;
    }
    for path in DIRECTORIES {
        planner.fallback(fixed(path), Entry::directory(cause()))?;
    }
    for (path, content) in files() {
        planner.fallback(fixed(path), Entry::inline(content.into_bytes(), 0o644, cause()))?;
    }
    Ok(())
}

/// `/bin -> usr/bin` and the like, where the build host has them and the image has something in there:
/// scripts and people say `/bin/sh` on every system.
fn add_top_links(planner: &mut Planner, probe: &Probe) -> Result<(), Conflict> {
    for name in TOP_LINKS {
        let path = fixed(&format!("/{name}"));
        let Ok(FileKind::Symlink(target)) = probe.facts(&path).map(|facts| facts.kind) else { continue };
        let directory = format!("/{}", target.trim_matches('/'));
        if planner.has_below(&directory) {
            planner.fallback(path, Entry::symlink(&target, Cause::plain(Because::MergedUsr)))?;
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

/// The paths above are written in this file and are known to be normal.
fn fixed(path: &str) -> ImagePath {
    ImagePath::parse(path).expect("a normal path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_root_and_a_hundred_judges() {
        let passwd = passwd();
        let lines: Vec<&str> = passwd.lines().collect();
        assert_eq!(lines.len(), 101);
        assert_eq!(lines[1], "judge:x:60000:60000:submission:/home/judge:/bin/sh");
        assert_eq!(lines[100], "judge99:x:60099:60099:submission:/home/judge:/bin/sh");
        assert_eq!(group().lines().nth(100), Some("judge99:x:60099:"));
    }

    #[test]
    fn a_recipe_may_bring_its_own_hosts_file() {
        let mut planner = Planner::default();
        let own = Entry::inline(b"own".to_vec(), 0o644, Cause::plain(Because::Recipe));
        planner.want(fixed("/etc/hosts"), own.clone()).expect("first");
        add(&mut planner, &Probe::new(std::path::Path::new("/nonexistent"))).expect("no conflict");
        let plan = planner.finish().expect("no conflict");
        assert_eq!(plan.get(&fixed("/etc/hosts")), Some(&own));
        assert_eq!(plan.get(&fixed("/tmp")).map(|entry| entry.mode), Some(0o1777));
    }
}
