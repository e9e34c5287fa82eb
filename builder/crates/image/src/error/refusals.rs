//! Files that guards refuse, with the line of the recipe that allows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use recipe::Guard;
use recipe::image_path::ImagePath;
use recipe::pattern::literally;

/// The most files that an error names.
const SHOWN: usize = 20;

/// A file, and the guard that refuses it.
pub(crate) type Refused = (ImagePath, Guard);

/// The refused files. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals(pub(crate) Vec<Refused>);

/// Why `guard` refuses a file, as the rest of a sentence that starts with its path.
pub fn verdict(guard: Guard) -> &'static str {
    match guard {
        Guard::Unowned => "belongs to no package of the build host",
        Guard::Modified => "differs from what its package shipped",
        Guard::Shim => "is a version manager's shim, not the program itself",
        Guard::Setuid => "is set-user-id or set-group-id",
        Guard::Capabilities => "has file capabilities",
        Guard::WorldWritable => "is writable by every user of the build host",
        Guard::Private => "is not readable by every user of the build host",
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(path, guard)] = self.0.as_slice() {
            write!(f, "`{path}` {}", verdict(*guard))?;
            return self.hint(f, *guard);
        }
        write!(f, "{} files should not come from this build host", self.0.len())?;
        for (path, guard) in self.0.iter().take(SHOWN) {
            write!(f, "\n  `{path}` {}", verdict(*guard))?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => {}
            more => write!(f, "\n  and {more} more")?,
        }
        let guards: BTreeSet<Guard> = self.0.iter().map(|(_, guard)| *guard).collect();
        guards.into_iter().try_for_each(|guard| self.hint(f, guard))
    }
}

impl Refusals {
    /// The line that allows all files that `guard` refuses.
    fn hint(&self, f: &mut fmt::Formatter<'_>, guard: Guard) -> fmt::Result {
        let paths: Vec<&ImagePath> =
            self.0.iter().filter(|one| one.1 == guard).map(|(path, _)| path).collect();
        let them = if paths.len() == 1 { "it" } else { "them" };
        write!(f, "\n  hint: to allow {them}, {}", allow_lines(guard, &paths))
    }
}

/// How to lift `guard` for all of `paths`.
pub(crate) fn allow_lines(guard: Guard, paths: &[&ImagePath]) -> String {
    let (key, globs) = (guard.key(), globs(paths));
    let list = globs.iter().map(|glob| format!("\"{glob}\"")).collect::<Vec<_>>().join(", ");
    let options = globs.iter().map(|glob| format!("--allow {key}={glob}")).collect::<Vec<_>>().join(" ");
    format!("write {key} = [{list}] under [allow] in the recipe, or use {options}")
}

/// Patterns that match all of `paths`: files below one directory share a glob. No glob is for a top directory such as
/// /usr, which would allow nearly everything.
fn globs(paths: &[&ImagePath]) -> Vec<String> {
    let mut clusters: BTreeMap<Vec<&str>, Vec<&ImagePath>> = BTreeMap::new();
    for path in paths {
        let names: Vec<&str> = path.relative().split('/').collect();
        clusters.entry(names[..names.len().min(DISTINCT)].to_vec()).or_default().push(path);
    }
    let glob = |paths: Vec<&ImagePath>| match paths.as_slice() {
        [one] => literally(one.as_str()),
        several => format!("{}/**", literally(common_directory(several))),
    };
    clusters.into_values().map(glob).collect()
}

/// How many names from the root two files share at least when one glob is for both.
const DISTINCT: usize = 2;

/// The deepest directory above all of `paths`, of which there are at least two.
fn common_directory<'p>(paths: &[&'p ImagePath]) -> &'p str {
    let first = paths[0].as_str();
    let is_above_all = |at: &usize| paths.iter().all(|path| path.as_str().starts_with(&first[..=*at]));
    let mut slashes = first.match_indices('/').map(|(at, _)| at);
    &first[..slashes.rfind(is_above_all).unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refused_file_is_shown_with_the_line_that_allows_it() {
        let refusals = Refusals(vec![(ImagePath::parse("/usr/bin/su").expect("normal"), Guard::Setuid)]);
        assert_eq!(
            refusals.to_string(),
            "`/usr/bin/su` is set-user-id or set-group-id\n  hint: to allow it, write setuid = [\"/usr/bin/su\"] under [allow] in the recipe, or use --allow setuid=/usr/bin/su"
        );
    }

    #[test]
    fn one_glob_is_for_files_below_one_directory() {
        let paths = ["/opt/t/a", "/opt/t/b/c", "/usr/bin/x", "/usr/local/y", "/top", "/zebra/x*"];
        let paths = paths.map(|path| ImagePath::parse(path).expect("normal"));
        let globs = globs(&paths.iter().collect::<Vec<_>>());
        assert_eq!(globs, ["/opt/t/**", "/top", "/usr/bin/x", "/usr/local/y", "/zebra/x[*]"]);
    }
}
