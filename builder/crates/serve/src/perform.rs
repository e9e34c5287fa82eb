//! One attempt at a submission: its program is run, or judged with a problem. The service does this, and so does a worker.

use std::sync::Arc;

use judge::judging::{TestResult, Watch};
use judge::problem::Verdict;
use run::Cancel;
use serde_json::json;

use crate::pool::Way;
use crate::shelf::Shelf;
use crate::work::{Done, Work};
use crate::workshop::Workshop;

/// What came of an attempt.
pub(crate) struct Finished {
    /// As JSON: [`Done`], or the judgement of a submission with a problem.
    pub(crate) result: String,
    /// Why it is no verdict.
    pub(crate) failure: Option<String>,
}

impl Finished {
    pub(crate) fn run(done: &Done) -> Finished {
        Finished { result: serde_json::to_string(done).unwrap_or_default(), failure: done.failure() }
    }

    pub(crate) fn failed(why: String) -> Finished {
        Finished::run(&Done::failed(why))
    }
}

/// Where it is done, and who wants to know.
pub(crate) struct Attempt<'a> {
    pub(crate) workshop: &'a Workshop,
    pub(crate) shelf: &'a Shelf,
    pub(crate) tenant: &'a str,
    /// To its slot.
    pub(crate) way: &'a Way<'a>,
    pub(crate) cancel: &'a Arc<Cancel>,
    /// Each event: its kind, and its data as JSON.
    pub(crate) tell: &'a (dyn Fn(&str, &str) + Sync),
    /// A program was run.
    pub(crate) ran: &'a (dyn Fn(&Done) + Sync),
}

impl Attempt<'_> {
    /// Does it.
    pub(crate) fn perform(&self, work: &str) -> Finished {
        match serde_json::from_str::<Work>(work) {
            Ok(work) if work.problem.is_some() => self.judge(&work),
            Ok(work) => {
                let done = self.workshop.run(&work, self.tenant, self.way, self.cancel);
                (self.ran)(&done);
                Finished::run(&done)
            }
            Err(error) => Finished::failed(format!("the store has no such work: {error}")),
        }
    }

    fn judge(&self, work: &Work) -> Finished {
        let place = work.problem.as_deref().and_then(|problem| self.shelf.find(self.tenant, problem));
        let Some(place) = place else { return Finished::failed("the problem was removed".to_owned()) };
        let session = self.shelf.ready_to_judge(&place, |place| self.workshop.open_problem(place));
        let session = session.map_err(|unready| unready.to_string());
        let judged = session.and_then(|session| self.workshop.judge(work, self.tenant, &session, self));
        let rendered = judged.and_then(|judgement| {
            let result = judgement.to_json().map_err(|error| error.to_string())?;
            Ok((result, judgement))
        });
        let (result, judgement) = match rendered {
            Ok(both) => both,
            Err(why) => return Finished::failed(why),
        };
        let is_ours = matches!(judgement.verdict, Verdict::JudgeError | Verdict::InternalError);
        let why =
            || judgement.error.clone().unwrap_or_else(|| format!("the verdict is {}", judgement.verdict));
        Finished { result, failure: is_ours.then(why) }
    }
}

impl Watch for Attempt<'_> {
    fn test(&self, number: usize, result: &TestResult) {
        let data = json!({ "test": number, "name": result.name, "verdict": result.verdict });
        (self.tell)("test", &data.to_string());
    }

    fn interrupted(&self) -> Option<String> {
        self.cancel.is_set().then(|| "called off".to_owned())
    }

    fn cancel(&self) -> Option<&Arc<Cancel>> {
        Some(self.cancel)
    }
}
