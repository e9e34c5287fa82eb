//! A run next to which we stay, to add to its report that the tree was compared.

use super::{Run, init_command};
use crate::ending_signals::{EndingSignals, Heeded};
use crate::error::Error;
use crate::exec::{Destination, ReportFile, reporting};
use crate::report::INITS;

/// Starts init, waits for it and writes the report; the exit code is init's.
///
/// # Errors
/// The tree has changed, init cannot be started or leaves no report, or the report cannot be written.
pub(super) fn run(run: Run, destination: &Destination) -> Result<u8, Error> {
    // Before the comparison, which takes its time: none of an earlier run stays in its place.
    let file = ReportFile::open(destination)?;
    // Before the first thread, which would be asked to end instead of us. init gets those that come meanwhile.
    let signals = EndingSignals::hold()?;
    let init = init_command(run, true)?;
    let path = init.init().to_path_buf();
    let fail = |error| Error::Start { path: path.clone(), error };
    let supervisor = reporting(None, init, [None; 3]).map_err(fail)?;
    let (code, report) = supervisor.wait(Heeded::signals(&signals)).map_err(fail)?;
    file.write_line(&verified(&report)?, signals)?;
    Ok(code)
}

/// init's report with one field more.
fn verified(report: &str) -> Result<String, Error> {
    let invalid = |what: &str| Error::Report { whose: INITS, what: what.to_owned() };
    let fields = report.trim_end().strip_suffix('}').ok_or_else(|| invalid("it does not end"))?;
    Ok(format!("{fields},\"verified\":true}}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_comes_last_and_a_report_that_does_not_end_is_none() {
        let report = verified("{\"version\":1,\"error\":{}}\n").expect("a report");
        assert_eq!(report, "{\"version\":1,\"error\":{},\"verified\":true}\n");
        assert!(verified("{\"version\":1").is_err() && verified("").is_err());
    }
}
