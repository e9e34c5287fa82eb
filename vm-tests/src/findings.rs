//! How a program ends that looks for what is wrong.

use std::process::ExitCode;

/// Says what was found, or `fine` when nothing was, or why nothing could be looked for.
pub fn tell(found: Result<Vec<String>, String>, fine: &str) -> ExitCode {
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
