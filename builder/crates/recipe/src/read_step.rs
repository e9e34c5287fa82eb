//! What a recipe says about the steps of a language: `[compile]`, `[run]` and `[[test]]`.

use std::collections::BTreeMap;

use toml::de::DeTable;

use crate::amount::Unit;
use crate::document::{Document, Key, Value, in_order};
use crate::error::RecipeError;
use crate::extension::StepDifferences;
use crate::language::{SelfTest, WarmUp};
use crate::placeholder;
use crate::span::Spanned;

const STEP_KEYS: [&str; 6] = ["argv", "env", "limits", "reserve", "memory_exit_code", "warm"];
const WARM_KEYS: [&str; 2] = ["argv", "env"];
const TEST_KEYS: [&str; 5] = ["name", "source", "stdin", "stdout", "status"];

impl Document<'_> {
    /// What a file says about a step.
    pub(crate) fn step(&self, key: &Key<'_>, value: &Value<'_>) -> Result<StepDifferences, RecipeError> {
        let mut step = StepDifferences::default();
        for (key, value) in in_order(self.table(key, value)?) {
            let name = key.get_ref().as_ref();
            if !STEP_KEYS.contains(&name) {
                return Err(self.unknown(key.span(), "key", name, &STEP_KEYS));
            }
            self.step_key(name, (key, value), &mut step)?;
        }
        if step.argv.as_ref().is_some_and(Vec::is_empty) {
            return Err(self.no_program(key));
        }
        Ok(step)
    }

    /// One of [`STEP_KEYS`].
    pub(crate) fn step_key(
        &self,
        name: &str,
        (key, value): (&Key<'_>, &Value<'_>),
        step: &mut StepDifferences,
    ) -> Result<(), RecipeError> {
        match name {
            "argv" => step.argv = Some(self.arguments(key, value)?),
            "warm" => step.warm = Some(self.warm_up(key, value)?),
            "env" => step.env = self.environment(key, value)?,
            "limits" => {
                let limits = self.limits(key, value)?;
                step.limits = limits.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            }
            "reserve" => step.reserve = Some(self.number(key, value, Unit::Size)?),
            _ => step.memory_exit_code = Some(self.exit_code(key, value)?),
        }
        Ok(())
    }

    fn arguments(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<String>, RecipeError> {
        self.strings(key, value)?.map(|word| self.argument(word)).collect()
    }

    fn warm_up(&self, key: &Key<'_>, value: &Value<'_>) -> Result<WarmUp, RecipeError> {
        let mut warm = WarmUp::default();
        for (key, value) in in_order(self.table(key, value)?) {
            match key.get_ref().as_ref() {
                "argv" => warm.argv = Some(self.arguments(key, value)?),
                "env" => warm.env = self.environment(key, value)?,
                unknown => return Err(self.unknown(key.span(), "key", unknown, &WARM_KEYS)),
            }
        }
        if warm.argv.as_ref().is_some_and(Vec::is_empty) {
            return Err(self.no_program(key));
        }
        Ok(warm)
    }

    fn exit_code(&self, key: &Key<'_>, value: &Value<'_>) -> Result<u8, RecipeError> {
        let number = self.number(key, value, Unit::Count)?;
        u8::try_from(number).ok().filter(|code| *code != 0).ok_or_else(|| {
            let what = format!("`{number}` is not an exit code");
            self.mistake(value.span(), &what, "write a number from 1 to 255")
        })
    }

    /// A step that starts nothing.
    pub(crate) fn no_program(&self, key: &Key<'_>) -> RecipeError {
        self.mistake(
            key.span(),
            &format!("`{}` has no program to start", key.get_ref()),
            "add argv = [\"PROGRAM\", \"ARGUMENT\", \"{source}\"]",
        )
    }

    fn argument(&self, value: &Value<'_>) -> Result<String, RecipeError> {
        let Spanned { value: text, .. } = self.spanned(value)?;
        if placeholder::is_list(&text) { Ok(text) } else { self.word(value) }
    }

    fn word(&self, value: &Value<'_>) -> Result<String, RecipeError> {
        let Spanned { value: text, .. } = self.spanned(value)?;
        if let Some(unknown) = placeholder::unknown(&text) {
            return Err(self.unknown(value.span(), "placeholder", unknown, &placeholder::all()));
        }
        if let Some(list) = placeholder::list_in(&text) {
            return Err(self.mistake(
                value.span(),
                &format!("`{{{list}}}` stands for any number of arguments, and is not one by itself here"),
                &format!("write \"{{{list}}}\" in `argv`, as an argument of its own"),
            ));
        }
        if text.contains('\0') {
            return Err(self.mistake(value.span(), "an argument cannot hold a NUL byte", "leave it out"));
        }
        Ok(text)
    }

    fn environment(&self, key: &Key<'_>, value: &Value<'_>) -> Result<BTreeMap<String, String>, RecipeError> {
        let mut environment = BTreeMap::new();
        for (name, value) in in_order(self.table(key, value)?) {
            if name.get_ref().is_empty() || name.get_ref().contains(['=', '\0']) {
                return Err(self.mistake(
                    name.span(),
                    &format!("`{}` is not a variable's name", name.get_ref().escape_debug()),
                    "write NAME = \"value\"",
                ));
            }
            environment.insert(name.get_ref().to_string(), self.word(value)?);
        }
        Ok(environment)
    }

    pub(crate) fn tests(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<SelfTest>, RecipeError> {
        self.tables(key, value)?.into_iter().map(|(value, table)| self.test(value, table)).collect()
    }

    fn test(&self, whole: &Value<'_>, table: &DeTable<'_>) -> Result<SelfTest, RecipeError> {
        let mut test = SelfTest {
            name: String::new(),
            source: String::new(),
            stdin: String::new(),
            stdout: None,
            status: Some("ok".to_owned()),
        };
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "name" => test.name = self.string(key, value)?,
                "source" => test.source = self.string(key, value)?,
                "stdin" => test.stdin = self.string(key, value)?,
                "stdout" => test.stdout = Some(self.string(key, value)?),
                "status" => test.status = Some(self.string(key, value)?),
                unknown => return Err(self.unknown(key.span(), "key", unknown, &TEST_KEYS)),
            }
        }
        if test.name.is_empty() || test.source.is_empty() {
            return Err(self.mistake(
                whole.span(),
                "a test has a `name` and a `source`",
                "add name = \"hello\" and source = '''…'''",
            ));
        }
        Ok(test)
    }
}
