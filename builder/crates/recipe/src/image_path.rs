//! A path inside the image: absolute, normal, one spelling for each place.
//!
//! Everything that is printed, stored or handed to a shell later goes through this type, so a path that
//! could lie about itself (control characters, `..`) is refused once, here. Names that are not UTF-8 have a text, too
//! ([`crate::byte_text`]).

use std::ffi::OsString;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::byte_text;

/// Longest path in bytes: PATH_MAX of Linux without its terminating NUL.
const LONGEST: usize = 4095;

/// An absolute path of the image. `/` itself is the empty-named root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImagePath {
    text: String,
    /// The path as the kernel takes it, where that differs from the text. Boxed, because hardly any path has it.
    raw: Option<Box<OsString>>,
}

/// Why a path cannot be in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It does not start with `/`.
    #[error("is not absolute")]
    Relative,
    /// It has a `.` or `..` in it, a doubled or trailing slash.
    #[error("has `.`, `..` or an empty name in it")]
    NotNormal,
    /// It has a control character in it, which no report could show faithfully.
    #[error("has a control character in it")]
    Control,
    /// The kernel would refuse it.
    #[error("is longer than 4095 bytes")]
    TooLong,
}

impl ImagePath {
    /// Takes `path` as it stands; nothing is looked up or normalised.
    pub fn new(path: &Path) -> Result<Self, Unfit> {
        Self::checked(&byte_text::from_os(path.as_os_str()))
    }

    /// As [`ImagePath::new`], from text, in which characters may stand for bytes.
    pub fn parse(text: &str) -> Result<Self, Unfit> {
        if byte_text::has_bytes(text) {
            return Self::new(Path::new(&byte_text::to_os(text)));
        }
        Self::checked(text)
    }

    fn checked(text: &str) -> Result<Self, Unfit> {
        if !text.starts_with('/') {
            return Err(Unfit::Relative);
        }
        if text.chars().any(char::is_control) {
            return Err(Unfit::Control);
        }
        let path = ImagePath::of(text);
        if path.as_path().as_os_str().len() > LONGEST {
            return Err(Unfit::TooLong);
        }
        let normal = Path::new(text)
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let tidy = text == "/"
            || !(text.ends_with('/') || text.contains("//") || text.contains("/./") || text.ends_with("/."));
        if normal && tidy { Ok(path) } else { Err(Unfit::NotNormal) }
    }

    /// The path of a text that is known to be one.
    fn of(text: &str) -> Self {
        let raw = byte_text::has_bytes(text).then(|| Box::new(byte_text::to_os(text)));
        ImagePath { text: text.to_owned(), raw }
    }

    /// The image's root.
    pub fn root() -> Self {
        ImagePath::of("/")
    }

    /// True for `/`.
    pub fn is_root(&self) -> bool {
        self.text == "/"
    }

    /// The text, with its leading slash; characters may stand for bytes.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text without its leading slash: empty for the root.
    pub fn relative(&self) -> &str {
        &self.text[1..]
    }

    /// As the kernel takes it.
    pub fn as_path(&self) -> &Path {
        self.raw.as_ref().map_or(Path::new(&self.text), |raw| Path::new(raw.as_os_str()))
    }

    /// Its last name; empty for the root.
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The directory it lies in; `None` for the root.
    pub fn parent(&self) -> Option<ImagePath> {
        if self.is_root() {
            return None;
        }
        let slash = self.text.rfind('/').unwrap_or(0);
        Some(ImagePath::of(&self.text[..slash.max(1)]))
    }

    /// The text up to and with its last slash: the start of every name in the same directory.
    pub fn parent_prefix(&self) -> &str {
        &self.text[..=self.text.rfind('/').unwrap_or(0)]
    }

    /// All directories above it, the root last.
    pub fn ancestors(&self) -> impl Iterator<Item = ImagePath> {
        std::iter::successors(self.parent(), ImagePath::parent)
    }

    /// Where this path lies below `root` on the build host.
    pub fn below(&self, root: &Path) -> PathBuf {
        let path = self.as_path();
        root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl TryFrom<String> for ImagePath {
    type Error = Unfit;
    fn try_from(text: String) -> Result<Self, Unfit> {
        Self::parse(&text)
    }
}

impl From<ImagePath> for String {
    fn from(path: ImagePath) -> String {
        path.text
    }
}

/// For messages: a byte that is not text is a number.
impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&byte_text::shown(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_absolute_paths_are_taken_as_they_stand() {
        for text in ["/", "/bin", "/usr/share/a b'c", "/home/über/.x", "/a/..b"] {
            assert_eq!(ImagePath::parse(text).expect(text).as_str(), text);
        }
    }

    #[test]
    fn paths_that_could_lie_are_refused() {
        let refused = [
            ("bin", Unfit::Relative),
            ("", Unfit::Relative),
            ("/a/../b", Unfit::NotNormal),
            ("/a/./b", Unfit::NotNormal),
            ("/a/.", Unfit::NotNormal),
            ("/a//b", Unfit::NotNormal),
            ("/a/", Unfit::NotNormal),
            ("/a\nb", Unfit::Control),
            ("/a\u{1b}[2J", Unfit::Control),
        ];
        for (text, why) in refused {
            assert_eq!(ImagePath::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_path_that_is_not_utf_8_is_taken_and_stored_as_text() {
        use std::os::unix::ffi::OsStrExt;
        let kernel = Path::new(std::ffi::OsStr::from_bytes(b"/d\xff/caf\xe9"));
        let path = ImagePath::new(kernel).expect("normal");
        assert_eq!((path.as_path(), path.to_string().as_str()), (kernel, "/d\\xff/caf\\xe9"));
        assert_eq!(ImagePath::parse(path.as_str()), Ok(path.clone()));
        assert_eq!(
            path.below(Path::new("/r")),
            Path::new("/r").join(kernel.strip_prefix("/").expect("absolute"))
        );
        let above = path.parent().expect("a directory");
        assert_eq!(above.as_path(), kernel.parent().expect("a directory"));
        assert_eq!(path.ancestors().last(), Some(ImagePath::root()));
        // The bytes of U+0085, a control character, one by one.
        assert_eq!(ImagePath::parse("/\u{10FFC2}\u{10FF85}"), Err(Unfit::Control));
    }

    #[test]
    fn ancestors_end_at_the_root() {
        let path = ImagePath::parse("/a/b/c").expect("normal");
        let above: Vec<String> = path.ancestors().map(String::from).collect();
        assert_eq!(above, ["/a/b", "/a", "/"]);
        assert_eq!(ImagePath::root().parent(), None);
    }
}
