//! The bundle on the disk against itself, before anything of it is booted: what is proven must be what runs.
//!
//! A proof boots the archive. A judge host runs `rootfs/` and `init`. So the parts are compared with each other: each
//! file with the lists of the bundle (`SHA256SUMS`, `MODES`), these with the manifest, and the archive with them. One of
//! them alone cannot be exchanged without being noticed. Who exchanges all of them has made another bundle, with other
//! digests; the proof prints these.

mod archive;
mod lists;
mod manifest;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use lists::Lists;

/// So many differences are printed; more of them are not new.
const ENOUGH: usize = 10;

/// What was compared, and is the same.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Compared {
    /// Files of the bundle whose content was compared with its digest.
    pub(crate) files: usize,
    /// Entries of the archive that was booted; none where nothing was booted.
    pub(crate) archived: usize,
    /// Digests of the files, by the path in the bundle.
    #[serde(skip)]
    sums: BTreeMap<Vec<u8>, String>,
}

impl Compared {
    /// SHA-256 of a file of the bundle, in hexadecimal.
    pub(crate) fn digest(&self, name: &str) -> Option<String> {
        self.sums.get(name.as_bytes()).cloned()
    }
}

/// Compares the parts of `bundle`, with `archive` if that is booted.
///
/// # Errors
/// They differ, or one of them cannot be read.
pub fn compare(bundle: &Path, archive: Option<&Path>) -> Result<Compared, String> {
    let lists = Lists::load(bundle)?;
    let mut wrong = lists.differences(bundle).map_err(|cause| unreadable(bundle, &cause))?;
    wrong.extend(manifest::differences(&read(&bundle.join("manifest.json"))?, &lists)?);
    let mut archived = 0;
    if let Some(archive) = archive {
        let entries = archive::read(archive)?;
        archived = entries.len();
        wrong.extend(archive::differences(&entries, &lists));
    }
    if wrong.is_empty() {
        Ok(Compared { files: lists.sums.len(), archived, sums: lists.sums })
    } else {
        Err(refusal(bundle, wrong))
    }
}

/// A path and what is wrong with it, as one line.
fn finding(path: &[u8], what: &str) -> String {
    format!("{}: {what}", String::from_utf8_lossy(path).escape_debug())
}

fn refusal(bundle: &Path, mut wrong: Vec<String>) -> String {
    wrong.sort();
    wrong.dedup();
    let more = wrong.len().saturating_sub(ENOUGH);
    wrong.truncate(ENOUGH);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    format!("`{}` is not as it was built, and nothing was run:\n  {}", bundle.display(), wrong.join("\n  "))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|cause| unreadable(path, &cause))
}

