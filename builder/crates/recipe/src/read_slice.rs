//! What a recipe says about installed packages: `[[slice]]`, `apt` and `absent`.

use toml::de::DeTable;

use crate::document::{Document, Key, Value, in_order};
use crate::error::RecipeError;
use crate::pattern::Pattern;
use crate::slice::{Exclusion, Slice};
use crate::span::Spanned;

const SLICE_KEYS: [&str; 3] = ["package", "include", "exclude"];

impl Document<'_> {
    pub(crate) fn slices(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<Vec<Spanned<Slice>>, RecipeError> {
        self.tables(key, value)?.into_iter().map(|(value, table)| self.slice(value, table)).collect()
    }

    fn slice(&self, whole: &Value<'_>, table: &DeTable<'_>) -> Result<Spanned<Slice>, RecipeError> {
        let (mut package, mut include, mut exclude) = (None, Vec::new(), Vec::new());
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "package" => package = Some(self.package(value, self.string(key, value)?)?),
                "include" => {
                    for pattern in self.strings(key, value)? {
                        include.push(self.pattern(pattern)?.value);
                    }
                }
                "exclude" => {
                    for pattern in self.strings(key, value)? {
                        exclude.push(self.exclusion(pattern)?);
                    }
                }
                unknown => return Err(self.unknown(key.span(), "key", unknown, &SLICE_KEYS)),
            }
        }
        let Some(package) = package else {
            return Err(self.mistake(
                whole.span(),
                "a slice without a `package`",
                "add package = \"NAME\": an installed Debian package, `*` stands for a version",
            ));
        };
        Ok(Spanned { value: Slice { package, include, exclude }, span: self.span(whole.span()) })
    }

    /// `apt`: the packages by name, as apt-get(8) takes them.
    pub(crate) fn packages(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<String>, RecipeError> {
        self.strings(key, value)?.map(|name| self.package(name, self.spanned(name)?.value)).collect()
    }

    /// Debian's names of packages (Debian Policy 5.6.1), and globs for them.
    fn package(&self, value: &Value<'_>, name: String) -> Result<String, RecipeError> {
        let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.*?[]{},".contains(c);
        if !name.is_empty() && name.chars().all(is_good) && Slice::matcher(&name).is_ok() {
            return Ok(name);
        }
        Err(self.mistake(
            value.span(),
            &format!("`{}` is not a package's name", name.escape_debug()),
            "write it as dpkg -l does, with `*` for what changes with its version, such as \"libpython3.*-stdlib\"",
        ))
    }

    pub(crate) fn exclusion(&self, value: &Value<'_>) -> Result<Exclusion, RecipeError> {
        let Spanned { value: text, .. } = self.spanned(value)?;
        if text.starts_with('/') {
            return Ok(Exclusion::Path(self.pattern(value)?.value));
        }
        // A name is matched as one that stands alone below the root.
        match Pattern::new(&format!("/{text}")) {
            Ok(pattern) if !text.contains('/') && !text.is_empty() => Ok(Exclusion::Name(pattern)),
            _ => Err(self.mistake(
                value.span(),
                &format!("`{text}` is neither a name nor an absolute path"),
                "write a name such as \"test\" or \"*.pyc\", which counts at any depth, or an absolute path or glob",
            )),
        }
    }
}
