//! What a recipe says about files that a build makes by starting a program of the image: `[[prepare]]`.

use toml::de::DeTable;

use crate::document::{Document, Key, Value, in_order};
use crate::error::RecipeError;
use crate::extension::StepDifferences;
use crate::image_path::ImagePath;
use crate::language::Preparation;

const PREPARE_KEYS: [&str; 6] = ["path", "source", "argv", "env", "limits", "reserve"];

impl Document<'_> {
    pub(crate) fn preparations(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<Vec<Preparation>, RecipeError> {
        self.tables(key, value)?.into_iter().map(|(value, table)| self.preparation(value, table)).collect()
    }

    fn preparation(&self, whole: &Value<'_>, table: &DeTable<'_>) -> Result<Preparation, RecipeError> {
        let (mut path, mut source) = (None, None);
        let mut step = StepDifferences::default();
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "path" => path = Some(self.prepared_path(key, value)?),
                "source" => source = Some(self.string(key, value)?),
                name if PREPARE_KEYS.contains(&name) => self.step_key(name, (key, value), &mut step)?,
                unknown => return Err(self.unknown(key.span(), "key", unknown, &PREPARE_KEYS)),
            }
        }
        match (path, source, step.alone()) {
            (Some(path), Some(source), Some(step)) if !step.argv.is_empty() => {
                Ok(Preparation { path, step, source })
            }
            _ => Err(self.mistake(
                whole.span(),
                "a preparation has a `path`, a `source` and `argv`",
                "add path = \"/usr/share/…\", argv = [\"PROGRAM\", \"{source}\", \"{output}\"] and source = '''…'''",
            )),
        }
    }

    fn prepared_path(&self, key: &Key<'_>, value: &Value<'_>) -> Result<ImagePath, RecipeError> {
        let text = self.string(key, value)?;
        ImagePath::parse(&text).map_err(|unfit| {
            let what = format!("`{}` {unfit}", text.escape_debug());
            self.mistake(value.span(), &what, "write the absolute path of a file in the image")
        })
    }
}
