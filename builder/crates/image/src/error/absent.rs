//! Data that the recipe names and the build host does not have.

/// Data that the build host does not have, where it was searched, and the package that usually has it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {what} `{name}` on the build host{}\n  hint: {hint}", places(searched))]
pub struct Absent {
    /// The kind of data: `locale`, `time zone`, …
    pub what: &'static str,
    /// The name or pattern of the recipe.
    pub name: String,
    /// The directories or files that were searched; empty when there was none to search.
    pub searched: Vec<String>,
    /// How to get it.
    pub hint: &'static str,
}

fn places(searched: &[String]) -> String {
    if searched.is_empty() { String::new() } else { format!("\n  searched: {}", searched.join(", ")) }
}
