//! A file system of a few MiB, for services whose disk is full.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::scene::Scene;

/// It has a mount namespace of its own, so it disappears with its keeper and the programs that use it, however the test ends.
pub(crate) struct SmallDisk {
    keeper: Child,
    place: PathBuf,
    bytes: usize,
    /// Its device number (stat(2)), which no other file system has while it is mounted.
    device: u64,
    /// Kept until the end: removing the directory detaches the mount in every namespace (mount_namespaces(7)).
    _scene: Scene,
}

/// The file that reserves space to be freed later, and the file that fills the rest.
const RESERVE: &str = "reserve";
const FILLER: &str = "filler";
/// Bytes of one write to the filler.
const BLOCK: usize = 4096;

impl SmallDisk {
    /// With so many bytes, of which `reserve` are taken until [`SmallDisk::make_room`].
    pub(crate) fn new(bytes: usize, reserve: usize) -> SmallDisk {
        let scene = Scene::new();
        let place = scene.path("small");
        fs::create_dir(&place).unwrap();
        // The keeper's input ends with this process.
        let script = "mount -t tmpfs -o size=$1 none \"$0\" && echo mounted && exec cat";
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "sh", "-c", script]).arg(&place).arg(bytes.to_string());
        let mut keeper = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "mounted\n");
        let mut disk = SmallDisk { keeper, place, bytes, device: 0, _scene: scene };
        disk.device = fs::metadata(disk.seen("")).unwrap().dev();
        assert_ne!(disk.device, fs::metadata(&disk.place).unwrap().dev(), "nothing is mounted");
        fs::write(disk.seen(RESERVE), vec![b'x'; reserve]).unwrap();
        disk
    }

    /// Where its programs find it.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// The same command, for a program that sees the disk.
    pub(crate) fn has(&self, command: &Command) -> Command {
        let mut entering = Command::new("nsenter");
        entering.arg(format!("--mount=/proc/{}/ns/mnt", self.keeper.id()));
        entering.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => entering.env(name, value),
                None => entering.env_remove(name),
            };
        }
        entering
    }

    /// Takes every byte that is left, and never more than the disk has: a mistake here must not fill another one.
    pub(crate) fn fill(&self) {
        assert_eq!(fs::metadata(self.seen("")).unwrap().dev(), self.device, "this is another file system");
        let mut filler = OpenOptions::new().create(true).append(true).open(self.seen(FILLER)).unwrap();
        let written = (0..=self.bytes / BLOCK).try_for_each(|_| filler.write_all(&[b'x'; BLOCK]));
        assert_eq!(written.expect_err("more than it has").kind(), ErrorKind::StorageFull);
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.seen(FILLER)).unwrap();
        fs::remove_file(self.seen(RESERVE)).unwrap();
    }

    /// The path of a file on it, as seen from outside its namespace.
    fn seen(&self, name: &str) -> PathBuf {
        let inside = self.place.strip_prefix("/").unwrap().join(name);
        Path::new("/proc").join(self.keeper.id().to_string()).join("root").join(inside)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ended_already = self.keeper.kill();
        let _reaped = self.keeper.wait();
    }
}
