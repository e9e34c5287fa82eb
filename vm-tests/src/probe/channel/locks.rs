//! Locks and times: bits that pass over a file that both runs can only read, or a device that both can write.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::files::shared_file;
use super::{Channel, Planted, Token, nothing, seen};
use crate::probe::Finding;
use crate::probe::sys::{self, Arg, Errno};

/// The channels of this family.
pub(crate) const CHANNELS: &[Channel] = &[
    Channel { name: "flock", ids: &["FS-34"], plant: |_| hold(exe()?, flock), look: |_| try_flock() },
    Channel {
        name: "record-lock",
        ids: &["FS-34"],
        plant: |_| hold(exe()?, |file| lock(file, libc::F_SETLK, libc::F_RDLCK)),
        look: |_| ask(exe(), libc::F_GETLK),
    },
    Channel {
        name: "descriptor-lock",
        ids: &["FS-34"],
        plant: |_| hold(exe()?, |file| lock(file, libc::F_OFD_SETLK, libc::F_RDLCK)),
        look: |_| ask(exe(), libc::F_OFD_GETLK),
    },
    Channel {
        name: "namespace-lock",
        ids: &["FS-34"],
        plant: |_| hold(File::open("/proc/self/ns/user")?, |file| lock(file, libc::F_SETLK, libc::F_RDLCK)),
        look: |_| ask(File::open("/proc/self/ns/user"), libc::F_GETLK),
    },
    Channel {
        name: "device-lock",
        ids: &["FS-34"],
        plant: |_| hold(null()?, |file| lock(file, libc::F_SETLK, libc::F_WRLCK)),
        look: |_| contend(null(), libc::F_SETLK),
    },
    Channel {
        name: "device-descriptor-lock",
        ids: &["FS-34"],
        plant: |_| hold(null()?, |file| lock(file, libc::F_OFD_SETLK, libc::F_WRLCK)),
        look: |_| contend(null(), libc::F_OFD_SETLK),
    },
    Channel { name: "device-times", ids: &["FS-34"], plant: touch, look: |_| watch_times() },
    Channel { name: "lease", ids: &["FS-34"], plant: keep_open, look: |_| lease() },
    Channel {
        name: "lock-table",
        ids: &["FS-34"],
        plant: |_| hold(exe()?, |file| lock(file, libc::F_SETLK, libc::F_RDLCK)),
        look: |_| read_lock_table(),
    },
];

/// This program: bound into both runs from one place, or run twice without a sandbox, it is one inode.
fn exe() -> io::Result<File> {
    File::open(std::env::current_exe()?)
}

fn null() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}

fn hold(file: File, take: impl FnOnce(&File) -> Result<i64, Errno>) -> io::Result<Planted> {
    take(&file).map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
    // The lock ends when the file is closed.
    Ok(Box::new(move || drop(file)))
}

fn flock(file: &File) -> Result<i64, Errno> {
    let how = libc::LOCK_EX | libc::LOCK_NB;
    sys::call(libc::SYS_flock, &mut [Arg::N(file.as_raw_fd().into()), Arg::N(how.into())])
}

fn try_flock() -> Finding {
    conflict("flock", exe().map(|file| flock(&file)))
}

/// `struct flock` over the whole file; the kernel writes into it for the asking commands.
fn record(kind: i32) -> [u8; 32] {
    let mut record = [0; 32];
    record[..2].copy_from_slice(&(kind as i16).to_ne_bytes());
    record
}

fn lock(file: &File, command: i32, kind: i32) -> Result<i64, Errno> {
    let mut record = record(kind);
    sys::call(
        libc::SYS_fcntl,
        &mut [Arg::N(file.as_raw_fd().into()), Arg::N(command.into()), Arg::W(&mut record)],
    )
}

/// Takes the lock that the neighbour may have.
fn contend(file: io::Result<File>, command: i32) -> Finding {
    conflict("fcntl", file.map(|file| lock(&file, command, libc::F_WRLCK)))
}

