//! Patterns for names of submissions and tests: `*` within a name, `{a,b}` for one of several (2025-09, "Glob patterns").

use globset::{GlobBuilder, GlobMatcher};

/// A pattern that is ready.
pub(crate) fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let what = |cause: &str| format!("`{}` is not a pattern for names: {cause}", pattern.escape_debug());
    if pattern.contains("**") || pattern.contains(['[', ']', '?', '\\']) {
        return Err(what("it has only `*` and `{a,b}`"));
    }
    let built = GlobBuilder::new(pattern).literal_separator(true).build();
    built.map(|glob| glob.compile_matcher()).map_err(|error| what(&error.kind().to_string()))
}

/// Whether it is a pattern for a name, or for a directory above it.
pub(crate) fn is_match_or_below(matcher: &GlobMatcher, name: &str) -> bool {
    let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
    ends.into_iter().any(|end| matcher.is_match(&name[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_for_names_and_for_what_is_below_them() {
        let is_match = |pattern: &str, name: &str| is_match_or_below(&matcher(pattern).unwrap(), name);
        assert!(is_match("accepted", "accepted/a.py") && is_match("accepted/*", "accepted/a.py"));
        assert!(
            is_match("secret/*-hard", "secret/1-hard/7") && !is_match("secret/*-hard", "secret/1-easy/7")
        );
        assert!(
            is_match("*/{a,b}.py", "x/b.py")
                && !is_match("*.py", "x/b.py")
                && !is_match("secret/1", "secret/10")
        );
    }

    #[test]
    fn other_patterns_are_refused() {
        for pattern in ["**/a", "[ab]", "a?", "{a"] {
            assert!(matcher(pattern).is_err(), "{pattern}");
        }
    }
}