fn unreadable(path: &Path, cause: &io::Error) -> String {
    format!("`{}` cannot be read: {cause}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use sha2::{Digest, Sha256};

    use crate::cpio::{Archive, PROGRAM};
    use crate::random::to_hex;

    const SHELL: &[u8] = b"a shell";

    /// A bundle with one program, one link and an archive.
    fn bundle() -> tempfile::TempDir {
        let bundle = tempfile::tempdir().unwrap();
        let at = |name: &str| bundle.path().join(name);
        fs::create_dir(at("rootfs")).unwrap();
        write(&at("rootfs/sh"), SHELL, 0o755);
        symlink("sh", at("rootfs/bash")).unwrap();
        write(&at("init"), b"the runner", 0o755);
        let digest = to_hex(&Sha256::digest(SHELL));
        let manifest = format!(
            r#"{{"entries": [{{"path": "/", "type": "directory"}},
                {{"path": "/bash", "type": "symlink", "target": "sh"}},
                {{"path": "/sh", "type": "file", "sha256": "{digest}"}}]}}"#
        );
        write(&at("manifest.json"), manifest.as_bytes(), 0o644);
        let mut archive = Archive::default();
        archive.file("/init", PROGRAM, b"the runner").directory("/rootfs");
        archive.link("/rootfs/bash", "sh").file("/rootfs/sh", PROGRAM, SHELL);
        write(&at("initramfs.cpio"), &archive.finish(), 0o644);
        list(bundle.path());
        bundle
    }

    /// Makes the lists again, as somebody with access to the bundle could.
    fn list(bundle: &Path) {
        let modes = [
            "f 0644 MODES",
            "f 0644 SHA256SUMS",
            "f 0755 init",
            "f 0644 initramfs.cpio",
            "f 0644 manifest.json",
            "d 0755 rootfs",
            "l rootfs/bash -> sh",
            "f 0755 rootfs/sh",
        ];
        write(&bundle.join("MODES"), (modes.join("\n") + "\n").as_bytes(), 0o644);
        let names = ["MODES", "init", "initramfs.cpio", "manifest.json", "rootfs/sh"];
        let line = |name: &&str| {
            format!("{}  {name}\n", to_hex(&Sha256::digest(fs::read(bundle.join(name)).unwrap())))
        };
        write(&bundle.join("SHA256SUMS"), names.iter().map(line).collect::<String>().as_bytes(), 0o644);
    }

    fn write(path: &Path, bytes: &[u8], mode: u32) {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn compare(bundle: &Path) -> Result<Compared, String> {
        super::compare(bundle, Some(&bundle.join("initramfs.cpio")))
    }

    #[test]
    fn a_bundle_as_it_was_built_is_accepted() {
        let bundle = bundle();
        let compared = compare(bundle.path()).unwrap();
        assert_eq!((compared.files, compared.archived), (5, 4));
    }

    #[test]
    fn a_change_of_any_part_is_refused_by_its_name() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 8] = [
            ("rootfs/sh: has different content", |b| write(&b.join("rootfs/sh"), b"a trap!", 0o755)),
            ("init: has different content", |b| write(&b.join("init"), b"another runner", 0o755)),
            ("initramfs.cpio: has different content", |b| {
                let mut bytes = fs::read(b.join("initramfs.cpio")).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                write(&b.join("initramfs.cpio"), &bytes, 0o644);
            }),
            ("rootfs/sh: is missing", |b| fs::remove_file(b.join("rootfs/sh")).unwrap()),
            ("f 4755 rootfs/sh: is not in MODES", |b| write(&b.join("rootfs/sh"), SHELL, 0o4755)),
            ("f 0644 rootfs/new: is not in MODES", |b| write(&b.join("rootfs/new"), b"", 0o644)),
            ("l rootfs/bash -> /init: is not in MODES", |b| {
                fs::remove_file(b.join("rootfs/bash")).unwrap();
                symlink("/init", b.join("rootfs/bash")).unwrap();
            }),
            ("SHA256SUMS: has the line \"x\"", |b| write(&b.join("SHA256SUMS"), b"x\n", 0o644)),
        ];
        for (expected, change) in changes {
            let bundle = bundle();
            change(bundle.path());
            let refusal = compare(bundle.path()).expect_err(expected);
            assert!(refusal.contains(expected), "{refusal}");
        }
    }

    #[test]
    fn a_change_that_the_lists_know_is_seen_by_the_other_parts() {
        let changed = bundle();
        write(&changed.path().join("rootfs/sh"), b"a trap!", 0o755);
        list(changed.path());
        let refusal = compare(changed.path()).unwrap_err();
        for expected in
            ["manifest.json: has another digest of /sh than SHA256SUMS", "rootfs/sh: differs in the archive"]
        {
            assert!(refusal.contains(expected), "{refusal}");
        }
    }

    #[test]
    fn an_archive_with_other_entries_is_refused() {
        type Other = fn(&mut Archive);
        let others: [(&str, Other); 4] = [
            ("rootfs/bash: is missing in the archive", |_| {}),
            ("rootfs/bash: differs in the archive", |a| _ = a.link("/rootfs/bash", "/init")),
            ("etc/rc: is only in the archive", |a| {
                _ = a.link("/rootfs/bash", "sh").file("/etc/rc", PROGRAM, b"")
            }),
            ("init: differs in the archive", |a| {
                a.link("/rootfs/bash", "sh").file("/init", PROGRAM, b"another runner");
            }),
        ];
        for (expected, other) in others {
            let bundle = bundle();
            let mut archive = Archive::default();
            archive.file("/init", PROGRAM, b"the runner").directory("/rootfs").file(
                "/rootfs/sh",
                PROGRAM,
                SHELL,
            );
            other(&mut archive);
            write(&bundle.path().join("initramfs.cpio"), &archive.finish(), 0o644);
            list(bundle.path());
            let refusal = compare(bundle.path()).expect_err(expected);
            assert!(refusal.contains(expected), "{refusal}");
        }
    }

    #[test]
    fn a_bundle_without_lists_is_refused_in_one_line() {
        let bundle = bundle();
        fs::remove_file(bundle.path().join("SHA256SUMS")).unwrap();
        let refusal = compare(bundle.path()).unwrap_err();
        assert!(refusal.contains("has no SHA256SUMS") && refusal.contains("build it again"), "{refusal}");
    }
}
