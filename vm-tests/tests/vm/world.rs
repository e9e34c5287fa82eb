//! What the tests have in common: static guest programs, a kernel, and a VM whose /init is the fixture.

use std::sync::OnceLock;
use std::time::Duration;

use vm_tests::frame::Nonce;
use vm_tests::guest::Guest;
use vm_tests::initramfs;
use vm_tests::kernel::Kernel;
use vm_tests::plan::Plan;
use vm_tests::qemu::Machine;
use vm_tests::vm::{Deadlines, Failure, Session, Vm};

pub fn guest() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| Guest::build().expect("the guest programs build"))
}

pub fn machine() -> Machine {
    static KERNEL: OnceLock<Kernel> = OnceLock::new();
    let kernel = KERNEL.get_or_init(|| Kernel::of_series("6.1").expect("a kernel in the cache or from apt"));
    Machine { memory_mib: 256, ..Machine::emulated(&kernel.file()) }
}

/// Short where the test waits for the deadline itself, long enough for a busy machine elsewhere.
pub fn deadlines(ready: u64, silence: u64) -> Deadlines {
    Deadlines {
        ready: Duration::from_secs(ready),
        silence: Duration::from_secs(silence),
        total: Duration::from_secs(120),
    }
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
