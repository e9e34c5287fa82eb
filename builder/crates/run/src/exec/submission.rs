//! A submission: named files, and the one where it starts.

use std::collections::HashSet;
use std::path::Path;

use recipe::language::Language;
use recipe::placeholder::Names;

use crate::error::Error;

/// A submission has at most this many files,
pub(super) const MOST_FILES: usize = 1000;
/// and all of them together this many bytes.
pub(super) const MOST_BYTES: u64 = 16 << 20;
/// A name longer than this does not fit into a directory (limits.h: NAME_MAX).
const LONGEST_NAME: usize = 255;
/// Far below PATH_MAX, so that the path still fits where the box is.
const LONGEST_PATH: usize = 1024;
/// At most this many characters of a wrong name are shown.
const SHOWN: usize = 80;

/// One file of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path below the submission's directory: `main.py`, `lib/util.h`.
    pub path: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Files whose names are safe: each stays below the submission's directory, and no two of them collide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    files: Vec<SourceFile>,
    /// `None` where the language's usual name decides.
    entry: Option<usize>,
    /// Who has what an [`super::ArtifactCache`] keeps of it, where that is not shared.
    owner: Option<String>,
}

impl Submission {
    /// A submission of these files. It starts at the one called `entry`; without that at the only one, or at the one that
    /// has the language's usual name, such as `main.py`.
    ///
    /// # Errors
    /// There is no file, or too many or too large ones; a name is not a relative path, or two files have the same.
    pub fn new(files: Vec<SourceFile>, entry: Option<&str>) -> Result<Submission, Error> {
        check(&files)?;
        let find = |name: &str| {
            let found = files.iter().position(|file| file.path == name);
            found.ok_or_else(|| refused(format!("{} is not a file of the submission", shown(name))))
        };
        let entry = entry.map(find).transpose()?;
        let entry = entry.or(if files.len() == 1 { Some(0) } else { None });
        Ok(Submission { files, entry, owner: None })
    }

    /// The same with the place of the file where it starts, if that is known.
    pub(super) fn with_entry(files: Vec<SourceFile>, entry: Option<usize>) -> Result<Submission, Error> {
        check(&files)?;
        Ok(Submission { files, entry, owner: None })
    }

    /// This submission with more files, which replace those of the same name; it starts at `entry`, or where it started.
    /// A file that was alone is called `name` from now on.
    ///
    /// # Errors
    /// As [`Submission::new`].
    pub fn with_added(
        &self,
        added: Vec<SourceFile>,
        entry: Option<&str>,
        name: Option<&str>,
    ) -> Result<Submission, Error> {
        let mut files = self.files.clone();
        if let ([alone], Some(name)) = (&mut files[..], name) {
            name.clone_into(&mut alone.path);
        }
        let started = self.entry.map(|entry| files[entry].path.clone());
        files.retain(|file| added.iter().all(|other| other.path != file.path));
        files.extend(added);
        let is_left = |name: &&str| files.iter().any(|file| file.path == *name);
        let entry = entry.map(str::to_owned).or(started.as_deref().filter(is_left).map(str::to_owned));
        let owner = self.owner.clone();
        Ok(Submission { owner, ..Submission::new(files, entry.as_deref())? })
    }

    /// The same as somebody's own: what a cache that keeps owners apart has of it is for no other one.
    #[must_use]
    pub fn of_owner(self, owner: &str) -> Submission {
        Submission { owner: Some(owner.to_owned()), ..self }
    }

    pub(super) fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// Its files.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The file that tells the language: the one where it starts, if that is known without the language.
    pub(super) fn told_entry(&self) -> Option<&Path> {
        self.entry.map(|entry| Path::new(&self.files[entry].path))
    }

