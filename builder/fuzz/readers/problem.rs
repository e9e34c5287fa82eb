//! Problems of judges: files, each a line `=NAME` and its text. Any of them are a problem, or an error that names it.

use judge::files::Files;
use judge::show::Shown;

/// Returns whether the bytes are valid.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let files = text.split("\n=").filter_map(|file| file.split_once('\n'));
    let mut files = Files::in_memory(files);
    let read = judge::read(&mut files);
    match &read {
        Ok(problem) => {
            assert!(problem.root.tests().iter().all(|test| *test < problem.tests.len()));
            assert!(!Shown(problem).to_string().is_empty());
        }
        Err(error) => assert!(error.to_string().starts_with("`problem`: ")),
    }
    read.is_ok()
}
