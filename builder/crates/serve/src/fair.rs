//! The order in which jobs are taken: the tenants take turns, and each tenant's jobs come by priority, then by age. Pure.

use std::collections::{BTreeMap, VecDeque};

/// Waiting jobs.
pub(crate) struct Fair<J> {
    /// The tenants with waiting jobs, in the order of their turns.
    turns: VecDeque<String>,
    /// Each tenant's jobs; within a priority, the oldest is first. None of the inner ones is empty.
    jobs: BTreeMap<String, BTreeMap<std::cmp::Reverse<i8>, VecDeque<J>>>,
    count: usize,
}

impl<J> Default for Fair<J> {
    fn default() -> Fair<J> {
        Fair { turns: VecDeque::new(), jobs: BTreeMap::new(), count: 0 }
    }
}

impl<J> Fair<J> {
    /// Adds a job; a higher priority is earlier.
    pub(crate) fn put(&mut self, tenant: &str, priority: i8, job: J) {
        if !self.jobs.contains_key(tenant) {
            self.turns.push_back(tenant.to_owned());
        }
        let queues = self.jobs.entry(tenant.to_owned()).or_default();
        queues.entry(std::cmp::Reverse(priority)).or_default().push_back(job);
        self.count += 1;
    }

    /// The next job.
    pub(crate) fn next(&self) -> Option<&J> {
        let queues = self.jobs.get(self.turns.front()?)?;
        queues.first_key_value()?.1.front()
    }

    /// Takes the next job.
    pub(crate) fn take(&mut self) -> Option<J> {
        let tenant = self.turns.pop_front()?;
        let queues = self.jobs.get_mut(&tenant)?;
        let mut first = queues.first_entry()?;
        let job = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        if queues.is_empty() {
            self.jobs.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        self.count -= 1;
        job
    }

    /// Takes all jobs out of it that are to be no more, wherever they are.
    pub(crate) fn take_if(&mut self, mut is_no_more: impl FnMut(&J) -> bool) -> Vec<J> {
        let mut taken = Vec::new();
        self.jobs.retain(|_, queues| {
            queues.retain(|_, queue| {
                let (gone, kept): (VecDeque<J>, _) =
                    std::mem::take(queue).into_iter().partition(&mut is_no_more);
                taken.extend(gone);
                *queue = kept;
                !queue.is_empty()
            });
            !queues.is_empty()
        });
        self.turns.retain(|tenant| self.jobs.contains_key(tenant));
        self.count -= taken.len();
        taken
    }

    /// How many jobs wait.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// How many of a tenant's jobs wait.
    pub(crate) fn of(&self, tenant: &str) -> usize {
        self.jobs.get(tenant).map_or(0, |queues| queues.values().map(VecDeque::len).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(fair: &mut Fair<&'static str>) -> String {
        let mut next = || {
            let (next, taken) = (fair.next().copied(), fair.take());
            assert_eq!(next, taken);
            taken
        };
        std::iter::from_fn(&mut next).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_tenant_with_many_jobs_does_not_keep_another_from_its_first() {
        let mut fair = Fair::default();
        for job in ["a1", "a2", "a3"] {
            fair.put("a", 0, job);
        }
        fair.put("b", 0, "b1");
        assert_eq!((fair.len(), fair.of("a"), fair.of("c")), (4, 3, 0));
        assert_eq!(taken(&mut fair), "a1 b1 a2 a3");
        assert_eq!((fair.len(), fair.of("a")), (0, 0));
    }

    #[test]
    fn a_priority_counts_among_the_jobs_of_one_tenant_only() {
        let mut fair = Fair::default();
        for (tenant, priority, job) in [("a", 0, "a1"), ("b", -1, "b1"), ("b", -1, "b2"), ("b", 5, "b0")] {
            fair.put(tenant, priority, job);
        }
        assert_eq!(taken(&mut fair), "a1 b0 b1 b2");
    }

    #[test]
    fn a_tenant_that_comes_back_waits_for_its_turn() {
        let mut fair = Fair::default();
        fair.put("a", 0, "a1");
        fair.put("b", 0, "b1");
        assert_eq!(fair.take(), Some("a1"));
        fair.put("a", 0, "a2");
        assert_eq!(taken(&mut fair), "b1 a2");
    }

    #[test]
    fn jobs_that_are_no_more_leave_the_order_of_the_others() {
        let mut fair = Fair::default();
        for (tenant, priority, job) in
            [("a", 0, "a1"), ("a", 0, "a2"), ("b", 0, "b1"), ("c", 0, "c2"), ("c", 1, "c1"), ("a", 0, "a3")]
        {
            fair.put(tenant, priority, job);
        }
        assert_eq!(fair.take_if(|job| ["a2", "b1", "c1"].contains(job)), ["a2", "b1", "c1"]);
        assert_eq!((fair.len(), fair.of("a"), fair.of("b")), (3, 2, 0));
        fair.put("b", 0, "b2");
        assert_eq!(taken(&mut fair), "a1 c2 b2 a3");
        assert!(fair.take_if(|_| true).is_empty());
    }
}
