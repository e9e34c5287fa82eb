//! Bytes in JSON: a string where they are one, base64 where not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// Bytes of a file or a stream: `"text"`, or `{"base64": "dGV4dA=="}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Vec<u8>);

/// How they are written.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Text)]
pub(crate) enum Written {
    /// UTF-8.
    Plain(String),
    /// Any bytes.
    Encoded(Encoded),
}

/// Any bytes.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Encoded {
    /// With padding, without line breaks.
    base64: String,
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Text, D::Error> {
        let wrong = |what: &str| serde::de::Error::custom(what);
        match Written::deserialize(from) {
            Ok(Written::Plain(text)) => Ok(Text(text.into_bytes())),
            Ok(Written::Encoded(Encoded { base64 })) => {
                STANDARD.decode(base64).map(Text).map_err(|_| wrong("the value of `base64` is not base64"))
            }
            Err(_) => Err(wrong("expected a string, or an object with one field `base64`")),
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(&self.0) {
            Ok(text) => text.serialize(to),
            Err(_) => Encoded { base64: STANDARD.encode(&self.0) }.serialize(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_went() {
        for (bytes, json) in [(&b"a\n\xc3\xa9"[..], "\"a\\né\""), (b"\xff\0", "{\"base64\":\"/wA=\"}")] {
            let text = Text(bytes.to_vec());
            assert_eq!(serde_json::to_string(&text).unwrap(), json);
            assert_eq!(serde_json::from_str::<Text>(json).unwrap(), text);
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for (json, what) in [
            ("3", "expected a string, or an object with one field `base64`"),
            ("{\"base64\":\"/wA\"}", "the value of `base64` is not base64"),
            ("{\"base64\":\"\",\"x\":1}", "expected a string, or an object"),
        ] {
            let error = serde_json::from_str::<Text>(json).unwrap_err().to_string();
            assert!(error.starts_with(what), "{json}: {error}");
        }
    }
}
