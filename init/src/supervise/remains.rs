//! What stands of a run whose last process is reaped: PID 1, its namespaces, the cgroup, the uid. All of it goes after the
//! report, so that nobody waits for it, and nothing of it can change what the report says.
//!
//! PID 1 stays to the end as the second who knows of the cgroup: a supervisor that is killed between its report and its last
//! step leaves the rest to PID 1 (pid1.rs). None of the two removes a cgroup as long as it has to reap a process of it:
//! rmdir(2) waits for tasks that are about to leave, and on Linux 7.0 until they are reaped, so that it would wait for ever
//! (CVE-2026-46223).

use crate::cgroup::Place;
use crate::channel::Supervisor;
use crate::sandbox::Sandbox;
use crate::sys::fd::Fd;

/// In the order in which they go, after the cgroup.
pub(super) struct Remains {
    pub(super) sandbox: Sandbox,
    /// PID 1 takes its end for the supervisor's death: not before it is dead itself.
    pub(super) channel: Supervisor,
    pub(super) place: Option<Place>,
    /// Keeps the uid from other runs.
    #[expect(dead_code, reason = "held, not used")]
    pub(super) uid: Option<Fd>,
}

impl Drop for Remains {
    fn drop(&mut self) {
        // Of a sandbox that did not end, the last of its processes removes it: this one must not wait for it.
        if let Some(place) = self.place.as_ref().filter(|_| !self.sandbox.is_stuck()) {
            place.remove();
        }
    }
}
