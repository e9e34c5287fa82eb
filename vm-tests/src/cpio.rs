//! The second segment of an initramfs: the agent, its plan and the probes, in newc form.
//!
//! The kernel unpacks concatenated archives in order (kernel documentation, driver-api/early-userspace/buffer-format),
//! each beginning at a multiple of four bytes, so the bundle's own archive stays as it ships, byte for byte.

/// Regular file, executable by all.
pub(crate) const PROGRAM: u32 = 0o100755;
/// Regular file that only root reads.
pub(crate) const SECRET: u32 = 0o100600;
const DIRECTORY: u32 = 0o040755;
#[cfg(test)]
const LINK: u32 = 0o120777;

/// An archive under construction.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    inodes: u32,
}

impl Archive {
    /// Adds a directory; its parent must be there already.
    pub(crate) fn directory(&mut self, path: &str) -> &mut Self {
        self.entry(path, DIRECTORY, &[])
    }

    /// Adds a regular file with this mode.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> &mut Self {
        self.entry(path, mode, content)
    }

    /// Adds a symbolic link.
    #[cfg(test)]
    pub(crate) fn link(&mut self, path: &str, target: &str) -> &mut Self {
        self.entry(path, LINK, target.as_bytes())
    }

    /// The archive with its trailer.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> &mut Self {
        self.inodes += 1;
        let name = path.trim_start_matches('/');
        // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
        let links = if mode == DIRECTORY { 2 } else { 1 };
        let fields =
            [self.inodes, mode, 0, 0, links, 0, length(content), 0, 0, 0, 0, length(name.as_bytes()) + 1, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        pad(&mut self.bytes);
        self.bytes.extend_from_slice(content);
        pad(&mut self.bytes);
        self
    }
}

/// Fills up to a multiple of four bytes.
pub(crate) fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// newc has 32-bit sizes; what the harness packs is a few megabytes.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a file of the second segment is below 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn gnu_cpio_unpacks_what_was_packed() {
        let mut archive = Archive::default();
        archive.directory("/d").file("/d/one", PROGRAM, b"12345").file("/d/two", SECRET, b"");
        let into = tempfile::tempdir().unwrap();
        let mut cpio = Command::new("cpio")
            .args(["-i", "--quiet"])
            .current_dir(into.path())
            .stdin(Stdio::piped())
            .spawn()
            .expect("cpio is installed");
        cpio.stdin.take().unwrap().write_all(&archive.finish()).unwrap();
        assert!(cpio.wait().unwrap().success());
        assert_eq!(std::fs::read(into.path().join("d/one")).unwrap(), b"12345");
        assert_eq!(std::fs::read(into.path().join("d/two")).unwrap(), b"");
    }

    #[test]
    fn every_part_begins_at_a_multiple_of_four() {
        let mut archive = Archive::default();
        archive.file("/odd", PROGRAM, b"1");
        assert_eq!(archive.finish().len() % 4, 0);
    }
}
