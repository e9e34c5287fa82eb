//! How a program reports what it found wrong.

use std::process::ExitCode;

/// Prints what was found, or `fine` when nothing was, or the error that stopped the search.
pub fn report(found: Result<Vec<String>, String>, fine: &str) -> ExitCode {
    match found {
        Ok(wrong) if wrong.is_empty() => {
            println!("{fine}");
            ExitCode::SUCCESS
        }
        Ok(wrong) => {
            wrong.iter().for_each(|what| println!("FAIL {what}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
