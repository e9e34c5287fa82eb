//! The versions of the bundle's languages: those of the packages that their programs are from.

use std::collections::BTreeMap;

use bundle::manifest::{Manifest, RecordKind};
use recipe::language::Language;

/// Where programs are looked for.
const DIRECTORIES: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"];
/// Links to links, up to here.
const LONGEST_CHAIN: usize = 10;
/// Of a language whose program belongs to no package.
pub(crate) const UNKNOWN: &str = "1.0.0";

/// Three numbers for each language, such as `3.11.2`.
pub(crate) fn all(manifest: &Manifest) -> BTreeMap<String, String> {
    let version = |language| of(manifest, language).unwrap_or_else(|| UNKNOWN.to_owned());
    manifest.languages.iter().map(|(name, language)| (name.clone(), version(language))).collect()
}

fn of(manifest: &Manifest, language: &Language) -> Option<String> {
    let step = language.compile.as_ref().unwrap_or(&language.run);
    let program = step.argv.first()?;
    let owner = match program.starts_with('/') {
        true => owner(manifest, program.clone()),
        false => DIRECTORIES.iter().find_map(|place| owner(manifest, format!("{place}/{program}"))),
    }?;
    let name = owner.split(':').next()?;
    let package = manifest.packages.iter().find(|package| package.name == name)?;
    Some(three_numbers(&package.version))
}

/// The package of the file that a path leads to.
fn owner(manifest: &Manifest, mut path: String) -> Option<&str> {
    for _ in 0..LONGEST_CHAIN {
        let at = manifest.entries.binary_search_by(|entry| entry.path.as_str().cmp(path.as_str())).ok()?;
        let entry = &manifest.entries[at];
        match &entry.kind {
            RecordKind::Symlink { target } if target.starts_with('/') => path = target.clone(),
            RecordKind::Symlink { target } => path = format!("{}/{target}", path.rsplit_once('/')?.0),
            _ => return entry.package.as_deref(),
        }
    }
    None
}

/// `2:12.2.0-14+deb12u1` is `12.2.0`.
fn three_numbers(version: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>();
    let upstream = version.split(['-', '+', '~']).next().unwrap_or_default();
    let mut numbers: Vec<String> = upstream.split('.').map(digits).take(3).collect();
    numbers.resize(3, String::new());
    numbers.iter().map(|number| if number.is_empty() { "0" } else { number }).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packages_version_has_three_numbers() {
        for (version, numbers) in [
            ("12.2.0-14+deb12u1", "12.2.0"),
            ("3.11.2-1+b1", "3.11.2"),
            ("2:17.0.9+9-1~deb12u1", "17.0.9"),
            ("18.19", "18.19.0"),
            ("5.2.15-2+b7", "5.2.15"),
            ("", "0.0.0"),
        ] {
            assert_eq!(three_numbers(version), numbers);
        }
    }
}
