//! Boxes between calls: a directory, and a lock that says whose it is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

use crate::call::{Call, Caller};
use crate::config::Config;
use crate::fault::Fault;
use crate::quota;
use crate::tree::{self, Handover};

/// A box that this call has locked, so that no other call uses it.
#[derive(Debug)]
pub(crate) struct LockedBox {
    lock: File,
    lock_path: PathBuf,
    /// What `--init` prints.
    pub(crate) directory: PathBuf,
    /// User and group of its programs.
    pub(crate) user: u32,
    /// For whom it was made.
    owner: u32,
}

/// What the lock file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    owner: u32,
    cg: bool,
    is_ready: bool,
}

impl Record {
    fn parse(text: &str) -> Option<Record> {
        let mut words = text.strip_prefix("capsule-isolate 1 ")?.split_whitespace();
        let mut next = || words.next();
        let record =
            Record { owner: next()?.parse().ok()?, cg: next()? == "cg", is_ready: next()? == "ready" };
        Some(record)
    }

    fn to_line(self) -> String {
        let word = |set, word| if set { word } else { "-" };
        format!("capsule-isolate 1 {} {} {}\n", self.owner, word(self.cg, "cg"), word(self.is_ready, "ready"))
    }
}

/// Takes the box of a call for `--init`: it is made anew.
pub(crate) fn create(call: &Call, config: &Config) -> Result<LockedBox, Fault> {
    if config.restricted_init && !call.caller.is_root {
        return Err(Fault("New sandboxes can be created only by root".into()));
    }
    make_root_directory(&config.box_root)?;
    let mut taken =
        lock(call, config, true)?.ok_or_else(|| Fault("Cannot make the lock of the box".into()))?;
    taken.owner = call.caller.uid;
    let record = Record { owner: taken.owner, cg: call.options.cg, is_ready: false };
    taken.write(record)?;
    taken.remove_directory()?;
    let fail = |error| Fault::because("Cannot create box", error);
    let inner = taken.directory.join(BOX);
    fs::create_dir(&taken.directory).map_err(fail)?;
    DirBuilder::new().mode(0o700).create(&inner).map_err(fail)?;
    chown(&inner, Some(call.caller.uid), Some(call.caller.gid))
        .map_err(|error| Fault::because("Cannot chown box", error))?;
    match call.options.quota {
        Some(limit) => quota::set(&taken.directory, taken.user, limit)?,
        // The user's earlier box may have had one.
        None => quota::clear(&taken.directory, taken.user)?,
    }
    taken.write(Record { is_ready: true, ..record })?;
    Ok(taken)
}

/// The directory in a box's directory that is /box inside.
pub(crate) const BOX: &str = "box";

/// Takes the box of a call for `--run`.
pub(crate) fn take(call: &Call, config: &Config) -> Result<LockedBox, Fault> {
    lock(call, config, false)?.ok_or_else(|| {
        let name = if call.options.cg { "isolate --cg" } else { "isolate" };
        Fault(format!("Box not found, did you run `{name} --init'?"))
    })
}

/// Removes the box of a call; there need not be one.
pub(crate) fn cleanup(call: &Call, config: &Config) -> Result<(), Fault> {
    let Some(taken) = lock(call, config, false)? else {
        call.mention(|| "Nothing to do -- box did not exist".into());
        return Ok(());
    };
    call.mention(|| "Deleting sandbox".into());
    taken.remove_directory()?;
    // While it is locked: who waits for this file finds that its name has gone.
    fs::remove_file(&taken.lock_path)
        .map_err(|error| Fault::because("Cannot remove the lock of the box", error))
}

/// Locks the box of a call. `None` if the box does not exist.
fn lock(call: &Call, config: &Config, is_init: bool) -> Result<Option<LockedBox>, Fault> {
    let id = call.options.box_id;
    let user = config.box_user(id)?;
    let directory = config.box_root.join(id.to_string());
    let lock_path = config.lock_root.join(id.to_string());
    if is_init {
        make_root_directory(&config.lock_root)?;
    }
    let check_before = |file: &File| match peek(file) {
        Some(record) => check(record, call.caller, call.options.cg),
        None => Ok(()),
    };
    let Some(lock) = open_locked(&lock_path, is_init, call.options.wait, check_before)? else {
        return Ok(None);
    };
    let mut taken = LockedBox { lock, lock_path, directory, user, owner: call.caller.uid };
    let record = taken.read()?;
    taken.owner = record.map_or(taken.owner, |record| record.owner);
    if let Some(record) = record {
        check(record, call.caller, call.options.cg)?;
        if !is_init && !record.is_ready {
            return Err(Fault("This box was not initialized properly".into()));
        }
    }
    Ok(if record.is_some() || is_init { Some(taken) } else { None })
}

/// What the file says before this call has the lock. Another call may change it until then, so the caller checks it again
/// under the lock.
fn peek(file: &File) -> Option<Record> {
    let mut text = [0; 64];
    let length = file.read_at(&mut text, 0).ok()?;
    Record::parse(std::str::from_utf8(&text[..length]).ok()?)
}

fn check(record: Record, caller: Caller, cg: bool) -> Result<(), Fault> {
    if record.is_ready && record.owner != caller.uid && !caller.is_root {
        return Err(Fault(format!("This box belongs to a different user (uid {})", record.owner)));
    }
    match record.cg == cg {
        true => Ok(()),
        false => Err(Fault("This box was initialized with an incompatible control group mode".into())),
    }
}

/// A keeper that was killed while it started init holds its lock until that process is gone, too.
const PATIENCE: Duration = Duration::from_secs(1);

