//! Whether runs sleep: by two looks at their processes, between which nothing of them has run.

use std::time::{Duration, Instant};

use run::exec::{Activity, Running};

/// Between two looks.
pub(super) const LOOK: Duration = Duration::from_millis(1);

/// A watch over the same runs, until one of them has ended.
#[derive(Default)]
pub(super) struct Watch {
    seen: Option<(Instant, Vec<Activity>)>,
}

impl Watch {
    /// Looks at the runs, unless that was done a moment ago. Runs that have ended sleep.
    pub(super) fn finds_asleep<'r>(&mut self, runs: impl Iterator<Item = &'r Running>) -> bool {
        let now = Instant::now();
        if self.seen.as_ref().is_some_and(|(at, _)| now.duration_since(*at) < LOOK) {
            return false;
        }
        let activities: Vec<Activity> = runs.map(Running::activity).collect();
        let before = self.seen.take().map(|(_, activities)| activities).unwrap_or_default();
        let sleep = have_slept(&before, &activities);
        self.seen = Some((now, activities));
        sleep
    }
}

/// Whether none has run between two looks.
fn have_slept(before: &[Activity], now: &[Activity]) -> bool {
    now.iter().enumerate().all(|(number, activity)| match activity {
        Activity::Busy => false,
        Activity::Asleep(_) => before.get(number) == Some(activity),
        // Then the plain order of the ends, and the plain wall time, have to do.
        Activity::Unknown => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_must_sleep_and_none_may_have_run_meanwhile() {
        let asleep = |runs: &str| Activity::Asleep(vec![runs.to_owned()]);
        let (a, b, busy) = (asleep("1"), asleep("2"), Activity::Busy);
        assert!(have_slept(&[a.clone(), b.clone()], &[a.clone(), b.clone()]));
        assert!(!have_slept(&[a.clone(), b.clone()], &[a.clone(), asleep("3")]));
        assert!(!have_slept(&[a.clone(), busy.clone()], &[a.clone(), busy]));
        assert!(!have_slept(&[], std::slice::from_ref(&a)));
        assert!(have_slept(&[], &[]) && have_slept(&[], &[Activity::Unknown]));
    }
}
