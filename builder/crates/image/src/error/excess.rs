//! An image that exceeds its budget.

use std::fmt;

use bundle::human_bytes;
use recipe::image_path::ImagePath;

/// The limit of the budget that is exceeded, and the largest files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// A sentence with the image's value and the limit.
    pub(crate) rule: String,
    /// Path, bytes and provenance; the largest file first.
    pub(crate) offenders: Vec<(ImagePath, u64, String)>,
    pub(crate) hint: &'static str,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)?;
        for (path, size, why) in &self.offenders {
            write!(f, "\n  {:>9}  {path}: {why}", human_bytes(*size))?;
        }
        write!(f, "\n  hint: {}", self.hint)
    }
}
