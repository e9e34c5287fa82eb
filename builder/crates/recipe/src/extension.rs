//! What a file says about a language: the whole of it, or how it differs from the one that it extends.

use std::collections::BTreeMap;

use crate::language::{Language, Preparation, SelfTest, Step, Variant, WarmUp};
use crate::source_name::SourceName;
use crate::span::{Span, Spanned};

/// A language that is another one with a few differences: `extends = "python"`.
#[derive(Debug, Clone)]
pub struct Extension {
    /// The pack whose language it extends.
    pub(crate) base: Spanned<String>,
    /// The new language's name.
    pub(crate) name: String,
    /// Where it is described.
    pub(crate) span: Span,
    /// How it differs.
    pub(crate) differences: Differences,
}

/// What a file says about a language.
#[derive(Debug, Clone, Default)]
pub(crate) struct Differences {
    pub(crate) title: Option<String>,
    pub(crate) source: Option<SourceName>,
    pub(crate) units: Option<Vec<String>>,
    pub(crate) output: Option<String>,
    pub(crate) flags: Option<Vec<String>>,
    pub(crate) variants: BTreeMap<String, Variant>,
    pub(crate) compile: Option<StepDifferences>,
    pub(crate) run: Option<StepDifferences>,
    pub(crate) preparations: Vec<Preparation>,
    pub(crate) tests: Vec<SelfTest>,
}

/// What a file says about a step.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepDifferences {
    pub(crate) argv: Option<Vec<String>>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) limits: BTreeMap<String, String>,
    pub(crate) reserve: Option<u64>,
    pub(crate) memory_exit_code: Option<u8>,
    pub(crate) warm: Option<WarmUp>,
}

impl Differences {
    /// The language that this makes of another. Lists replace the other's; environment and limits add to them. Variants are
    /// names, and those of the other stay its own.
    pub(crate) fn over(self, base: Language) -> Language {
        let compile = match (self.compile, base.compile) {
            (Some(differences), Some(step)) => Some(differences.over(step)),
            (Some(differences), None) => differences.alone(),
            (None, step) => step,
        };
        Language {
            title: self.title.or(base.title),
            source: self.source.unwrap_or(base.source),
            units: self.units.unwrap_or(base.units),
            output: self.output.or(base.output),
            flags: self.flags.unwrap_or(base.flags),
            variants: self.variants,
            compile,
            run: self.run.unwrap_or_default().over(base.run),
            preparations: base.preparations.into_iter().chain(self.preparations).collect(),
            tests: base.tests.into_iter().chain(self.tests).collect(),
        }
    }
}

impl StepDifferences {
    /// A step of its own, when it says what to start.
    pub(crate) fn alone(self) -> Option<Step> {
        let argv = self.argv?;
        let StepDifferences { env, limits, reserve, memory_exit_code, warm, .. } = self;
        Some(Step { argv, env, limits, reserve, memory_exit_code, warm })
    }

    fn over(self, base: Step) -> Step {
        // Another program does not get ready as the base's does.
        let of_base = base.warm.filter(|_| self.argv.is_none());
        let warm = match (self.warm, of_base) {
            (Some(own), Some(base)) => Some(WarmUp {
                argv: own.argv.or(base.argv),
                env: base.env.into_iter().chain(own.env).collect(),
            }),
            (own, base) => own.or(base),
        };
        Step {
            warm,
            argv: self.argv.unwrap_or(base.argv),
            env: base.env.into_iter().chain(self.env).collect(),
            limits: base.limits.into_iter().chain(self.limits).collect(),
            reserve: self.reserve.or(base.reserve),
            memory_exit_code: self.memory_exit_code.or(base.memory_exit_code),
        }
    }
}
