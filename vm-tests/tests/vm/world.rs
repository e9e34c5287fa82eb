//! What the tests have in common: static guest programs, a kernel, and a VM whose /init is the fixture.

use std::sync::OnceLock;
use std::time::Duration;

use vm_tests::frame::Nonce;
use vm_tests::guest::Guest;
use vm_tests::initramfs;
use vm_tests::kernel::Kernel;
use vm_tests::plan::{Plan, Runner, Step, Watch};
use vm_tests::processor::Processor;
use vm_tests::qemu::Machine;
use vm_tests::vm::{Cause, Deadlines, Failure, Session, Vm};

pub fn guest() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| Guest::build(Processor::HERE).expect("the guest programs build"))
}

pub fn machine() -> Machine {
    static KERNEL: OnceLock<Kernel> = OnceLock::new();
    let kernel = KERNEL.get_or_init(|| {
        Kernel::of_series("6.1", Processor::HERE).expect("a kernel in the cache or from apt")
    });
    Machine { memory_mib: 256, ..Machine::emulated(Processor::HERE, &kernel.file()) }
}

/// Of these steps, which have no sandbox.
pub fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        init: "/init".into(),
        runner: Runner::Once,
        root: "/".into(),
        options: vec![],
        watch: Watch::Machine,
        steps,
    }
}

/// No test waits for these: only a VM that hangs takes as long, on the slowest machine too.
pub const PATIENT: Deadlines = within(Duration::from_secs(300));

/// So long for each phase.
pub const fn within(ready: Duration) -> Deadlines {
    Deadlines { ready, silence: Duration::from_secs(300), total: Duration::from_secs(900) }
}

/// Boots a guest that never gets ready and waits for the deadline, which is longer each time until the guest got as far
/// as `line` on its console before.
pub fn not_ready(behaviour: &str, line: &str) -> Failure {
    let failures = [15, 60, 240].map(Duration::from_secs).into_iter().map(|ready| {
        let failure = boot(behaviour, None).run(within(ready)).unwrap_err();
        assert!(matches!(failure.cause, Cause::NotReady(after) if after == ready), "{failure}");
        failure
    });
    let mut as_far = failures.filter(|failure| failure.transcript.console.contains(line));
    as_far.next().expect("the guest boots within minutes")
}

/// A started VM with the fixture as init, and with an agent and `plan` when the behaviour is `agent`.
pub struct Booted {
    pub vm: Vm,
    pub nonce: Nonce,
    steps: usize,
    _files: tempfile::TempDir,
}

pub fn boot(behaviour: &str, plan: Option<&Plan>) -> Booted {
    let files = tempfile::tempdir().unwrap();
    let nonce = Nonce::random().unwrap();
    let first = files.path().join("first.cpio");
    std::fs::write(&first, initramfs::fixture(guest(), behaviour).unwrap()).unwrap();
    let segment =
        plan.map(|plan| initramfs::segment(guest(), &[], plan, &nonce).unwrap()).unwrap_or_default();
    let joined = files.path().join("initramfs.cpio");
    initramfs::join(&first, &segment, &joined).unwrap();
    let vm = Vm::start(&machine(), &joined).expect("QEMU starts");
    Booted { vm, nonce, steps: plan.map_or(0, |plan| plan.steps.len()), _files: files }
}

impl Booted {
    pub fn run(self, deadlines: Deadlines) -> Result<Session, Failure> {
        self.vm.run(&self.nonce, deadlines, self.steps)
    }
}
