//! The time zone database, by the name in $TZ (tzset(3)).

use std::path::{Path, PathBuf};

use closure::sysroot::Sysroot;
use recipe::name_pattern::NamePattern;

use super::{Search, absent, children};

const DIRECTORY: &str = "/usr/share/zoneinfo";
/// Copies of all zones, without and with leap seconds (zic(8)); a pattern has to name the directory to match them.
const COPIES: [&str; 2] = ["posix", "right"];

/// The files of the zones that match. `*` also matches slashes here: alone it is the whole database with its tables.
pub(crate) fn find(sysroot: &Sysroot, pattern: &NamePattern) -> Search {
    let mut found = Vec::new();
    walk(sysroot, Path::new(DIRECTORY), &mut |path| {
        let name = path.strip_prefix(DIRECTORY).ok().and_then(Path::to_str).unwrap_or_default();
        let is_copy = COPIES.iter().any(|copy| name.starts_with(copy) && !pattern.as_str().starts_with(copy));
        if !is_copy && pattern.matches(name) {
            found.push(path.to_owned());
        }
    });
    if found.is_empty() {
        let hint = "zones have names such as Europe/Berlin; `apt-get install tzdata` brings them, and on newer \
                    systems `tzdata-legacy` the old names";
        return Err(absent("time zone", pattern.as_str(), &[DIRECTORY], hint));
    }
    Ok(found)
}

fn walk(sysroot: &Sysroot, directory: &Path, visit: &mut impl FnMut(&PathBuf)) {
    for path in children(sysroot, directory) {
        // A link to a zone counts as a zone. A link to a directory is not followed: it would repeat that one.
        if sysroot.is_dir(&path) { walk(sysroot, &path, visit) } else { visit(&path) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::tree;
    use super::*;

    #[test]
    fn a_star_is_the_whole_database_without_its_copies() {
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
