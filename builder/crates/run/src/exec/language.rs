//! Which of a bundle's languages a submission is in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use recipe::language::Language;

use super::submission::Submission;
use crate::error::Error;

/// The language that was asked for, or the only one whose files have such names.
pub(super) fn choose<'m>(
    languages: &'m BTreeMap<String, Language>,
    asked: Option<&str>,
    submission: &Submission,
    bundle: &Path,
) -> Result<(&'m str, Cow<'m, Language>), Error> {
    let known = || {
        let names =
            languages.iter().flat_map(|(name, language)| [name].into_iter().chain(language.variants.keys()));
        names.cloned().collect::<Vec<_>>()
    };
    if let Some(asked) = asked {
        return find(languages, asked).ok_or_else(|| Error::NoLanguage {
            what: format!("no language `{asked}` in `{}`", bundle.display()),
            known: known(),
        });
    }
    let mut alike = languages.iter().filter(|(_, language)| match submission.told_entry() {
        Some(entry) => language.claims(entry),
        None => submission.files().iter().any(|file| language.claims(file.path.as_ref())),
    });
    match (alike.next(), alike.next()) {
        (Some((name, language)), None) => Ok((name, Cow::Borrowed(language))),
        (one, _) => {
            let which = if one.is_some() { "more than one" } else { "no" };
            let what = format!(
                "{which} language of `{}` has files like `{}`; say which with `--lang`",
                bundle.display(),
                submission.told_entry().unwrap_or(Path::new(&submission.files()[0].path)).display()
            );
            Err(Error::NoLanguage { what, known: known() })
        }
    }
}

/// A language or a variant of one.
pub(super) fn find<'m>(
    languages: &'m BTreeMap<String, Language>,
    asked: &str,
) -> Option<(&'m str, Cow<'m, Language>)> {
    if let Some((name, language)) = languages.get_key_value(asked) {
        return Some((name, Cow::Borrowed(language)));
    }
    languages.values().find_map(|language| {
        let (name, _) = language.variants.get_key_value(asked)?;
        Some((name.as_str(), Cow::Owned(language.variant(asked)?)))
    })
}
