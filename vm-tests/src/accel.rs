//! Whether guests are executed by KVM or by translation. KVM is believed only after a probe boot.
//!
//! A /dev/kvm that opens and makes a VM is not enough: on a host that is a VM itself, or with another hypervisor below, a
//! guest may hang in its early boot for ever. So one VM is booted with an empty plan and a deadline. KVM counts as working
//! only when its agent has sent its first and its last message. The answer holds for this boot of the host, this QEMU
//! and this kernel, and is kept as long.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::frame::Nonce;
use crate::guest::Guest;
use crate::initramfs;
use crate::kernel::Kernel;
use crate::plan::{Plan, Runner, Watch};
use crate::processor::Processor;
use crate::qemu::{Accel, Machine};
use crate::random::to_hex;
use crate::vm::{Deadlines, Vm};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "harness", derive(clap::ValueEnum))]
pub enum Choice {
    /// KVM where a probe boot has shown that it works, else translation.
    Auto,
    /// KVM, or an error.
    Kvm,
    /// Translation.
    Tcg,
}

/// Ten times what a working KVM needs to get to the agent.
const DEADLINE: Duration = Duration::from_secs(10);

/// A probe boot: with what, and how long.
pub struct KvmProbe<'a> {
    /// QEMU.
    pub qemu: &'a Path,
    /// The archive to boot.
    pub initramfs: &'a Path,
    /// The agent.
    pub guest: &'a Guest,
    /// From start to end.
    pub deadline: Duration,
    /// Where answers are kept.
    pub cache: &'a Path,
    /// The device that must be there in the first place.
    pub device: &'a Path,
}

/// An answer, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KvmAnswer {
    boot: String,
    qemu: String,
    kernel: String,
    /// Why KVM is not used; nothing when it works.
    pub(crate) objection: Option<String>,
}

impl<'a> KvmProbe<'a> {
    /// A probe with QEMU from PATH, the usual deadline and the usual cache.
    pub fn new(initramfs: &'a Path, guest: &'a Guest, cache: &'a Path) -> KvmProbe<'a> {
        let (qemu, device) = (Path::new(Processor::HERE.qemu()), Path::new("/dev/kvm"));
        KvmProbe { qemu, initramfs, guest, deadline: DEADLINE, cache, device }
    }

    /// How to execute guests with this kernel, and why not by KVM.
    ///
    /// # Errors
    /// KVM was asked for, and does not work.
    pub fn choose(&self, choice: Choice, kernel: &Kernel) -> Result<(Accel, Option<String>), String> {
        let is_foreign = kernel.processor != Processor::HERE;
        match choice {
            Choice::Tcg => return Ok((Accel::Tcg, None)),
            Choice::Auto if is_foreign => return Ok((Accel::Tcg, None)),
            Choice::Kvm if is_foreign => {
                return Err(format!(
                    "KVM has no processor but this host's, not {}",
                    kernel.processor.debian()
                ));
            }
            Choice::Auto | Choice::Kvm => {}
        }
        match (self.objection(kernel), choice) {
            (None, _) => Ok((Accel::Kvm, None)),
            (Some(why), Choice::Kvm) => Err(format!("KVM does not work here: {why}\n  hint: `--accel tcg`")),
            (Some(why), _) => Ok((Accel::Tcg, Some(why))),
        }
    }

    /// Why KVM cannot be used with this kernel.
    fn objection(&self, kernel: &Kernel) -> Option<String> {
        if let Err(cause) = OpenOptions::new().read(true).write(true).open(self.device) {
            return Some(format!("{}: {cause}", self.device.display()));
        }
        let (boot, qemu) = match (boot_id(), version(self.qemu)) {
            (Ok(boot), Ok(qemu)) => (boot, qemu),
            (Err(cause), _) => return Some(format!("the host's boot has no id: {cause}")),
            (_, Err(cause)) => return Some(cause),
        };
        let file = self.file(&[&boot, &qemu, &kernel.sha256]);
        let asked = |answer: &KvmAnswer| {
            (&answer.boot, &answer.qemu, &answer.kernel) == (&boot, &qemu, &kernel.sha256)
        };
        if let Some(known) = load(&file).filter(asked) {
            return known.objection;
        }
        let objection = self.boot(kernel).err();
        let answer = KvmAnswer { boot, qemu, kernel: kernel.sha256.clone(), objection };
        // An answer that cannot be kept is asked for again.
        keep(&file, &answer).ok();
        answer.objection
    }

    fn file(&self, key: &[&str]) -> PathBuf {
        self.cache.join(format!("{}.json", to_hex(&Sha256::digest(key.join("\n")))))
    }

    /// Boots an agent with an empty plan.
    fn boot(&self, kernel: &Kernel) -> Result<(), String> {
        let plan = Plan {
            runner: Runner::Once,
            init: "/init".into(),
            root: "/rootfs".into(),
            options: vec![],
            watch: Watch::Machine,
            steps: vec![],
        };
        let nonce = Nonce::random().map_err(|cause| format!("no nonce: {cause}"))?;
        let files = tempfile::tempdir().map_err(|cause| format!("no temporary directory: {cause}"))?;
        let joined = files.path().join("initramfs");
        let segment =
            initramfs::segment(self.guest, &[], &plan, &nonce).map_err(|cause| cause.to_string())?;
        let archive =
            initramfs::join(self.initramfs, &segment, &joined).map_err(|cause| cause.to_string())?;
        let machine = Machine {
            program: self.qemu.into(),
            accel: Accel::Kvm,
            ..Machine::emulated(kernel.processor, &kernel.file())
        };
        let machine = machine.with_room_for(&archive);
        let vm = Vm::start(&machine, &joined).map_err(|failure| failure.cause.to_string())?;
        let deadlines = Deadlines { ready: self.deadline, silence: self.deadline, total: self.deadline };
        let ended = vm.run(&nonce, deadlines, 0);
        ended.map(drop).map_err(|failure| format!("a probe boot failed: {}", failure.cause))
    }
}

/// A random number that the kernel makes at each boot (random(4)).
fn boot_id() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_string())
}

/// The first line of `qemu --version`.
///
/// # Errors
/// There is no such program, or it fails.
pub fn version(qemu: &Path) -> Result<String, String> {
    let shown = qemu.display();
    match Command::new(qemu).arg("--version").stdin(Stdio::null()).output() {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            Err(format!("`{shown}` not found\n  hint: apt-get install qemu-system-x86"))
        }
        Err(cause) => Err(format!("`{shown}`: {cause}")),
        Ok(output) if !output.status.success() => {
            Err(format!("`{shown} --version` failed: {}", output.status))
        }
        Ok(output) => {
            Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_string())
        }
    }
}

fn load(file: &Path) -> Option<KvmAnswer> {
    // One that is not there or cannot be read is asked for again.
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

fn keep(file: &Path, answer: &KvmAnswer) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut unfinished = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&mut unfinished, answer)?;
    unfinished.persist(file).map(drop).map_err(|error| error.error)
}
