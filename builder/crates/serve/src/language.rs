//! The bundle's languages, as the APIs list them.

use std::collections::BTreeMap;

use recipe::language::Language;
use serde::Serialize;
use utoipa::ToSchema;

use crate::limit::Limits;
use crate::workshop::Workshop;

/// A language of the bundle, or a variant of one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Listed {
    /// What requests call it.
    pub(crate) name: String,
    /// What people call it.
    pub(crate) title: String,
    /// Of the package that its compiler or interpreter is from: three numbers.
    pub(crate) version: String,
    /// The extension of its files, without the dot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extension: Option<String>,
    /// The usual name of its file.
    pub(crate) file: String,
    /// Whether it has a compile step.
    pub(crate) is_compiled: bool,
    /// The language that it is a variant of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variant_of: Option<String>,
    /// What a run gets that asks for nothing.
    pub(crate) limits: Limits,
}

/// All of them: each language, then its variants.
pub(crate) fn all(workshop: &Workshop) -> Vec<Listed> {
    let limits = |language: &Language| workshop.limits(Some(language), Limits::default());
    listed(workshop.languages(), limits, |name| workshop.version(name).to_owned())
}

fn listed(
    languages: &BTreeMap<String, Language>,
    limits: impl Fn(&Language) -> Limits,
    version: impl Fn(&str) -> String,
) -> Vec<Listed> {
    let mut all = Vec::new();
    for (name, language) in languages {
        let one = Listed {
            name: name.clone(),
            title: language.title.clone().unwrap_or_else(|| name.clone()),
            version: version(name),
            extension: language.extension().map(str::to_owned),
            file: language.source.usual().to_owned(),
            is_compiled: language.compile.is_some(),
            variant_of: None,
            limits: limits(language),
        };
        let variants = language.variants.iter().map(|(variant, what)| Listed {
            name: variant.clone(),
            title: what.title.clone().unwrap_or_else(|| one.title.clone()),
            variant_of: Some(name.clone()),
            ..one.clone()
        });
        all.extend([one.clone()].into_iter().chain(variants).collect::<Vec<_>>());
    }
    all
}