/// The file, locked, which still has its name: who removes a box removes its lock, too. Who may not use a box does not lock
/// it either, not even for a moment, which `check_before` prevents.
fn open_locked(
    path: &Path,
    create: bool,
    wait: bool,
    check_before: impl Fn(&File) -> Result<(), Fault>,
) -> Result<Option<File>, Fault> {
    let fail =
        |what: &str, error: io::Error| Fault::because(format!("Cannot {what} {}", path.display()), error);
    let start = Instant::now();
    loop {
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .mode(0o600)
            .custom_flags(flags)
            .open(path);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !create => return Ok(None),
            opened => opened.map_err(|error| fail("open", error))?,
        };
        check_before(&file)?;
        let operation = match wait {
            true => FlockOperation::LockExclusive,
            false => FlockOperation::NonBlockingLockExclusive,
        };
        match flock(&file, operation) {
            Err(Errno::WOULDBLOCK) if start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(5));
                continue;
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(Fault("This box is currently in use by another process".into()));
            }
            locked => locked.map_err(|errno| fail("lock", errno.into()))?,
        }
        let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let named = fs::symlink_metadata(path).map(inode).ok();
        if file.metadata().map(inode).ok() == named {
            return Ok(Some(file));
        }
    }
}

impl LockedBox {
    /// /box inside.
    pub(crate) fn inner(&self) -> PathBuf {
        self.directory.join(BOX)
    }

    /// Gives the box to the user of its programs.
    pub(crate) fn give_to_user(&self, caller: Caller) -> Result<(), Fault> {
        self.hand_over((self.user, self.user), caller, false)
    }

    /// Gives it back.
    pub(crate) fn give_back(&self, caller: Caller, remove_special: bool) -> Result<(), Fault> {
        self.hand_over((caller.uid, caller.gid), caller, remove_special)
    }

    fn hand_over(&self, to: (u32, u32), caller: Caller, remove_special: bool) -> Result<(), Fault> {
        let of = [caller.uid, self.user, self.owner];
        let handover = Handover { to, of: &of, user: self.user, remove_special };
        tree::hand_over(&self.inner(), &handover).map_err(|error| {
            Fault::because(format!("Cannot change the owner of {}", self.inner().display()), error)
        })
    }

    /// An empty directory for `DIR:tmp`, or the one of an earlier run.
    pub(crate) fn temporary(&self, name: &std::ffi::OsStr) -> Result<PathBuf, Fault> {
        let path = self.directory.join("tmp").join(name);
        let fail = |error| Fault::because(format!("Cannot make {}", path.display()), error);
        fs::create_dir_all(self.directory.join("tmp")).map_err(fail)?;
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(fail)?,
        }
        chown(&path, Some(self.user), Some(self.user)).map_err(fail)?;
        rustix::fs::chmod(&path, Mode::from_raw_mode(0o700)).map_err(|errno| fail(errno.into()))?;
        Ok(path)
    }

    fn remove_directory(&self) -> Result<(), Fault> {
        tree::remove(&self.directory)
            .map_err(|error| Fault::because(format!("Cannot remove {}", self.directory.display()), error))
    }

    fn read(&mut self) -> Result<Option<Record>, Fault> {
        let mut text = String::new();
        let read = self.lock.rewind().and_then(|()| self.lock.read_to_string(&mut text));
        read.map_err(|error| Fault::because(format!("Cannot read {}", self.lock_path.display()), error))?;
        if text.is_empty() {
            // Another one makes it and is locked after us, or was killed before it could write.
            return Ok(None);
        }
        let record = Record::parse(&text);
        record
            .map(Some)
            .ok_or_else(|| Fault(format!("Lock file {} has incompatible format", self.lock_path.display())))
    }

    fn write(&mut self, record: Record) -> Result<(), Fault> {
        let line = record.to_line();
        let written = (|| {
            self.lock.set_len(0)?;
            self.lock.rewind()?;
            self.lock.write_all(line.as_bytes())
        })();
        written.map_err(|error| Fault::because("Cannot write lock file", error))
    }
}

/// A directory, with those above it, in which only root can write: a link that another user puts there would lead us away.
fn make_root_directory(path: &Path) -> Result<(), Fault> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(|error| Fault::because(format!("Cannot create {}", path.display()), error))?;
    let real = fs::canonicalize(path)
        .map_err(|error| Fault::because(format!("Cannot find {}", path.display()), error))?;
    for directory in real.ancestors() {
        let metadata = fs::metadata(directory)
            .map_err(|error| Fault::because(format!("Cannot examine {}", directory.display()), error))?;
        let is_sticky = metadata.mode() & 0o1000 != 0 && directory != real;
        let others_write = metadata.mode() & 0o022 != 0 && !is_sticky;
        if metadata.uid() != 0 || others_write {
            return Err(Fault(format!("Other users than root can write in {}", directory.display())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_says_whose_the_box_is() {
        let record = Record { owner: 1000, cg: true, is_ready: false };
        assert_eq!(record.to_line(), "capsule-isolate 1 1000 cg -\n");
        assert_eq!(Record::parse(&record.to_line()), Some(record));
        assert_eq!(Record::parse("loHs\u{1}"), None);
        let caller = |uid, is_root| Caller { uid, gid: 1, is_root };
        let record = Record { is_ready: true, ..record };
        assert_eq!(check(record, caller(1000, false), true), Ok(()));
        assert_eq!(check(record, caller(0, true), true), Ok(()));
        assert!(check(record, caller(1001, false), true).is_err_and(|fault| fault.0.contains("uid 1000")));
        assert!(
            check(record, caller(1000, false), false).is_err_and(|fault| fault.0.contains("control group"))
        );
    }
}
