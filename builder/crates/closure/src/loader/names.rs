//! Names as small numbers: a closure has a few hundred names of libraries, and each is searched many times.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::shards::Shards;

/// A name that was seen before; equal ids are equal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NameId(u32);

/// The properties of a name that a search needs first, kept in its number to save a look at the text.
const HAS_SLASH: u32 = 1 << 31;
const HAS_TOKEN: u32 = 1 << 30;

impl NameId {
    /// An index for tables.
    pub(super) fn index(self) -> usize {
        (self.0 & !(HAS_SLASH | HAS_TOKEN)) as usize
    }

    /// Whether it is a path.
    pub(super) fn has_slash(self) -> bool {
        self.0 & HAS_SLASH != 0
    }

    /// Whether it has a `$`.
    pub(super) fn has_token(self) -> bool {
        self.0 & HAS_TOKEN != 0
    }
}

/// All names that were seen. All threads share them.
pub(crate) struct Names {
    ids: Shards<Box<OsStr>, NameId>,
    texts: boxcar::Vec<Box<OsStr>>,
}

impl Default for Names {
    fn default() -> Self {
        let names = Names { ids: Shards::default(), texts: boxcar::Vec::new() };
        names.id("".as_ref());
        names
    }
}

impl Names {
    /// The empty name.
    pub(super) const EMPTY: NameId = NameId(0);

    /// The id of a name; a new one when it was not seen before.
    pub(crate) fn id(&self, text: &OsStr) -> NameId {
        self.ids.get(text).unwrap_or_else(|| self.ids.get_or_insert(text.into(), || self.add(text)))
    }

    /// The text of a name.
    pub(crate) fn text(&self, id: NameId) -> &OsStr {
        &self.texts[id.index()]
    }

    fn add(&self, text: &OsStr) -> NameId {
        let flag = |byte, flag| if text.as_bytes().contains(&byte) { flag } else { 0 };
        // Files are read one after the other: 2^30 different names do not fit into the memory of any machine that
        // could read them.
        NameId(self.texts.push(text.into()) as u32 | flag(b'/', HAS_SLASH) | flag(b'$', HAS_TOKEN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_id() {
        let names = Names::default();
        let (a, b) = (names.id("a".as_ref()), names.id("b".as_ref()));
        assert_ne!(a, b);
        assert_eq!(names.id("a".as_ref()), a);
        assert_eq!(names.text(b), "b");
        assert_eq!(names.id("".as_ref()), Names::EMPTY);
    }

    #[test]
    fn an_id_knows_slashes_and_tokens_of_its_name() {
        let names = Names::default();
        let facts = |text: &str| {
            let id = names.id(text.as_ref());
            (id.has_slash(), id.has_token())
        };
        assert_eq!(facts("libc.so.6"), (false, false));
        assert_eq!(facts("./libc.so.6"), (true, false));
        assert_eq!(facts("$ORIGIN/x"), (true, true));
        assert_eq!(facts("lib$PLATFORM"), (false, true));
    }
}
