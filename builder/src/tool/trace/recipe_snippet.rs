//! The lines that a trace adds to a recipe. They build as they are printed.
//!
//! A file that the build would refuse is commented out, with the reason. The lines that allow it follow, commented out
//! too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use closure::sysroot::Sysroot;
use image::{ImageRequest, build};
use recipe::byte_text;
use recipe::image_path::ImagePath;
use recipe::pattern::{self, Pattern};
use recipe::{Guard, Include, Span, Spanned};

use crate::error::Error;

/// Trees with users' own files, in addition to the home of the user who traces.
const HOMES: [&str; 2] = ["/root", "/home"];

/// Why a file is not simply included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It may hold a person's settings, keys or caches.
    Home,
    Guard(Guard),
    /// No image with it can be planned, for this reason.
    Unfit(String),
}

/// The `include` of a recipe, and the `[allow]` for the files that are left out.
#[derive(Debug, Default)]
pub(super) struct RecipeSnippet {
    /// With the program that opens it, where only that program provides what the file needs.
    include: BTreeMap<PathBuf, Option<PathBuf>>,
    left_out: BTreeMap<BTreeSet<Reason>, Vec<PathBuf>>,
    allow: BTreeMap<Guard, BTreeSet<ImagePath>>,
}

impl RecipeSnippet {
    /// Checks `paths` as a build of `image` with them would; `openers` has the programs that opened libraries.
    pub(super) fn new(
        paths: BTreeSet<PathBuf>,
        openers: &BTreeMap<PathBuf, PathBuf>,
        image: &ImageRequest,
    ) -> Result<RecipeSnippet, Error> {
        let tree = &image.options.sysroot;
        let host = Sysroot::new(tree).map_err(|error| Error::read(tree, error))?;
        let mut refused = Refused::find(&paths, openers, image)?;
        let mut snippet = RecipeSnippet::default();
        for path in paths {
            // A link brings its target into the image, so a reason against the target is one against the link.
            let places = host.resolve_path(&path).map(|resolved| [path.clone(), resolved.file]);
            let places = places.unwrap_or_else(|_| [path.clone(), path.clone()]);
            let reasons = refused.reasons(&places);
            if reasons.is_empty() {
                let opener = refused.plugins.remove(&path);
                snippet.include.insert(path, opener);
                continue;
            }
            for (file, guard) in &refused.guards {
                if places.iter().any(|place| place == file.as_path()) {
                    snippet.allow.entry(*guard).or_default().insert(file.clone());
                }
            }
            snippet.left_out.entry(reasons).or_default().push(path);
        }
        Ok(snippet)
    }
}

/// The paths of a trace that a build would refuse.
struct Refused {
    guards: Vec<(ImagePath, Guard)>,
    unfit: BTreeMap<PathBuf, String>,
    /// Libraries that need something that only the program that opens them has.
    plugins: BTreeMap<PathBuf, PathBuf>,
}

impl Refused {
    fn find(
        paths: &BTreeSet<PathBuf>,
        openers: &BTreeMap<PathBuf, PathBuf>,
        image: &ImageRequest,
    ) -> Result<Refused, Error> {
        let (mut unfit, mut plugins) = (BTreeMap::new(), BTreeMap::new());
        let all = with_all(paths.iter().map(|path| (path, None)), image);
        let with = all.or_else(|_| {
            let mut with = image.clone();
            // One by one, to find the paths that are the cause.
            for path in paths {
                let plugin = |why| match openers.get(path) {
                    Some(opener) => with_all([(path, Some(opener))], image)
                        .inspect(|_| drop(plugins.insert(path.clone(), opener.clone())))
                        .map_err(|_| why),
                    None => Err(why),
                };
                match with_all([(path, None)], image).or_else(plugin) {
                    Ok(one) => with.recipe.include.extend(one.recipe.include.last().cloned()),
                    Err(why) => drop(unfit.insert(path.clone(), why)),
                }
            }
            Ok::<_, Error>(with)
        })?;
        Ok(Refused { guards: build::refused(&with)?, unfit, plugins })
    }

    fn reasons(&self, places: &[PathBuf]) -> BTreeSet<Reason> {
        let is_at = |file: &Path| places.iter().any(|place| place == file);
        let guards = self.guards.iter().filter(|(file, _)| is_at(file.as_path()));
        let unfit = self.unfit.iter().filter(|(path, _)| is_at(path));
        let home = places.iter().any(|place| is_in_a_home(place)).then_some(Reason::Home);
        let guards = guards.map(|(_, guard)| Reason::Guard(*guard));
        guards.chain(unfit.map(|(_, why)| Reason::Unfit(why.clone()))).chain(home).collect()
    }
}

