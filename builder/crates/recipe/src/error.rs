//! A mistake in a recipe: where, what, and a hint. The texts are written where the mistakes are found.

use std::fmt;

use crate::span::Span;

/// What is wrong with a recipe, or with what the command line says instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeError {
    /// Where.
    pub span: Span,
    /// What is wrong, without a full stop.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.span, self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RecipeError {}
