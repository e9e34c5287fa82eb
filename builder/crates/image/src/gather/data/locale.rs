//! glibc's locales, by the name in $LANG (locale(7)).

use std::path::{Path, PathBuf};

use closure::sysroot::Sysroot;
use recipe::name_pattern::NamePattern;

use super::{Search, absent, children, last_name};

/// The locale that has UTF-8 and no language. It is also $LANG in the sandbox.
pub(crate) const DEFAULT: [&str; 1] = ["C.UTF-8"];

const DIRECTORY: &str = "/usr/lib/locale";
/// The locales that are part of libc.
const BUILT_IN: [&str; 2] = ["C", "POSIX"];

/// Whether the library of this name reads locales.
pub(crate) fn is_reader(name: &str) -> bool {
    name == "libc.so.6"
}

/// The directories of the locales: `C.UTF-8` is `/usr/lib/locale/C.utf8`, and `…/C.UTF-8` before glibc 2.35.
pub(crate) fn find(sysroot: &Sysroot, pattern: &NamePattern) -> Search {
    let normalized = normalize(pattern.as_str());
    let all = children(sysroot, Path::new(DIRECTORY)).into_iter().filter(|path| sysroot.is_dir(path));
    let found: Vec<PathBuf> =
        all.filter(|path| pattern.matches(last_name(path)) || last_name(path) == normalized).collect();
    if found.is_empty() && !BUILT_IN.contains(&pattern.as_str()) {
        let hint = "make it a directory, as in `localedef --no-archive -i de_DE -f UTF-8 de_DE.UTF-8`; \
                    capsule does not read /usr/lib/locale/locale-archive";
        return Err(absent("locale", pattern.as_str(), &[DIRECTORY], hint));
    }
    Ok(found)
}

/// The name with its codeset as glibc compares it, in lower case and without punctuation (_nl_normalize_codeset in
/// intl/l10nflist.c): `UTF-8` is `utf8`.
fn normalize(name: &str) -> String {
    let Some((language, rest)) = name.split_once('.') else { return name.to_owned() };
    let (codeset, modifier) = rest.split_once('@').map_or((rest, None), |(c, m)| (c, Some(m)));
    let plain: String =
        codeset.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let modifier = modifier.map_or(String::new(), |modifier| format!("@{modifier}"));
    format!("{language}.{plain}{modifier}")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::tree;
    use super::*;

    #[test]
    fn a_locale_is_found_by_its_usual_name() {
        let (_dir, sysroot) = tree(&[
            "usr/lib/locale/C.utf8/LC_CTYPE",
            "usr/lib/locale/de_DE.utf8@euro/LC_CTYPE",
            "usr/lib/locale/old.UTF-8/LC_CTYPE",
            "usr/lib/locale/locale-archive",
        ]);
        let found = |name| find(&sysroot, &NamePattern::known(name)).map(|paths| paths.len());
        assert_eq!(
            find(&sysroot, &NamePattern::known("C.UTF-8")).expect("there"),
            [PathBuf::from("/usr/lib/locale/C.utf8")]
        );
        assert_eq!(found("de_DE.UTF-8@euro"), Ok(1));
        assert_eq!(found("old.UTF-8"), Ok(1));
        assert_eq!(found("*"), Ok(3), "directories only");
        assert_eq!(found("POSIX"), Ok(0), "part of libc");
        assert!(found("fr_FR.UTF-8").is_err());
    }
}
