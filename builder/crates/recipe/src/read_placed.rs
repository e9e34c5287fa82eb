//! The elements of `binaries` and `include`: names, paths and patterns, and tables that say more.

use toml::de::{DeTable, DeValue};

use crate::document::{Document, Key, Value, in_order};
use crate::error::RecipeError;
use crate::image_path::ImagePath;
use crate::pattern::{Pattern, literally};
use crate::recipe::{Binary, Include};
use crate::span::Spanned;

const BINARY_KEYS: [&str; 2] = ["from", "to"];
const INCLUDE_KEYS: [&str; 3] = ["from", "to", "for"];
const PLACED: &str =
    "write both paths, absolute: { from = \"/tmp/build/prog\", to = \"/usr/local/bin/prog\" }";

const OPENED: &str =
    "write the file and what opens it: { from = \"/opt/app/plugin.so\", for = \"/opt/app/bin/app\" }";

/// The values of [`Document::placed`].
struct Placed {
    from: String,
    to: Option<ImagePath>,
    opener: Option<String>,
}

impl Document<'_> {
    pub(crate) fn binary(&self, value: &Value<'_>) -> Result<Spanned<Binary>, RecipeError> {
        let span = self.span(value.span());
        if let DeValue::Table(table) = value.get_ref() {
            let Placed { from, to, .. } = self.placed(value, table, &BINARY_KEYS)?;
            return Ok(Spanned { value: Binary { name: from, to }, span });
        }
        Ok(Spanned { value: self.binary_name(value)?.into(), span })
    }

    pub(crate) fn includes(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<Vec<Spanned<Include>>, RecipeError> {
        self.strings(key, value)?.map(|one| self.include(one)).collect()
    }

    fn include(&self, value: &Value<'_>) -> Result<Spanned<Include>, RecipeError> {
        let DeValue::Table(table) = value.get_ref() else {
            let Spanned { value, span } = self.pattern(value)?;
            return Ok(Spanned { value: value.into(), span });
        };
        let Placed { from, to, opener } = self.placed(value, table, &INCLUDE_KEYS)?;
        let pattern =
            Pattern::new(&literally(&from)).map_err(|what| self.mistake(value.span(), &what, PLACED))?;
        Ok(Spanned { value: Include { pattern, to, opener }, span: self.span(value.span()) })
    }

    /// A file or directory of the build host that has another place in the image, or that a program opens.
    fn placed(&self, whole: &Value<'_>, table: &DeTable<'_>, keys: &[&str]) -> Result<Placed, RecipeError> {
        let (mut from, mut to, mut opener) = (None, None, None);
        for (key, value) in in_order(table) {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                return Err(self.unknown(key.span(), "key", name, keys));
            }
            if name == "for" {
                opener = Some(self.binary_name(value)?);
                continue;
            }
            let text = self.string(key, value)?;
            let path = ImagePath::parse(&text);
            let path =
                path.map_err(|unfit| self.mistake(value.span(), &format!("`{text}` {unfit}"), PLACED))?;
            if name == "from" {
                from = Some(text);
            } else {
                to = Some(path);
            }
        }
        let hint = if opener.is_some() { OPENED } else { PLACED };
        let Some(from) = from else {
            return Err(self.mistake(whole.span(), "this table has no `from`", hint));
        };
        if to.is_none() && opener.is_none() {
            return Err(self.mistake(whole.span(), "this table has no `to`", hint));
        }
        Ok(Placed { from, to, opener })
    }

    fn binary_name(&self, name: &Value<'_>) -> Result<String, RecipeError> {
        let text = self.spanned(name)?.value;
        if text.is_empty() {
            return Err(self.mistake(
                name.span(),
                "an empty name cannot be looked up",
                "write a name such as \"bash\", or an absolute path",
            ));
        }
        if text.contains('/') && !text.starts_with('/') {
            return Err(self.mistake(
                name.span(),
                &format!("`{text}` is neither a bare name nor an absolute path"),
                "a bare name is looked up on PATH inside the sysroot; a path starts with `/`",
            ));
        }
        if text.contains(char::is_whitespace) {
            return Err(self.mistake(
                name.span(),
                &format!("`{text}` has white space in it"),
                "one binary for each string: [\"bash\", \"ls\"]; arguments are given when it is run",
            ));
        }
        Ok(text)
    }
}