/// The image with these paths added, if it can be planned; `Err` holds the reason if it cannot.
fn with_all<'p>(
    paths: impl IntoIterator<Item = (&'p PathBuf, Option<&'p PathBuf>)>,
    image: &ImageRequest,
) -> Result<ImageRequest, String> {
    let mut with = image.clone();
    for (path, opener) in paths {
        let pattern = Pattern::new(&pattern::literally(&byte_text::from_os(path.as_os_str())))?;
        let opener = opener.map(|opener| byte_text::from_os(opener.as_os_str()).into_owned());
        let value = Include { pattern, to: None, opener };
        with.recipe.include.push(Spanned { value, span: Span::CommandLine });
    }
    let planned = build::paths(&with).map_err(|error| error.to_string());
    planned.map(|_| with).map_err(|why| why.lines().next().unwrap_or_default().to_owned())
}

fn is_in_a_home(path: &Path) -> bool {
    let own = std::env::home_dir().filter(|home| home.parent().is_some());
    HOMES.iter().any(|home| path.starts_with(home)) || own.is_some_and(|home| path.starts_with(home))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Home => f.write_str("is in a home directory"),
            Reason::Guard(guard) => f.write_str(image::verdict(*guard)),
            Reason::Unfit(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for RecipeSnippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "include = [")?;
        for (path, opener) in &self.include {
            match opener {
                Some(opener) => {
                    writeln!(f, "    {{ from = {}, for = {} }},", text(path), text(opener))?;
                }
                None => writeln!(f, "    {},", quoted(path))?,
            }
        }
        for (reasons, paths) in &self.left_out {
            let reasons: Vec<String> = reasons.iter().map(Reason::to_string).collect();
            writeln!(f, "    # Left out: {}.", reasons.join("; "))?;
            for path in paths {
                writeln!(f, "    # {},", quoted(path))?;
            }
        }
        writeln!(f, "]")?;
        if self.allow.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "# To include a file that was left out, remove its `#` and allow it at the end of the recipe:\n# [allow]"
        )?;
        for (guard, paths) in &self.allow {
            writeln!(f, "# {} = [", guard.key())?;
            for path in paths {
                writeln!(f, "#     {},", quoted(path.as_path()))?;
            }
            writeln!(f, "# ]")?;
        }
        Ok(())
    }
}

/// A TOML string with a pattern for exactly this path.
fn quoted(path: &Path) -> String {
    toml_string(&pattern::literally(&byte_text::from_os(path.as_os_str())))
}

/// A TOML string with this path.
fn text(path: &Path) -> String {
    toml_string(&byte_text::from_os(path.as_os_str()))
}

/// TOML's basic strings have all escapes of JSON, and one for any
/// character, so that a byte which is not text can be read.
fn toml_string(text: &str) -> String {
    let text = serde_json::Value::from(text).to_string();
    if !byte_text::has_bytes(&text) {
        return text;
    }
    let escaped = |letter: char| match u32::from(letter) {
        plain @ 0..0x10_FF80 => char::from_u32(plain).into_iter().collect(),
        number => format!("\\U{number:08X}"),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_left_out_has_a_reason_and_the_line_that_allows_it() {
        let path = |text| ImagePath::parse(text).expect("normal");
        let snippet = RecipeSnippet {
            include: BTreeMap::from([("/a".into(), None), ("/b \"c\"".into(), Some("/p".into()))]),
            left_out: BTreeMap::from([
                (BTreeSet::from([Reason::Home]), vec!["/root/x".into()]),
                (BTreeSet::from([Reason::Guard(Guard::Unowned)]), vec!["/o".into(), "/two\nlines".into()]),
            ]),
            allow: BTreeMap::from([(Guard::Unowned, BTreeSet::from([path("/o")]))]),
        };
        assert_eq!(
            snippet.to_string(),
            "include = [\n    \"/a\",\n    { from = \"/b \\\"c\\\"\", for = \"/p\" },\n    # Left out: is in a home directory.\n    # \"/root/x\",\n    \
             # Left out: belongs to no package of the build host.\n    # \"/o\",\n    # \"/two\\nlines\",\n]\n\
             # To include a file that was left out, remove its `#` and allow it at the end of the recipe:\n# [allow]\n# unowned = [\n#     \"/o\",\n# ]\n"
        );
    }
}
