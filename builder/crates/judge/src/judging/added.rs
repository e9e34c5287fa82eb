//! Files that the problem adds to a submission, and what it demands of one before that.

use std::io::Read;

use run::exec::{SourceFile, Submission, Workroom};

use super::Failure;
use crate::constants;
use crate::error::Mistake;
use crate::files::Files;
use crate::problem::{Include, Problem};

/// A submission that is ready to be compiled.
pub(super) struct Dressed {
    pub(super) submission: Submission,
    /// As [`Workroom::compile`] takes it.
    pub(super) language: Option<String>,
}

/// The submission with what the problem adds to it. `language` is what the caller asked for.
///
/// # Errors
/// The bundle does not have its language, or the problem does not allow it.
pub(super) fn dress(
    files: &Files,
    problem: &Problem,
    room: &Workroom,
    submission: &Submission,
    language: Option<&str>,
) -> Result<Dressed, Failure> {
    let asked = language.map(str::to_owned);
    if problem.include.is_empty() && problem.languages.is_none() {
        return Ok(Dressed { submission: submission.clone(), language: asked });
    }
    let (name, declared) = room.language(submission, language)?;
    if let Some(allowed) = &problem.languages
        && !allowed.iter().any(|allowed| is_of(allowed, name))
    {
        return Err(Failure::Language { language: name.to_owned(), allowed: allowed.join(", ") });
    }
    let mut dressed = submission.clone();
    let fits = |include: &&Include| include.language.as_ref().is_none_or(|of| is_of(of, name));
    for include in problem.include.iter().filter(fits) {
        let stem = include.stem.as_ref().map(|stem| format!("{stem}{}", extension(submission)));
        let alone = declared.as_ref().or(stem.as_ref()).map(String::as_str);
        let added = filled_sources(files, problem, &include.files, &include.directory)?;
        dressed = dressed.with_added(added, include.entry.as_deref(), alone)?;
    }
    Ok(Dressed { submission: dressed, language: asked.or_else(|| Some(name.to_owned())) })
}

/// Whether files for a language are for submissions in this one.
fn is_of(language: &str, name: &str) -> bool {
    language == name || language == "python" && name == "pypy"
}

/// With its dot.
fn extension(submission: &Submission) -> String {
    let name = submission.files().first().map_or("", |file| file.path.as_str());
    name.rsplit_once('.').map_or_else(String::new, |(_, extension)| format!(".{extension}"))
}

/// The most source that a program of the problem has, in bytes: a submission's limit.
const LARGEST_SOURCE: u64 = 16 << 20;

/// Files of the problem by their names below `directory`, with the problem's constants filled in.
///
/// # Errors
/// A file cannot be read, or together they are larger than a program may be: a few bytes can name a long constant.
pub(super) fn filled_sources(
    files: &Files,
    problem: &Problem,
    paths: &[String],
    directory: &str,
) -> Result<Vec<SourceFile>, Failure> {
    let mut left = LARGEST_SOURCE;
    let mut filled = |path: &String| {
        let mut file = source(files, path, directory)?;
        let wrong = |what: String| Failure::from(files.error(Mistake::new(path, what)));
        // A file that is not text has no names of constants.
        if let Ok(text) = std::str::from_utf8(&file.content) {
            let text = constants::filled(&problem.constants, text, LARGEST_SOURCE).map_err(wrong)?;
            file.content = text.into_bytes();
        }
        let what = || wrong(format!("with it, a program has more than {LARGEST_SOURCE} bytes, the most"));
        left = left.checked_sub(file.content.len() as u64).ok_or_else(what)?;
        Ok(file)
    };
    paths.iter().map(&mut filled).collect()
}

/// A file of the problem by its name below `directory`.
pub(super) fn source(files: &Files, path: &str, directory: &str) -> Result<SourceFile, Failure> {
    let mut content = Vec::new();
    let read = files.open_file(path)?.take(LARGEST_SOURCE + 1).read_to_end(&mut content);
    read.map_err(|error| crate::Error::File(bundle::FileError::read(&files.place().join(path), error)))?;
    Ok(SourceFile { path: path.strip_prefix(directory).unwrap_or(path).to_owned(), content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_do_not_make_short_sources_long() {
        let long = "{{n}}".repeat(20);
        let sources = [("a.c", "int a[{{m}}];"), ("b.c", "{{n}}{{n}}"), ("c.c", "{{n}}"), ("long.c", &*long)];
        let place = tempfile::tempdir().unwrap();
        for (name, text) in sources {
            std::fs::write(place.path().join(name), text).unwrap();
        }
        let files = Files::open(place.path()).unwrap();
        let mut problem = crate::read::plain_problem(1, 0.0);
        let constants = [("m", "7".to_owned()), ("n", "x".repeat(6 << 20))];
        problem.constants = constants.map(|(name, value)| (name.to_owned(), value)).into();
        let filled = |names: &[&str]| {
            let paths: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            filled_sources(&files, &problem, &paths, "").map_err(|failure| failure.to_string())
        };
        assert_eq!(filled(&["a.c", "b.c"]).unwrap()[0].content, b"int a[7];");
        let said = filled(&["long.c"]).unwrap_err();
        assert!(said.contains("long.c: with its constants filled in, it is longer than 16777216"), "{said}");
        let said = filled(&["a.c", "b.c", "c.c"]).unwrap_err();
        assert!(said.contains("c.c: with it, a program has more than 16777216 bytes"), "{said}");
    }
}