    /// What arguments of the two steps call its files.
    pub(super) fn names(&self, language: &Language) -> Result<Names, Error> {
        if let [file] = self.files.as_slice() {
            return Ok(language.names(&String::from_utf8_lossy(&file.content)));
        }
        let entry = self.entry_in(language)?;
        let texts = self.files.iter().map(|file| (file.path.as_str(), file.content.as_slice()));
        let names = language.names_of_several(&texts.collect::<Vec<_>>(), entry);
        let is_made = |file: &&SourceFile| language.output.is_some() && file.path == names.output;
        match self.files.iter().find(is_made) {
            Some(file) => Err(refused(format!(
                "{} has the name of the file that the compile step makes; give it another",
                shown(&file.path)
            ))),
            None => Ok(names),
        }
    }

    /// The files by their paths in the box. One that is alone has the name that its language wants.
    pub(super) fn placed<'a>(&'a self, names: &'a Names) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let alone = self.files.len() == 1;
        self.files.iter().map(move |file| {
            (if alone { names.source.as_str() } else { file.path.as_str() }, file.content.as_slice())
        })
    }

    /// Whether it has several files.
    pub fn has_several(&self) -> bool {
        self.files.len() > 1
    }

    fn entry_in(&self, language: &Language) -> Result<usize, Error> {
        let usual = || self.files.iter().position(|file| file.path == language.source.usual());
        if let Some(entry) = self.entry.or_else(usual) {
            return Ok(entry);
        }
        let mut claimed = (0..self.files.len()).filter(|at| language.claims(self.files[*at].path.as_ref()));
        match (claimed.next(), claimed.next()) {
            (Some(one), None) => Ok(one),
            // They are compiled together anyway.
            (Some(first), Some(_)) if !language.units.is_empty() && language.output.is_some() => Ok(first),
            (None, _) => Err(refused("the submission has no file of its language".to_owned())),
            _ => Err(refused(format!(
                "the submission has no `{}`; say with `--entry FILE` where it starts",
                language.source.usual()
            ))),
        }
    }
}

fn check(files: &[SourceFile]) -> Result<(), Error> {
    if files.is_empty() {
        return Err(refused("the submission has no file".to_owned()));
    }
    if files.len() > MOST_FILES {
        return Err(too_many());
    }
    let bytes: u64 = files.iter().map(|file| file.content.len() as u64).sum();
    if bytes > MOST_BYTES {
        return Err(too_large());
    }
    let mut taken = HashSet::new();
    for file in files {
        check_path(&file.path)?;
        if !taken.insert(file.path.as_str()) {
            return Err(refused(format!("the submission has {} twice", shown(&file.path))));
        }
    }
    let parents = |path: &str| path.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>();
    for file in files {
        let as_directory = parents(&file.path).into_iter().map(|end| &file.path[..end]);
        if let Some(both) = as_directory.into_iter().find(|parent| taken.contains(parent)) {
            return Err(refused(format!("{} is a file and a directory of the submission", shown(both))));
        }
    }
    Ok(())
}

/// A path that stays where it is, on every file system and on every terminal that shows it.
pub(super) fn check_path(path: &str) -> Result<(), Error> {
    let cause = if path.is_empty() {
        "it is empty"
    } else if path.starts_with('/') {
        "it is absolute"
    } else if path.chars().any(char::is_control) {
        "it has a control character"
    } else if path.split('/').any(|name| name == "..") {
        "it climbs out of the submission with `..`"
    } else if path.split('/').any(|name| name.is_empty() || name == ".") {
        "it has an empty name or `.`"
    } else if path.len() > LONGEST_PATH || path.split('/').any(|name| name.len() > LONGEST_NAME) {
        "it is too long"
    } else {
        return Ok(());
    };
    Err(refused(format!("{} cannot name a file of a submission: {cause}", shown(path))))
}

pub(super) fn refused(what: String) -> Error {
    Error::Submission { what }
}

pub(super) fn too_many() -> Error {
    refused(format!("the submission has more than {MOST_FILES} files"))
}

pub(super) fn too_large() -> Error {
    refused(format!("the submission is larger than {MOST_BYTES} bytes"))
}

