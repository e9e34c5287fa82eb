//! Files that a test needs and that are not on every machine.

/// Whether a file exists. Prints a line when it does not, and fails in CI.
pub fn have(path: &std::path::Path, package: &str) -> bool {
    let there = path.exists();
    if !there {
        println!("SKIPPED: `{}` is not there: install {package}", path.display());
        assert!(
            std::env::var_os("CI").is_none(),
            "`{}` must be there in CI: install {package}",
            path.display()
        );
    }
    there
}
