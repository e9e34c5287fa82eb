//! A recipe's text as TOML values of the wanted type, or the mistake with its line and column.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::read::KEYS;
use super::{Asked, Mistake, Place};

pub(super) type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A parsed document; knows the text, so that every answer has a line and a column.
pub(super) struct Document<'a> {
    text: &'a str,
    pub(super) file: &'a Path,
    /// Bytes into the text, with their lines and columns: the start of each line, and some places in long ones.
    /// A recipe may have many values, and counting from the start for each would take its time squared.
    marks: Vec<(usize, usize, usize)>,
}

/// Most bytes between two marks.
const STRIDE: usize = 1024;

impl<'a> Document<'a> {
    pub(super) fn new(text: &'a str, file: &'a Path) -> Document<'a> {
        let mut marks = vec![(0, 1, 1)];
        let (mut line, mut column) = (1, 1);
        for (at, letter) in text.char_indices() {
            (line, column) = if letter == '\n' { (line + 1, 1) } else { (line, column + 1) };
            if letter == '\n' || at + letter.len_utf8() - marks[marks.len() - 1].0 >= STRIDE {
                marks.push((at + letter.len_utf8(), line, column));
            }
        }
        Document { text, file, marks }
    }
}

impl Document<'_> {
    pub(super) fn strings<'v, 'i>(
        &self,
        key: &Key<'_>,
        value: &'v Value<'i>,
    ) -> Result<std::slice::Iter<'v, Value<'i>>, Mistake> {
        match value.get_ref() {
            DeValue::Array(items) => Ok(items.iter()),
            DeValue::String(text) => Err(self.mistake(
                value.span(),
                &format!("`{}` is a list of strings, not a string", key.get_ref()),
                &format!("write {} = [\"{}\"]", key.get_ref(), text.escape_debug()),
            )),
            other => Err(self.mistake(
                value.span(),
                &format!("`{}` is a list of strings, not {}", key.get_ref(), a_kind(other)),
                &format!("write {} = [\"…\"]", key.get_ref()),
            )),
        }
    }

    pub(super) fn asked(&self, value: &Value<'_>) -> Result<Asked<String>, Mistake> {
        match value.get_ref() {
            DeValue::String(text) => Ok(Asked { value: text.to_string(), at: self.place(value.span()) }),
            other => Err(self.mistake(
                value.span(),
                &format!("a string is wanted here, not {}", a_kind(other)),
                "put it in quotes",
            )),
        }
    }

    pub(super) fn string(&self, key: &Key<'_>, value: &Value<'_>) -> Result<String, Mistake> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            other => Err(self.mistake(
                value.span(),
                &format!("`{}` is a string, not {}", key.get_ref(), a_kind(other)),
                "put it in quotes",
            )),
        }
    }

    pub(super) fn boolean(&self, key: &Key<'_>, value: &Value<'_>) -> Result<bool, Mistake> {
        match value.get_ref() {
            DeValue::Boolean(yes) => Ok(*yes),
            other => Err(self.mistake(
                value.span(),
                &format!("`{}` is true or false, not {}", key.get_ref(), a_kind(other)),
                "write it without quotes",
            )),
        }
    }

    /// One of a few levels, by its word.
    pub(super) fn one_of<T: Copy>(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> Result<T, Mistake> {
        let text = self.string(key, value)?;
        let known = || all.iter().map(|one| format!("\"{}\"", word(*one))).collect::<Vec<_>>().join(", ");
        let found = all.iter().copied().find(|one| word(*one) == text);
        // All of them, as the nearest by letters (`v5`: `v2`) need not be the one that was meant.
        found.ok_or_else(|| {
            let what = format!("`{}` is a level, and `{text}` is none", key.get_ref());
            self.mistake(value.span(), &what, &format!("levels are {}", known()))
        })
    }

    pub(super) fn table<'v, 'i>(
        &self,
        key: &Key<'_>,
        value: &'v Value<'i>,
    ) -> Result<&'v DeTable<'i>, Mistake> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            other => Err(self.mistake(
                value.span(),
                &format!("`{0}` is a table, not {1}", key.get_ref(), a_kind(other)),
                &format!("write [{}] and its entries below it", key.get_ref()),
            )),
        }
    }

    pub(super) fn unknown(&self, span: Range<usize>, what: &str, name: &str, known: &[&str]) -> Mistake {
        let nearest =
            known.iter().map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate)).min();
        let hint = match nearest {
            // TOML: what follows `[budget]` is the budget's.
            _ if known != KEYS && KEYS.contains(&name) => {
                format!("`{name}` is a key of the recipe itself: write it above the first `[…]`")
            }
            Some((distance, candidate)) if distance <= 1 + candidate.len() / 4 => {
                format!("did you mean `{candidate}`?")
            }
            _ => format!("known are {}", known.join(", ")),
        };
        self.mistake(span, &format!("unknown {what} `{name}`"), &hint)
    }

    pub(super) fn syntax(&self, error: &toml::de::Error) -> Mistake {
        let span = error.span().unwrap_or(0..0);
        let at = self.place(span.clone());
        match (error.message(), self.text.get(span)) {
            ("duplicate key", Some(key)) => {
                let hint = Some("a key is given once: put all its values there".to_owned());
                Mistake { at, what: format!("`{}` is given a second time", key.escape_debug()), hint }
            }
            (message, _) => Mistake { at, what: message.replace('\n', ", "), hint: None },
        }
    }

    pub(super) fn mistake(&self, span: Range<usize>, what: &str, hint: &str) -> Mistake {
        Mistake { at: self.place(span), what: what.to_owned(), hint: Some(hint.to_owned()) }
    }

    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let start = self.text.floor_char_boundary(span.start);
        let after = self.marks.partition_point(|(at, ..)| *at <= start);
        let (at, line, column) = self.marks[after - 1];
        Place::file(self.file, line, column + self.text[at..start].chars().count())
    }
}

/// A table's entries as they stand in the text, so that the first mistake of a file is told first.
pub(super) fn in_order<'v, 'i>(table: &'v DeTable<'i>) -> Vec<(&'v Key<'i>, &'v Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

pub(super) fn a_kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
