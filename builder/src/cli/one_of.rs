//! A value that is one of a few words which another crate's type knows.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Parses the word that `word` gives for one of `all`; help and completions list the words.
pub(super) fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    word: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(|value| word(*value))).map(move |given| {
        all.iter().copied().find(|value| word(*value) == given).expect("clap lets only these words through")
    })
}
