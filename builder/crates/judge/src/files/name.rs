//! Names inside of a problem.

/// Directories inside of each other, at most.
pub(super) const DEEPEST: usize = 100;
/// The longest name that a file system has (PATH_MAX, less the place itself).
const LONGEST: usize = 2048;

/// Why a name, with `/` between its parts, is refused.
pub(super) fn mistake(name: &str) -> Option<&'static str> {
    if name.len() > LONGEST {
        Some("its name is too long")
    } else if name.starts_with('/') {
        Some("its name is absolute")
    } else if name.chars().any(char::is_control) {
        Some("its name has a control character")
    } else if name.contains('\\') {
        Some("its name has a backslash")
    } else if name.split('/').count() > DEEPEST {
        Some("it lies too many directories deep")
    } else if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Some("its name climbs out of the problem")
    } else {
        None
    }
}

/// Whether a part of the name makes it one that editors, archivers and version control leave behind.
pub(super) fn is_hidden(part: &str) -> bool {
    part.starts_with('.') && part != ".timelimit" || part == "__MACOSX" || part.ends_with('~')
}
