//! Files: what one run writes or reads, and the other one notices.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Channel, Planted, Token, nothing, seen};
use crate::probe::Finding;
use crate::probe::sys::{self, Arg};

/// The channels of this family.
pub(crate) const CHANNELS: &[Channel] = &[
    Channel {
        name: "tmp",
        ids: &["JDG-09", "JDG-21"],
        plant: |token| leave("/tmp", token),
        look: |token| find("/tmp", token),
    },
    Channel {
        name: "dev-shm",
        ids: &["NET-18"],
        plant: |token| leave("/dev/shm", token),
        look: |token| find("/dev/shm", token),
    },
    Channel {
        name: "work-directory",
        ids: &["JDG-09"],
        plant: |token| leave(".", token),
        look: |token| find(".", token),
    },
    Channel { name: "path-socket", ids: &["NET-05", "FS-04"], plant: bind, look: connect },
    Channel { name: "inotify", ids: &["FS-34", "KRN-33"], plant: read_again_and_again, look: watch_file },
    Channel { name: "dnotify", ids: &["FS-34"], plant: read_again_and_again, look: watch_directory },
];

fn leave(directory: &str, token: &Token) -> io::Result<Planted> {
    let path = Path::new(directory).join(&token.0);
    fs::write(&path, &token.0)?;
    Ok(Box::new(move || drop(fs::remove_file(path))))
}

fn find(directory: &str, token: &Token) -> Finding {
    let path = Path::new(directory).join(&token.0);
    match fs::read_to_string(&path) {
        Ok(text) => seen(format!("{}: {text}", path.display())),
        Err(cause) => nothing(format!("{}: {cause}", path.display())),
    }
}

fn socket_path(token: &Token) -> PathBuf {
    Path::new("/tmp").join(format!("{}.socket", token.0))
}

fn bind(token: &Token) -> io::Result<Planted> {
    let path = socket_path(token);
    let listener = UnixListener::bind(&path)?;
    Ok(Box::new(move || {
        drop(listener);
        fs::remove_file(path).ok(); // only this process has it
    }))
}

fn connect(token: &Token) -> Finding {
    match UnixStream::connect(socket_path(token)) {
        Ok(_) => seen("connected"),
        Err(cause) => nothing(cause.to_string()),
    }
}

/// A file that both runs see, and neither can write.
pub(crate) fn shared_file() -> PathBuf {
    let known = ["/etc/passwd", "/etc/capsule"].into_iter().map(PathBuf::from);
    known.into_iter().find(|path| path.exists()).unwrap_or_else(|| "/etc/hosts".into())
}

fn read_again_and_again(_: &Token) -> io::Result<Planted> {
    let path = shared_file();
    File::open(&path)?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let reader = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            fs::read(&path).ok();
            thread::sleep(Duration::from_millis(5));
        }
    });
    Ok(Box::new(move || {
        stop.store(true, Ordering::Relaxed);
        reader.join().ok(); // it cannot panic
    }))
}

/// How long a look waits for the neighbour, which touches the file every 5 ms. Where the channel carries, the wait ends
/// with the first event; so only sandboxes, where nothing comes, pay for it.
const PATIENCE: Duration = Duration::from_secs(2);

fn watch_file(_: &Token) -> Finding {
    const NONBLOCK: i64 = 0o4000;
    const ACCESS_AND_OPEN: i64 = 0x1 | 0x20;
    let Ok(path) = std::ffi::CString::new(shared_file().to_string_lossy().as_bytes()) else {
        return nothing("no file");
    };
    let watched = sys::call(libc::SYS_inotify_init1, &mut [Arg::N(NONBLOCK)]).and_then(|inotify| {
        let mut args = [Arg::N(inotify), Arg::S(&path), Arg::N(ACCESS_AND_OPEN)];
        sys::call(libc::SYS_inotify_add_watch, &mut args).map(|_| inotify)
    });
    let inotify = match watched {
        Ok(inotify) => inotify,
        Err(errno) => return nothing(format!("inotify: {errno}")),
    };
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let mut event = [0; 256];
        if sys::call(libc::SYS_read, &mut [Arg::N(inotify), Arg::W(&mut event), Arg::N(256)]).is_ok() {
            return seen("an event on the shared file");
        }
        thread::sleep(Duration::from_millis(5));
    }
    nothing("no event")
}

/// F_NOTIFY sends SIGIO, which is awaited here.
fn watch_directory(_: &Token) -> Finding {
    const ACCESS_AGAIN: i64 = 0x1 | 0x8000_0000;
    let mut set = (1u64 << (libc::SIGIO - 1)).to_ne_bytes();
    let mut block = [Arg::N(libc::SIG_BLOCK.into()), Arg::R(&set), Arg::N(0), Arg::N(8)];
    if let Err(errno) = sys::call(libc::SYS_rt_sigprocmask, &mut block) {
        return nothing(format!("sigprocmask: {errno}"));
    }
    let Ok(directory) = File::open("/etc") else { return nothing("/etc cannot be opened") };
    let mut notify =
        [Arg::N(directory.as_raw_fd().into()), Arg::N(libc::F_NOTIFY.into()), Arg::N(ACCESS_AGAIN)];
    if let Err(errno) = sys::call(libc::SYS_fcntl, &mut notify) {
        return nothing(format!("F_NOTIFY: {errno}"));
    }
    let timeout = [PATIENCE.as_secs(), PATIENCE.subsec_nanos().into()].map(u64::to_ne_bytes).concat();
    let mut wait = [Arg::W(&mut set), Arg::N(0), Arg::R(&timeout), Arg::N(8)];
    match sys::call(libc::SYS_rt_sigtimedwait, &mut wait) {
        Ok(_) => seen("SIGIO for the shared directory"),
        Err(errno) => nothing(format!("no signal: {errno}")),
    }
}

/// The first bytes of a stream, as text.
pub(crate) fn first_words(mut stream: impl Read) -> String {
    let mut bytes = [0; 64];
    let count = stream.read(&mut bytes).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}
