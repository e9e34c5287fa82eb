//! A zip archive, unpacked. Whatever its headers say, no more than the limits is written.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use bundle::FileError;
use zip::ZipArchive;
use zip::result::ZipError;

use super::{MOST_FILES, name};
use crate::error::{Error, Mistake};

/// All files of an archive together, in bytes.
const MOST_BYTES: u64 = 8 << 30;
/// A file may be so many times longer than its compressed form, after the first megabyte: DEFLATE reaches 1032, and
/// tests of one repeated line come near it.
const FIRST_BYTES: u64 = 64 << 20;
const MOST_TIMES: u64 = 200;

/// Unpacks an archive into an empty directory; `place` is for messages.
pub(super) fn unpack(place: &Path, archive: File, into: &Path) -> Result<(), Error> {
    let bytes = archive.metadata().map_err(|error| FileError::read(place, error))?.len();
    let most = MOST_BYTES.min(FIRST_BYTES + bytes * MOST_TIMES);
    unpack_from(BufReader::new(archive), into, most).map_err(|error| match error {
        Stopped::Wrong(mistake) => Error::Mistake { problem: place.to_path_buf(), mistake },
        Stopped::Io(error) => FileError::read(place, error).into(),
    })
}

/// Why unpacking stopped.
#[derive(Debug)]
enum Stopped {
    Wrong(Mistake),
    Io(io::Error),
}

fn unpack_from(archive: impl Read + io::Seek, into: &Path, most: u64) -> Result<(), Stopped> {
    let wrong = |name: &str, what: String| Stopped::Wrong(Mistake::new(name, what));
    let mut archive = ZipArchive::new(archive).map_err(|error| broken("", error))?;
    if archive.len() > MOST_FILES {
        return Err(wrong("", format!("the archive has more than {MOST_FILES} entries")));
    }
    let mut left = most;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| broken("", error))?;
        let name = String::from_utf8(entry.name_raw().to_vec())
            .map_err(|_| wrong("", format!("the name of entry {} is not UTF-8", index + 1)))?;
        let plain = name.trim_end_matches('/');
        if let Some(what) = name::mistake(plain) {
            return Err(wrong(&name, what.to_owned()));
        }
        if entry.is_symlink() {
            return Err(wrong(&name, "it is a link: an archive must have files only".to_owned()));
        }
        if entry.is_dir() || plain.split('/').any(name::is_hidden) {
            continue;
        }
        let path = into.join(plain);
        let make = || -> io::Result<File> {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            File::create_new(&path)
        };
        let mut to = make().map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                wrong(&name, "the archive has two entries of this name".to_owned())
            }
            _ => Stopped::Io(error),
        })?;
        let written = io::copy(&mut entry.by_ref().take(left + 1), &mut to)
            .map_err(|error| wrong(&name, format!("it cannot be unpacked: {error}")))?;
        left = left
            .checked_sub(written)
            .ok_or_else(|| wrong(&name, format!("the archive holds more than {most} bytes")))?;
    }
    Ok(())
}

fn broken(name: &str, error: ZipError) -> Stopped {
    Stopped::Wrong(Mistake::new(
        name,
        format!("it is neither a directory nor a zip archive that can be read: {error}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::CompressionMethod;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, content) in entries {
            zip.start_file(*name, options).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// What is said about an archive of which at most 1,000 bytes are unpacked.
    fn said(archive: Vec<u8>) -> String {
        let into = tempfile::tempdir().unwrap();
        match unpack_from(Cursor::new(archive), into.path(), 1000) {
            Ok(()) => String::new(),
            Err(Stopped::Wrong(mistake)) => mistake.to_string(),
            Err(Stopped::Io(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn files_are_unpacked_and_what_is_hidden_is_not() {
        let into = tempfile::tempdir().unwrap();
        let archive = zip(&[("sum/data/1.in", b"1 2\n"), ("__MACOSX/x", b""), ("sum/.git/config", b"")]);
        unpack_from(Cursor::new(archive), into.path(), 1000).unwrap();
        assert_eq!(fs::read(into.path().join("sum/data/1.in")).unwrap(), b"1 2\n");
        assert!(!into.path().join("__MACOSX").exists() && !into.path().join("sum/.git").exists());
    }

    #[test]
    fn names_that_climb_are_refused() {
        for name in ["../x", "a/../../x", "/etc/x", "a//b", "a/./b", "a\\..\\b", "a\nb"] {
            assert!(said(zip(&[(name, b"")])).contains("its name"), "{name}");
        }
    }

    #[test]
    fn links_are_refused() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_symlink("data/1.in", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        assert!(said(zip.finish().unwrap().into_inner()).contains("data/1.in: it is a link"));
    }

    #[test]
    fn a_file_that_grows_is_cut_at_the_limit() {
        assert_eq!(said(zip(&[("a", &[0; 400]), ("b", &[0; 600])])), "");
        assert_eq!(
            said(zip(&[("a", &[0; 400]), ("b", &[0; 601])])),
            "b: the archive holds more than 1000 bytes"
        );
    }

    #[test]
    fn a_file_below_a_file_is_refused() {
        assert!(said(zip(&[("a", b""), ("a/b", b"")])).contains("two entries of this name"));
    }

    #[test]
    fn what_is_not_an_archive_is_refused() {
        assert!(said(b"no archive".to_vec()).contains("neither a directory nor a zip archive"));
        let mut cut = zip(&[("a", &[7; 500])]);
        cut.truncate(cut.len() / 2);
        assert!(said(cut).contains("zip archive"));
    }
}