/// A name on one line, cut if it is long.
fn shown(name: &str) -> String {
    let escaped: String = name.escape_debug().take(SHOWN).collect();
    let more = if name.escape_debug().nth(SHOWN).is_some() { "…" } else { "" };
    format!("`{escaped}{more}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), content: Vec::new() }
    }

    fn refusal(paths: &[&str]) -> String {
        let files = paths.iter().map(|path| file(path)).collect();
        Submission::new(files, None).expect_err("refused").to_string()
    }

    #[test]
    fn a_name_that_could_lead_elsewhere_is_refused_on_one_line() {
        let long = ["x".repeat(256), "d/".repeat(600) + "x"];
        for (path, cause) in [
            ("", "empty"),
            ("/etc/passwd", "absolute"),
            ("../x", "climbs"),
            ("a/../../x", "climbs"),
            ("a/..", "climbs"),
            ("./x", "`.`"),
            ("a//x", "empty name"),
            ("a/", "empty name"),
            ("a\0b", "control character"),
            ("a\nb", "control character"),
            ("a\u{1b}[2J", "control character"),
            (&long[0], "too long"),
            (&long[1], "too long"),
        ] {
            let text = refusal(&[path, "main.c"]);
            assert!(text.contains(cause) && !text.contains('\n') && text.len() < 250, "{path:?}: {text}");
        }
    }

    #[test]
    fn names_that_collide_are_refused() {
        assert_eq!(refusal(&["a", "b", "a"]), "the submission has `a` twice");
        assert_eq!(refusal(&["a/b/c", "a/b"]), "`a/b` is a file and a directory of the submission");
        assert!(Submission::new(vec![file("a/b"), file("a/bc"), file("a-b")], None).is_ok());
    }

    #[test]
    fn its_size_is_limited() {
        assert_eq!(refusal(&[]), "the submission has no file");
        let many: Vec<String> = (0..=MOST_FILES).map(|n| n.to_string()).collect();
        assert!(
            refusal(&many.iter().map(String::as_str).collect::<Vec<_>>()).contains("more than 1000 files")
        );
        let half = || vec![0; (MOST_BYTES / 2 + 1) as usize];
        let files = ["a", "b"].map(|path| SourceFile { path: path.to_owned(), content: half() });
        let error = Submission::new(files.into(), None).expect_err("too large").to_string();
        assert!(error.contains("larger than 16777216 bytes"), "{error}");
    }

    #[test]
    fn files_that_are_added_replace_others() {
        let submission = Submission::new(vec![file("a.py")], None).expect("good");
        let paths = |submission: &Submission| {
            submission.files().iter().map(|file| file.path.clone()).collect::<Vec<_>>()
        };
        let driven = submission.with_added(vec![file("grader.py")], Some("grader.py"), Some("task.py"));
        let driven = driven.expect("good");
        assert_eq!(
            (paths(&driven), driven.told_entry()),
            (vec!["task.py".to_owned(), "grader.py".to_owned()], Some(Path::new("grader.py")))
        );
        let beside = submission.with_added(vec![file("a.h")], None, None).expect("good");
        assert_eq!(beside.told_entry(), Some(Path::new("a.py")));
        let replaced = submission.with_added(vec![file("a.py"), file("b.py")], None, None).expect("good");
        assert_eq!(paths(&replaced), ["a.py", "b.py"]);
        assert!(submission.with_added(vec![file("a.py/x")], None, None).is_err());
    }

    #[test]
    fn an_entry_is_a_file_of_it() {
        let submission = Submission::new(vec![file("a.py"), file("b.py")], Some("b.py")).expect("good");
        assert_eq!(submission.told_entry(), Some(Path::new("b.py")));
        let error = Submission::new(vec![file("a.py")], Some("c.py")).expect_err("absent").to_string();
        assert_eq!(error, "`c.py` is not a file of the submission");
    }
}
