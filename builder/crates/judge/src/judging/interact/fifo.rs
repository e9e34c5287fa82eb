//! The two FIFOs through which a manager talks with one process of a submission.
//!
//! They are opened before the manager starts; what is at their names afterwards does not matter. A manager that opens
//! them does not sleep, as the other side is open already (fifo(7)).

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, chmodat, mknodat, open};

use super::relay::Relay;

/// What every user may do with them: the manager has another uid.
const MODE: u32 = 0o666;

/// The names of the FIFOs of a process, from the submission and to it, as CMS has them.
pub(super) fn names(process: usize) -> [String; 2] {
    [format!("u{process}_to_m"), format!("m_to_u{process}")]
}

/// The FIFO that a manager reads from.
pub(super) struct Door(OwnedFd);

impl Door {
    /// Lets a manager that opens it only now see its end, and not sleep for a writer that has left.
    pub(super) fn open_and_close(&self) {
        let path = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // ENXIO: no process has it open, or waits for that.
        let _closed_at_once = open(path, flags, Mode::empty());
    }
}

/// Makes both in a directory that no sandbox has yet: what the submission says, and where what it is told comes from.
pub(super) fn make(directory: &Path, process: usize) -> io::Result<(File, Door, File)> {
    let [heard, told] = names(process).map(|name| directory.join(name));
    for path in [&heard, &told] {
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(MODE), 0)?;
        // Whatever the umask is.
        chmodat(CWD, path, Mode::from_raw_mode(MODE), rustix::fs::AtFlags::empty())?;
    }
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Also for reading: as long as this is open, a manager that is still to come does not make writing fail.
    let to_manager = open(&heard, flags | OFlags::RDWR, Mode::empty())?;
    let door = open(&heard, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    // poll(2) says nothing about it until the manager has come, so that its end is not seen too early.
    let from_manager = open(&told, flags | OFlags::RDONLY, Mode::empty())?;
    Ok((to_manager.into(), Door(door), from_manager.into()))
}

/// The relays between a manager's FIFOs and a process's two streams.
pub(super) fn relays(directory: &Path, process: usize) -> io::Result<(Relay, Relay, Door, [OwnedFd; 2])> {
    let (to_manager, door, from_manager) = make(directory, process)?;
    let (from_process, writes) = io::pipe()?;
    let (reads, to_process) = io::pipe()?;
    let to_process = Relay::between(from_manager, File::from(OwnedFd::from(to_process)), true)?;
    let to_manager = Relay::between(File::from(OwnedFd::from(from_process)), to_manager, false)?;
    Ok((to_process, to_manager, door, [reads.into(), writes.into()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::thread;
    use std::time::{Duration, Instant};

    #[test]
    fn a_manager_that_comes_late_finds_what_was_said_and_its_end() {
        let place = tempfile::tempdir().unwrap();
        let (mut to_manager, door, mut from_manager) = make(place.path(), 3).unwrap();
        to_manager.write_all(b"said").unwrap();
        let [heard, told] = names(3).map(|name| place.path().join(name));
        let mut late = File::open(&heard).unwrap();
        let mut bytes = [0; 4];
        late.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"said");
        drop(late);
        drop(to_manager);
        // One that opens it after that would sleep.
        let later = thread::spawn(move || File::open(&heard).unwrap().read_to_end(&mut Vec::new()).unwrap());
        let begin = Instant::now();
        while !later.is_finished() {
            assert!(begin.elapsed() < Duration::from_secs(60), "it sleeps");
            door.open_and_close();
        }
        assert_eq!(later.join().unwrap(), 0);
        let mut writes = File::options().write(true).open(told).unwrap();
        writes.write_all(b"x").unwrap();
        drop(writes);
        assert_eq!(from_manager.read(&mut [0; 9]).unwrap(), 1);
        assert_eq!(from_manager.read(&mut [0; 9]).unwrap(), 0);
    }
}
