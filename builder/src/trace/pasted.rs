//! What a trace becomes in a recipe: lines that build as they are pasted.
//!
//! A file that the build would refuse stands there behind a `#`, with the reason, and below it stands what would let it in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::build;
use crate::error::Error;
use crate::guards;
use crate::image_path::ImagePath;
use crate::pattern::{self, Pattern};
use crate::recipe::{Asked, Guard, Place};
use crate::request::Image;
use crate::sysroot::Sysroot;

/// Where people keep what is theirs, beside the home of whoever traces.
const HOMES: [&str; 2] = ["/root", "/home"];

/// Why a file is not simply included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It is some person's: settings, keys, caches.
    Home,
    /// A guard refuses it.
    Guard(Guard),
    /// An image with it cannot be planned at all.
    Unfit(String),
}

/// The `include` of a recipe, and what its `[allow]` would have to say.
#[derive(Debug, Default)]
pub struct Pasted {
    include: BTreeSet<PathBuf>,
    held: BTreeMap<BTreeSet<Reason>, Vec<PathBuf>>,
    allow: BTreeMap<Guard, BTreeSet<ImagePath>>,
}

impl Pasted {
    /// Judges `paths` as a build of `image` with them would.
    pub fn judge(paths: BTreeSet<PathBuf>, image: &Image) -> Result<Pasted, Error> {
        let tree = &image.options.sysroot;
        let host = Sysroot::new(tree).map_err(|error| Error::read(tree, error))?;
        let refused = Refused::find(&paths, image)?;
        let mut pasted = Pasted::default();
        for path in paths {
            // A link brings what it leads to, so what is wrong with that is wrong with the link.
            let places = host.trail(&path).map(|trail| [path.clone(), trail.file]);
            let places = places.unwrap_or_else(|_| [path.clone(), path.clone()]);
            let reasons = refused.reasons(&places);
            if reasons.is_empty() {
                pasted.include.insert(path);
                continue;
            }
            for (file, guard) in &refused.guards {
                if places.iter().any(|place| place == file.as_path()) {
                    pasted.allow.entry(*guard).or_default().insert(file.clone());
                }
            }
            pasted.held.entry(reasons).or_default().push(path);
        }
        Ok(pasted)
    }
}

/// What stands against some paths of a trace.
struct Refused {
    guards: Vec<(ImagePath, Guard)>,
    unfit: BTreeMap<PathBuf, String>,
}

impl Refused {
    fn find(paths: &BTreeSet<PathBuf>, image: &Image) -> Result<Refused, Error> {
        let mut with = image.clone();
        let mut unfit = BTreeMap::new();
        match with_all(paths, image) {
            Ok(all) => with = all,
            // One by one, to find those that are the cause.
            Err(_) => {
                for path in paths {
                    match with_all([path], image) {
                        Ok(one) => with.recipe.include.extend(one.recipe.include.last().cloned()),
                        Err(why) => drop(unfit.insert(path.clone(), why)),
                    }
                }
            }
        }
        Ok(Refused { guards: build::refused(&with)?, unfit })
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

/// The image with these too, if it can be planned; `Err` says why not.
fn with_all<'p>(paths: impl IntoIterator<Item = &'p PathBuf>, image: &Image) -> Result<Image, String> {
    let mut with = image.clone();
    for path in paths {
        let text = path.to_str().ok_or("its name is not UTF-8")?;
        let value = Pattern::new(&pattern::literally(text))?;
        with.recipe.include.push(Asked { value, at: Place::CommandLine });
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
            Reason::Home => f.write_str("lies in a home directory"),
            Reason::Guard(guard) => f.write_str(guards::verdict(*guard)),
            Reason::Unfit(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Pasted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "include = [")?;
        for path in &self.include {
            writeln!(f, "    {},", quoted(path))?;
        }
        for (reasons, paths) in &self.held {
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
            "# To take in what was left out, remove its `#` and allow it, at the recipe's end:\n# [allow]"
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

/// As a pattern for exactly this path, in TOML. JSON's escapes are among those of TOML's basic strings.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(pattern::literally(&path.to_string_lossy())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_a_reason_and_the_line_that_lets_it_in() {
        let path = |text| ImagePath::parse(text).expect("normal");
        let pasted = Pasted {
            include: BTreeSet::from(["/a".into(), "/b \"c\"".into()]),
            held: BTreeMap::from([
                (BTreeSet::from([Reason::Home]), vec!["/root/x".into()]),
                (BTreeSet::from([Reason::Guard(Guard::Unowned)]), vec!["/o".into(), "/two\nlines".into()]),
            ]),
            allow: BTreeMap::from([(Guard::Unowned, BTreeSet::from([path("/o")]))]),
        };
        assert_eq!(
            pasted.to_string(),
            "include = [\n    \"/a\",\n    \"/b \\\"c\\\"\",\n    # Left out: lies in a home directory.\n    # \"/root/x\",\n    \
             # Left out: belongs to no package of the build host.\n    # \"/o\",\n    # \"/two\\nlines\",\n]\n\
             # To take in what was left out, remove its `#` and allow it, at the recipe's end:\n# [allow]\n# unowned = [\n#     \"/o\",\n# ]\n"
        );
    }
}
