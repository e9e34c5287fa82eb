//! What a recipe says about a toolchain from elsewhere: `[toolchain]`.

use std::fs;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::allowance::{Allowance, Guard};
use crate::document::{Document, Key, Value, in_order};
use crate::error::RecipeError;
use crate::image_path::ImagePath;
use crate::pattern::{Pattern, literally};
use crate::recipe::{Include, Recipe};
use crate::span::Spanned;
use crate::toolchain::{Package, Toolchain};

const TOOLCHAIN_KEYS: [&str; 4] = ["from", "to", "fetch", "python"];
const HINT: &str = "write from = \"/opt/jdk-21\", or fetch = [\"pypi:sortedcontainers\"] and to = \"/usr/local/lib/python3.11/dist-packages\"";
const PACKAGES: &str =
    "write \"pypi:NAME\", \"pypi:NAME==VERSION\", \"npm:NAME@VERSION\", \"https://…\" or \"file:/…\"";

impl Document<'_> {
    /// Adds the toolchain: its files, and that no package of the build host owns them.
    pub(crate) fn toolchain(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
        recipe: &mut Recipe,
    ) -> Result<(), RecipeError> {
        let span = self.span(key.span());
        let toolchain = self.toolchain_of(value, self.table(key, value)?)?;
        let pattern = |text: &str| Pattern::new(text).map_err(|what| self.mistake(value.span(), &what, HINT));
        let include = Include {
            pattern: pattern(&literally(toolchain.directory.as_str()))?,
            to: Some(toolchain.to.clone()),
            opener: None,
        };
        let below = format!("{}/**", literally(toolchain.to.as_str()));
        let allowance = Allowance { guard: Guard::Unowned, pattern: pattern(&below)? };
        recipe.include.push(Spanned { value: include, span: span.clone() });
        recipe.allow.push(Spanned { value: allowance, span: span.clone() });
        recipe.toolchains.push(Spanned { value: toolchain, span });
        Ok(())
    }

    fn toolchain_of(&self, whole: &Value<'_>, table: &DeTable<'_>) -> Result<Toolchain, RecipeError> {
        let (mut from, mut to, mut packages, mut python) = (None, None, None, None);
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "from" => from = Some(self.path(key, value)?),
                "to" => to = Some(self.path(key, value)?),
                "fetch" => {
                    let packages_read: Result<Vec<_>, _> =
                        self.strings(key, value)?.map(|package| self.fetched_package(package)).collect();
                    packages = Some(packages_read?);
                }
                "python" => python = Some(self.string(key, value)?),
                unknown => return Err(self.unknown(key.span(), "key", unknown, &TOOLCHAIN_KEYS)),
            }
        }
        let lock = self.file.with_extension("lock");
        let mistake = |what: &str| self.mistake(whole.span(), what, HINT);
        match (from, packages) {
            (Some(directory), None) => {
                let to = to.unwrap_or_else(|| directory.clone());
                Ok(Toolchain { directory, to, packages: Vec::new(), python, lock })
            }
            (None, Some(packages)) if !packages.is_empty() => {
                let to = to.ok_or_else(|| mistake("this toolchain has no `to`"))?;
                let directory = self
                    .fetched_directory()
                    .ok_or_else(|| mistake("this pack has no directory of its own"))?;
                Ok(Toolchain { directory, to, packages, python, lock })
            }
            _ => Err(mistake("a toolchain has either `from` or `fetch`")),
        }
    }

    fn path(&self, key: &Key<'_>, value: &Value<'_>) -> Result<ImagePath, RecipeError> {
        let text = self.string(key, value)?;
        match ImagePath::parse(&text) {
            Ok(path) if !path.is_root() => Ok(path),
            Ok(_) => Err(self.mistake(value.span(), "`/` is the image's root", "name a path below it")),
            Err(unfit) => {
                Err(self.mistake(value.span(), &format!("`{}` {unfit}", text.escape_debug()), HINT))
            }
        }
    }

    fn fetched_package(&self, value: &Value<'_>) -> Result<Package, RecipeError> {
        let text = self.spanned(value)?.value;
        Package::parse(&text).ok_or_else(|| {
            self.mistake(value.span(), &format!("`{}` is not a package", text.escape_debug()), PACKAGES)
        })
    }

    /// The directory of what is fetched: next to the pack, with its name and the ending `.fetched`.
    fn fetched_directory(&self) -> Option<ImagePath> {
        let parent = match self.file.parent()? {
            empty if empty.as_os_str().is_empty() => Path::new("."),
            parent => parent,
        };
        let directory: PathBuf = fs::canonicalize(parent).ok()?;
        ImagePath::new(&directory.join(self.file.with_extension("fetched").file_name()?)).ok()
    }
}
