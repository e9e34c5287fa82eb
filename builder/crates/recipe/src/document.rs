//! A recipe's text as TOML values of the wanted type, or the mistake with its line and column.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::error::RecipeError;
use crate::keys::KEYS;
use crate::span::{Span, Spanned};

pub(crate) type Key<'a> = toml::Spanned<std::borrow::Cow<'a, str>>;
pub(crate) type Value<'a> = toml::Spanned<DeValue<'a>>;

/// A parsed document; knows the text, so that every answer has a line and a column.
pub(crate) struct Document<'a> {
    text: &'a str,
    pub(crate) file: &'a Path,
    /// Bytes into the text, with their lines and columns: the start of each line, and some places in long ones.
    /// A recipe may have many values, and counting from the start for each would take its time squared.
    marks: Vec<(usize, usize, usize)>,
}

/// Most bytes between two marks.
const STRIDE: usize = 1024;

impl<'a> Document<'a> {
    pub(crate) fn new(text: &'a str, file: &'a Path) -> Document<'a> {
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
    pub(crate) fn strings<'v, 'i>(
        &self,
        key: &Key<'_>,
        value: &'v Value<'i>,
    ) -> Result<std::slice::Iter<'v, Value<'i>>, RecipeError> {
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

    pub(crate) fn spanned(&self, value: &Value<'_>) -> Result<Spanned<String>, RecipeError> {
        match value.get_ref() {
            DeValue::String(text) => Ok(Spanned { value: text.to_string(), span: self.span(value.span()) }),
            other => Err(self.mistake(
                value.span(),
                &format!("a string is wanted here, not {}", a_kind(other)),
                "put it in quotes",
            )),
        }
    }

    pub(crate) fn string(&self, key: &Key<'_>, value: &Value<'_>) -> Result<String, RecipeError> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            other => Err(self.mistake(
                value.span(),
                &format!("`{}` is a string, not {}", key.get_ref(), a_kind(other)),
                "put it in quotes",
            )),
        }
    }

    pub(crate) fn boolean(&self, key: &Key<'_>, value: &Value<'_>) -> Result<bool, RecipeError> {
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
    pub(crate) fn one_of<T: Copy>(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> Result<T, RecipeError> {
        let text = self.string(key, value)?;
        let known = || all.iter().map(|one| format!("\"{}\"", word(*one))).collect::<Vec<_>>().join(", ");
        let found = all.iter().copied().find(|one| word(*one) == text);
        // All of them, as the nearest by letters (`v5`: `v2`) need not be the one that was meant.
        found.ok_or_else(|| {
            let what = format!("`{}` is a level, and `{text}` is none", key.get_ref());
            self.mistake(value.span(), &what, &format!("levels are {}", known()))
        })
    }

    /// The tables of `[[key]]`.
    pub(crate) fn tables<'v, 'i>(
        &self,
        key: &Key<'_>,
        value: &'v Value<'i>,
    ) -> Result<Vec<(&'v Value<'i>, &'v DeTable<'i>)>, RecipeError> {
        let hint = format!("write [[{}]] and its entries below it", key.get_ref());
        let wrong = |value: &Value<'_>| {
            let what = format!("`{}` is a list of tables, not {}", key.get_ref(), a_kind(value.get_ref()));
            self.mistake(value.span(), &what, &hint)
        };
        let DeValue::Array(items) = value.get_ref() else { return Err(wrong(value)) };
        items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::Table(table) => Ok((item, table)),
                _ => Err(wrong(item)),
            })
            .collect()
    }

    pub(crate) fn table<'v, 'i>(
        &self,
        key: &Key<'_>,
        value: &'v Value<'i>,
    ) -> Result<&'v DeTable<'i>, RecipeError> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            other => Err(self.mistake(
                value.span(),
                &format!("`{0}` is a table, not {1}", key.get_ref(), a_kind(other)),
                &format!("write [{}] and its entries below it", key.get_ref()),
            )),
        }
    }

    pub(crate) fn unknown(&self, span: Range<usize>, what: &str, name: &str, known: &[&str]) -> RecipeError {
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

    pub(crate) fn syntax(&self, error: &toml::de::Error) -> RecipeError {
        let span = error.span().unwrap_or(0..0);
        let at = self.span(span.clone());
        match (error.message(), self.text.get(span)) {
            ("duplicate key", Some(key)) => {
                let hint = Some("a key is given once: put all its values there".to_owned());
                RecipeError {
                    span: at,
                    what: format!("`{}` is given a second time", key.escape_debug()),
                    hint,
                }
            }
            (message, _) => RecipeError { span: at, what: message.replace('\n', ", "), hint: None },
        }
    }

    pub(crate) fn mistake(&self, span: Range<usize>, what: &str, hint: &str) -> RecipeError {
        RecipeError { span: self.span(span), what: what.to_owned(), hint: Some(hint.to_owned()) }
    }

    pub(crate) fn span(&self, span: Range<usize>) -> Span {
        let start = self.text.floor_char_boundary(span.start);
        let after = self.marks.partition_point(|(at, ..)| *at <= start);
        let (at, line, column) = self.marks[after - 1];
        Span::file(self.file, line, column + self.text[at..start].chars().count())
    }
}

/// A table's entries as they stand in the text, so that the first mistake of a file is reported first.
pub(crate) fn in_order<'v, 'i>(table: &'v DeTable<'i>) -> Vec<(&'v Key<'i>, &'v Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

pub(crate) fn a_kind(value: &DeValue<'_>) -> &'static str {
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
