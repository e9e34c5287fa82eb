//! A path inside the image: absolute, normal, UTF-8, one spelling for each place.
//!
//! Everything that is printed, stored or handed to a shell later goes through this type, so a path that
//! could lie about itself (control characters, `..`, bytes that are no text) is refused once, here.

use std::fmt;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

/// Longest path in bytes: PATH_MAX of Linux without its terminating NUL.
const LONGEST: usize = 4095;

/// An absolute path of the image. `/` itself is the empty-named root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImagePath(String);

/// Why a path cannot be in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It does not start with `/`.
    #[error("is not absolute")]
    Relative,
    /// It has a `.` or `..` in it, a doubled or trailing slash.
    #[error("has `.`, `..` or an empty name in it")]
    NotNormal,
    /// Its bytes are no UTF-8 text.
    #[error("is not UTF-8")]
    NotText,
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
        Self::parse(path.to_str().ok_or(Unfit::NotText)?)
    }

    /// As [`ImagePath::new`], from text.
    pub fn parse(text: &str) -> Result<Self, Unfit> {
        if !text.starts_with('/') {
            return Err(Unfit::Relative);
        }
        if text.chars().any(char::is_control) {
            return Err(Unfit::Control);
        }
        if text.len() > LONGEST {
            return Err(Unfit::TooLong);
        }
        let normal = Path::new(text)
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let tidy = text == "/"
            || !(text.ends_with('/') || text.contains("//") || text.contains("/./") || text.ends_with("/."));
        if normal && tidy { Ok(ImagePath(text.to_owned())) } else { Err(Unfit::NotNormal) }
    }

    /// The image's root.
    pub fn root() -> Self {
        ImagePath("/".to_owned())
    }

    /// True for `/`.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// The text, with its leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text without its leading slash: empty for the root.
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// As a path of the standard library.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Its last name; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The directory it lies in; `None` for the root.
    pub fn parent(&self) -> Option<ImagePath> {
        if self.is_root() {
            return None;
        }
        let slash = self.0.rfind('/').unwrap_or(0);
        Some(ImagePath(self.0[..slash.max(1)].to_owned()))
    }

    /// The text up to and with its last slash: what a name beside it starts with.
    pub fn parent_prefix(&self) -> &str {
        &self.0[..=self.0.rfind('/').unwrap_or(0)]
    }

    /// All directories above it, the root last.
    pub fn ancestors(&self) -> impl Iterator<Item = ImagePath> {
        std::iter::successors(self.parent(), ImagePath::parent)
    }

    /// Where this path lies below `root` on the build host.
    pub fn below(&self, root: &Path) -> std::path::PathBuf {
        root.join(self.relative())
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
        path.0
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
    fn ancestors_end_at_the_root() {
        let path = ImagePath::parse("/a/b/c").expect("normal");
        let above: Vec<String> = path.ancestors().map(String::from).collect();
        assert_eq!(above, ["/a/b", "/a", "/"]);
        assert_eq!(ImagePath::root().parent(), None);
    }
}
