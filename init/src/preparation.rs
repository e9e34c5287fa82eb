//! What the supervisor opens and makes before clone3, for the processes of the sandbox to inherit.

use crate::cgroup::Place;
use crate::channel::Inside;
use crate::mounts::Scratch;
use crate::seccomp::{Filters, Image};
use crate::setup::Setup;
use crate::streams::JobStreams;
use crate::streams::input::Later;
use crate::sys::Args;
use crate::sys::fd::Fd;

/// Handed over by clone3(2): PID 1 has a copy of the supervisor's memory, and so has the submission's process of PID
/// 1's.
pub(crate) struct Preparation<'a> {
    pub(crate) setup: &'a Setup<'a>,
    /// The run's cgroup, if any.
    pub(crate) place: Option<&'a Place>,
    /// The system calls that the submission may make; `None` if all.
    pub(crate) policy: Option<Image<'static>>,
    pub(crate) channel: Inside,
    /// The scratch space, where PID 1 cannot make it whole.
    pub(crate) scratch: Option<Scratch>,
    /// The filters that come of it, once PID 1 has built the sandbox.
    pub(crate) filters: Option<Filters>,
    /// The submission's ends of its streams; `None` with a terminal, which is made inside.
    pub(crate) streams: Option<JobStreams>,
    /// The caller's file that is to be the submission's stdin.
    pub(crate) input: Option<Fd>,
    /// The same for one that warms up, once it is made.
    pub(crate) later: Option<Later>,
    /// This process's argument strings, to be wiped: they name host paths, and /proc/1/cmdline shows them.
    pub(crate) argv: Args<'a>,
}
