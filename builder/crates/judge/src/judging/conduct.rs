//! How the tests of a submission are run.

use super::Stop;
use super::watch::Watch;

/// How the tests of a submission are run.
#[derive(Clone, Copy)]
pub struct Conduct<'a> {
    /// How many tests run at a time.
    pub jobs: usize,
    /// When the rest of the tests is left out.
    pub stop: Stop,
    /// Sees what happens.
    pub watch: &'a dyn Watch,
    /// CPU time instead of the problem's.
    pub(super) limit_us: Option<u64>,
    /// A submission may run for its limit times this, and is too slow all the same.
    pub(super) leeway: f64,
}

impl<'a> Conduct<'a> {
    /// Under the limits of the problem.
    pub fn new(jobs: usize, stop: Stop, watch: &'a dyn Watch) -> Conduct<'a> {
        Conduct { jobs, stop, watch, limit_us: None, leeway: 1.0 }
    }
}