/// Another process's lock shows as EAGAIN or EACCES (fcntl(2)).
fn conflict(what: &str, taken: io::Result<Result<i64, Errno>>) -> Finding {
    match taken {
        Ok(Ok(_)) => nothing(format!("{what}: the lock was free, or pretended")),
        Ok(Err(Errno(libc::EAGAIN | libc::EACCES))) => seen(format!("{what}: locked by another process")),
        Ok(Err(errno)) => nothing(format!("{what}: {errno}")),
        Err(cause) => nothing(format!("{what}: {cause}")),
    }
}

/// Whether a write lock would conflict. The question takes no write access to the file.
fn ask(file: io::Result<File>, command: i32) -> Finding {
    let file = match file {
        Ok(file) => file,
        Err(cause) => return nothing(cause.to_string()),
    };
    let mut record = record(libc::F_WRLCK);
    let mut args = [Arg::N(file.as_raw_fd().into()), Arg::N(command.into()), Arg::W(&mut record)];
    match sys::call(libc::SYS_fcntl, &mut args) {
        Err(errno) => nothing(format!("asking: {errno}")),
        Ok(_) if record[..2] == (libc::F_UNLCK as i16).to_ne_bytes() => nothing("no lock"),
        Ok(_) => seen("a lock of another process"),
    }
}

/// A process that may write to a file may set its times to the present (utimensat(2)). Does so again and again.
fn touch(_: &Token) -> io::Result<Planted> {
    let once = || {
        let here = Arg::N(libc::AT_FDCWD.into());
        sys::call(libc::SYS_utimensat, &mut [here, Arg::S(c"/dev/null"), Arg::N(0), Arg::N(0)])
    };
    once().map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
    let ended = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&ended);
    let toucher = thread::spawn(move || {
        while !until.load(Ordering::Relaxed) && once().is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    Ok(Box::new(move || {
        ended.store(true, Ordering::Relaxed);
        let _ = toucher.join(); // it does nothing that could panic
    }))
}

/// How long a look waits for the neighbour, which touches the device every 5 ms.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether another process touches it.
fn watch_times() -> Finding {
    let time = || fs::metadata("/dev/null").and_then(|metadata| metadata.modified());
    let before = time();
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && matches!((&before, time()), (Ok(before), Ok(now)) if *before == now) {
        thread::sleep(Duration::from_millis(5));
    }
    match (before, time()) {
        (Ok(before), Ok(after)) if before != after => seen("/dev/null was touched"),
        (Ok(_), Ok(_)) => nothing("/dev/null was not touched"),
        (before, after) => nothing(format!("the times of /dev/null: {before:?}, {after:?}")),
    }
}

fn keep_open(_: &Token) -> io::Result<Planted> {
    let file = File::open(shared_file())?;
    Ok(Box::new(move || drop(file)))
}

/// A write lease is refused while another process has the file open (fcntl(2), F_SETLEASE).
fn lease() -> Finding {
    let taken = File::open(shared_file()).map(|file| {
        let (command, kind) = (libc::F_SETLEASE.into(), libc::F_WRLCK.into());
        sys::call(libc::SYS_fcntl, &mut [Arg::N(file.as_raw_fd().into()), Arg::N(command), Arg::N(kind)])
    });
    match taken {
        // EACCES: the file belongs to another user, which says nothing about who has it open.
        Ok(Err(Errno(libc::EACCES))) => nothing("F_SETLEASE: not our file"),
        taken => conflict("F_SETLEASE", taken),
    }
}

fn read_lock_table() -> Finding {
    match fs::read_to_string("/proc/locks") {
        Ok(table) if table.is_empty() => nothing("/proc/locks is empty"),
        Ok(table) => seen(format!("{} lines in /proc/locks", table.lines().count())),
        Err(cause) => nothing(format!("/proc/locks: {cause}")),
    }
}
