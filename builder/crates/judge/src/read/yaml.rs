//! YAML as typed values, and the mistakes in it with file and line.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use crate::error::{Error, Mistake};
use crate::files::Files;

/// Reads a file of the problem. An empty one, or one with nothing but comments, has no keys.
pub(super) fn read<T: for<'de> Deserialize<'de> + Default>(files: &Files, name: &str) -> Result<T, Error> {
    parse(&files.text(name)?, name).map_err(|mistake| files.error(mistake))
}

/// Reads a text.
pub(super) fn parse<T: for<'de> Deserialize<'de> + Default>(text: &str, name: &str) -> Result<T, Mistake> {
    let has_nothing = text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---"
    });
    if has_nothing {
        return Ok(T::default());
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map(|location| location.line());
        let text = error.without_snippet().to_string();
        let what = text.lines().next().unwrap_or_default();
        // The line stands in front of the message already.
        let what = what.split(" at line ").next().unwrap_or_default();
        let what = what.strip_prefix("error: ").unwrap_or(what);
        Mistake { line, ..Mistake::new(name, what.trim()) }
    })
}

/// A key whose value does not matter here.
pub(super) type Ignored = Option<IgnoredAny>;

/// A scalar of any kind, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

/// A list of words, or a text of words with blanks between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words(pub(super) Vec<String>);

/// A number, which may stand in quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Number(pub(super) f64);

/// A name alone, or keys that say more.
#[derive(Debug, Clone)]
pub(super) enum NameOr<T> {
    Name(String),
    Keys(T),
}

struct TextVisitor;
struct WordsVisitor;
struct NameOrVisitor<T>(PhantomData<T>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Text, D::Error> {
        from.deserialize_str(TextVisitor).map(Text)
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Words, D::Error> {
        from.deserialize_any(WordsVisitor).map(Words)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Number, D::Error> {
        let text = from.deserialize_str(TextVisitor)?;
        let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Number).ok_or_else(|| de::Error::custom(format_args!("expected a number, found `{text}`")))
    }
}

// An untagged enum of serde's would lose the lines of mistakes in the keys.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for NameOr<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<NameOr<T>, D::Error> {
        from.deserialize_any(NameOrVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for NameOrVisitor<T> {
    type Value = NameOr<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or keys")
    }

    fn visit_str<E>(self, text: &str) -> Result<NameOr<T>, E> {
        Ok(NameOr::Name(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<NameOr<T>, E> {
        Ok(NameOr::Name(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<NameOr<T>, E> {
        Ok(NameOr::Name(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<NameOr<T>, E> {
        // With a digit after the dot, as it was written: `1.0` is another constant than `1`.
        Ok(NameOr::Name(format!("{number:?}")))
    }

    fn visit_map<A: MapAccess<'de>>(self, keys: A) -> Result<NameOr<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(keys)).map(NameOr::Keys)
    }
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a number")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<String, E> {
        Ok(truth.to_string())
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok(String::new())
    }
}

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Vec<String>, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_u64<E>(self, number: u64) -> Result<Vec<String>, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_f64<E>(self, number: f64) -> Result<Vec<String>, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_unit<E>(self) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<String>, A::Error> {
        let mut words = Vec::new();
        while let Some(Text(word)) = items.next_element()? {
            words.push(word);
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sheet {
        flags: Words,
        limit: Option<Number>,
        name: Text,
    }

    fn sheet(text: &str) -> Sheet {
        parse(text, "sheet.yaml").unwrap()
    }

    fn mistake(text: &str) -> String {
        parse::<Sheet>(text, "sheet.yaml").unwrap_err().to_string()
    }

    #[test]
    fn values_may_be_written_in_several_ways() {
        assert_eq!(sheet("flags: a  b").flags, sheet("flags: [a, b]").flags);
        assert_eq!(sheet("flags: [float_tolerance, 1e-6]").flags.0.len(), 2);
        assert_eq!(sheet("limit: 2\nname: 7").limit, sheet("limit: '2.0'").limit);
        assert_eq!(sheet("name: no").name.0, "no");
        assert_eq!(sheet("# nothing\n---\n").limit, None);
    }

    #[test]
    fn a_mistake_has_its_line() {
        assert!(
            mistake("name: x\nlimits: 3\n").starts_with("sheet.yaml:2: "),
            "{}",
            mistake("name: x\nlimits: 3\n")
        );
        assert!(mistake("name: x\nlimits: 3\n").contains("limits"));
        assert!(
            mistake("limit: fast").contains("expected a number, found `fast`"),
            "{}",
            mistake("limit: fast")
        );
        for text in ["name: [", "name: a\nname: b", "- a", "a: *b", "\t:"] {
            assert!(!mistake(text).contains('\n'), "{}", mistake(text));
        }
    }
}
