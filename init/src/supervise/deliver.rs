//! The end of a run: its report, or one line on stderr.

use rustix::io::Errno;

use super::drain::{GRACE, deadline, drain};
use super::signals::Watched;
use crate::clock;
use crate::describe::push_error;
use crate::error::{Call, Error, Step, Subject, at};
use crate::options::Destination;
use crate::outcome::{Facts, Outcome};
use crate::report::{MAX_LEN, Measures, Report, render_refused};
use crate::setup::Setup;
use crate::streams::{Access, End, Pump, unopened};
use crate::sys::StreamBuffer;
use crate::text::Text;

/// Where the conclusion of a run is written.
pub(super) enum Outlet {
    Report(End),
    /// stderr, if there is no report.
    Line(End),
}

impl Outlet {
    /// Opens it. First of all, while paths still mean what the caller means by them.
    pub(super) fn open(destination: Option<Destination<'_>>) -> Result<Outlet, Error> {
        let end = match destination {
            None => return Outlet::stderr(),
            Some(Destination::Stdout) => End::inherited(1, Access::Write),
            Some(Destination::Fd(number)) => End::inherited(number, Access::Write),
            Some(Destination::Path(path)) => End::open(path, Access::Write),
        };
        end.map(Outlet::Report).map_err(unopened(Subject::Report))
    }

    /// For a report that cannot be opened.
    pub(super) fn stderr() -> Result<Outlet, Error> {
        End::inherited(2, Access::Write).map(Outlet::Line).map_err(unopened(Subject::Stream(2)))
    }
}

/// What there is to report of a run.
pub(crate) struct Conclusion<'a> {
    pub(super) setup: &'a Setup<'a>,
    pub(super) outcome: &'a Outcome,
    pub(super) facts: &'a Facts,
    pub(super) measures: &'a Measures,
}

impl<'a> Conclusion<'a> {
    /// With the guards that the run had.
    pub(crate) fn setup(&self) -> &'a Setup<'a> {
        self.setup
    }
}

impl Conclusion<'_> {
    /// Writes the report; without one, a line on stderr unless the outcome speaks for itself. Returns whether the report
    /// was taken: its reader has no more time than that of the output.
    pub(super) fn write(
        &self,
        outlet: Outlet,
        buffer: &mut StreamBuffer,
        signals: &Watched,
        started: u64,
    ) -> bool {
        let mut text = Text::new(buffer.get_mut(..MAX_LEN).unwrap_or_default());
        let (end, is_report) = match outlet {
            Outlet::Report(end) => (end, true),
            Outlet::Line(end) => (end, false),
        };
        match is_report {
            true => self.render(&mut text),
            false => self.summarize(&mut text),
        }
        let len = text.as_bytes().len();
        if len == 0 {
            return true;
        }
        let deadline = match is_report || self.facts.undelivered[1] == 0 {
            true => deadline(self.setup.options, started, self.outcome.is_expected()),
            false => Some(0), // the reader of stderr has had its time
        };
        let written = pass(end, buffer, len, signals, deadline);
        if is_report && let Err(errno) = written {
            self.lament(errno, buffer, signals);
        }
        // A line that is not read is no loss: the exit code means the same.
        !is_report || written.is_ok()
    }

    /// Says on stderr that there is no report, where stderr still has a reader.
    fn lament(&self, errno: Errno, buffer: &mut StreamBuffer, signals: &Watched) {
        let Ok(Outlet::Line(end)) = Outlet::stderr() else { return };
        let mut text = Text::new(buffer);
        let error = at(Step::Supervise, Call::Write, Subject::Report)(errno);
        push_error(&mut text, error, self.setup.options);
        text.push(b"\n");
        let len = text.as_bytes().len();
        let _ = pass(end, buffer, len, signals, Some(clock::now() + GRACE)); // there is no other place to say so
    }

    /// The report.
    pub(crate) fn render(&self, text: &mut Text<'_>) {
        let Conclusion { setup, outcome, facts, measures } = *self;
        let uname = rustix::system::uname();
        let kernel = uname.release().to_bytes();
        Report { setup, outcome, facts, measures, kernel }.render(text);
    }

    fn summarize(&self, text: &mut Text<'_>) {
        if self.outcome.is_expected() {
            return;
        }
        match self.outcome.error {
            Some(error) => push_error(text, error, self.setup.options),
            None => drop(text.push(b"init: ").push(self.outcome.status.name())),
        }
        text.push(b"\n");
    }
}

/// Reports that a command line is not valid. Its exit code is that of a failure already, and stderr has the message.
pub(super) fn report_refused(outlet: Outlet, buffer: &mut StreamBuffer, signals: &Watched, message: &[u8]) {
    let mut text = Text::new(buffer.get_mut(..MAX_LEN).unwrap_or_default());
    render_refused(message, &mut text);
    let len = text.as_bytes().len();
    if let Outlet::Report(end) = outlet {
        let _ = pass(end, buffer, len, signals, Some(clock::now() + GRACE));
    }
}

/// Writes the first `len` bytes of a buffer. A reader that has gone is not an error: it does not want a report.
fn pass(
    end: End,
    buffer: &mut StreamBuffer,
    len: usize,
    signals: &Watched,
    deadline: Option<u64>,
) -> Result<(), Errno> {
    let mut pumps = [Some(Pump::of_bytes(end, buffer, len)), None, None];
    drain(&mut pumps, signals, deadline).map_err(|error| error.errno())?;
    match &pumps[0] {
        Some(Pump { failed: Some(errno), .. }) => Err(*errno),
        Some(pump) if !pump.is_done() => Err(Errno::TIMEDOUT),
        _ => Ok(()),
    }
}
