//! A submission that is the output itself: no program runs, and each test's file is judged.

use std::fs::File;
use std::io::{Seek, Write};

use run::exec::{SourceFile, Submission};

use super::Failure;
use super::scratch::scratch;
use crate::files::Files;
use crate::problem::Test;

/// The files of the submission.
#[derive(Debug)]
pub(super) struct Answers(Vec<SourceFile>);

/// How a zip archive begins (APPNOTE.TXT, 4.3.7).
const ZIP: &[u8] = b"PK\x03\x04";
/// As the most source of a submission, in bytes.
const LARGEST: u64 = 16 << 20;

impl Answers {
    /// Those of a submission. A single archive stands for the files in it.
    ///
    /// # Errors
    /// The archive is damaged, or is one that no judge should unpack.
    pub(super) fn of(submission: &Submission) -> Result<Answers, Failure> {
        let [archive] = submission.files() else { return Ok(Answers(submission.files().to_vec())) };
        if !archive.content.starts_with(ZIP) {
            return Ok(Answers(vec![archive.clone()]));
        }
        let file = held(&archive.content)
            .map_err(|what| Failure::Unsupported { problem: archive.path.as_str().into(), what })?;
        let files = Files::of_archive(archive.path.as_ref(), file)?;
        let mut left = LARGEST;
        let mut all = Vec::new();
        for name in files.names() {
            left = left.saturating_sub(files.size(name).unwrap_or(0));
            if left == 0 {
                let what = format!("its files are larger than {LARGEST} bytes");
                return Err(Failure::Unsupported { problem: archive.path.as_str().into(), what });
            }
            all.push(super::added::source(&files, name, "")?);
        }
        Ok(Answers(all))
    }

    /// The output for a test, or why there is none. An error is the host's.
    pub(super) fn output(&self, test: &Test) -> Result<Result<File, String>, String> {
        let found = match (&test.submitted[..], &self.0[..]) {
            ([], [only]) => Some(only),
            ([], _) => None,
            (names, files) => names.iter().find_map(|name| files.iter().find(|file| file.path == *name)),
        };
        match (found, test.submitted.first()) {
            (Some(file), _) => held(&file.content).map(Ok),
            (None, Some(name)) => Ok(Err(format!("the submission has no file `{}`", name.escape_debug()))),
            (None, None) => Ok(Err("the submission has more than one file".to_owned())),
        }
    }
}

/// The bytes as a file without a name, for a checker.
fn held(content: &[u8]) -> Result<File, String> {
    let mut file = scratch()?;
    file.write_all(content).and_then(|()| file.rewind()).map_err(|error| error.to_string())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn output(files: &[(&str, &[u8])], names: &[&str]) -> Result<String, String> {
        let files = files
            .iter()
            .map(|(path, content)| SourceFile { path: (*path).to_owned(), content: content.to_vec() });
        let answers = Answers::of(&Submission::new(files.collect(), None).unwrap())
            .map_err(|error| error.to_string())?;
        let mut test = Test::new("1", "1.in", None);
        test.submitted = names.iter().map(|name| (*name).to_owned()).collect();
        let mut text = String::new();
        answers.output(&test).unwrap()?.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn a_test_has_its_file() {
        let files: [(&str, &[u8]); 2] = [("a.txt", b"one"), ("b.txt", b"two")];
        assert_eq!(output(&files, &["b.txt"]), Ok("two".to_owned()));
        assert_eq!(output(&files, &["c.txt", "a.txt"]), Ok("one".to_owned()));
        assert_eq!(output(&files, &["c.txt"]), Err("the submission has no file `c.txt`".to_owned()));
        assert_eq!(output(&files[..1], &[]), Ok("one".to_owned()));
        assert_eq!(output(&files, &[]), Err("the submission has more than one file".to_owned()));
    }

    #[test]
    fn an_archive_stands_for_its_files() {
        let archive = |content: &[u8]| {
            let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
            archive.start_file("b.txt", SimpleFileOptions::default()).unwrap();
            archive.write_all(content).unwrap();
            archive.finish().unwrap().into_inner()
        };
        assert_eq!(output(&[("all.zip", &archive(b"two"))], &["b.txt"]), Ok("two".to_owned()));
        let large = vec![b'x'; LARGEST as usize + 1];
        assert!(output(&[("all.zip", &archive(&large))], &["b.txt"]).unwrap_err().contains("larger than"));
        assert!(output(&[("all.zip", b"PK\x03\x04broken")], &["b.txt"]).is_err());
    }
}
