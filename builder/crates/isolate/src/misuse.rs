//! A command line that is not valid.

/// Why, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misuse(pub(crate) String);
