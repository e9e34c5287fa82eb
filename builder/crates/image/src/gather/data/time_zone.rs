//! The time zone database, by the name in $TZ (tzset(3)).

use std::path::{Path, PathBuf};

use super::{Search, absent, children};
use crate::name_pattern::NamePattern;
use crate::sysroot::Sysroot;

const DIRECTORY: &str = "/usr/share/zoneinfo";
/// The same zones counted otherwise; nobody means them by `*`.
const TWINS: [&str; 2] = ["posix", "right"];

/// The files of zones whose names match; `*` crosses slashes here and is the whole database, its tables included.
pub fn find(sysroot: &Sysroot, pattern: &NamePattern) -> Search {
    let mut found = Vec::new();
    walk(sysroot, Path::new(DIRECTORY), &mut |path| {
        let name = path.strip_prefix(DIRECTORY).ok().and_then(Path::to_str).unwrap_or_default();
        let is_twin = TWINS.iter().any(|twin| name.starts_with(twin) && !pattern.as_str().starts_with(twin));
        if !is_twin && pattern.matches(name) {
            found.push(path.to_owned());
        }
    });
    if found.is_empty() {
        let hint = "a zone is named as in Europe/Berlin; `apt-get install tzdata` has them, and `tzdata-legacy` \
                    of newer systems the old names";
        return Err(absent("time zone", pattern.as_str(), &[DIRECTORY], hint));
    }
    Ok(found)
}

fn walk(sysroot: &Sysroot, directory: &Path, visit: &mut impl FnMut(&PathBuf)) {
    for path in children(sysroot, directory) {
        // Zones that are links lead to zones; a link to a directory would only repeat it.
        if sysroot.is_dir(&path) { walk(sysroot, &path, visit) } else { visit(&path) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::tree;
    use super::*;

    #[test]
    fn a_star_is_the_whole_database_once() {
        let files = ["Europe/Berlin", "Europe/Rome", "America/Indiana/Knox", "UTC", "zone.tab", "right/UTC"]
            .map(|name| format!("usr/share/zoneinfo/{name}"));
        let (_dir, sysroot) = tree(&files.each_ref().map(String::as_str));
        let found = |name| find(&sysroot, &NamePattern::known(name)).map(|paths| paths.len());
        assert_eq!(found("*"), Ok(5));
        assert_eq!(found("Europe/*"), Ok(2));
        assert_eq!(found("America/*"), Ok(1));
        assert_eq!(found("right/UTC"), Ok(1));
        assert!(found("Berlin").is_err());
    }
}
