//! QEMU's command line: one machine, two serial ports, an exit port where the machine can have one, and no other device.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::processor::Processor;

/// The agent's code for a plan that was run to its end.
pub const GUEST_DONE: u8 = 0x10;
/// The agent's code for a failure.
pub const GUEST_FAILED: u8 = 0x11;

/// How guest instructions are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accel {
    /// By translation: slow, and works everywhere.
    Tcg,
    /// By the CPU: only where a probe boot has shown that it works.
    Kvm,
}

/// What a VM is made of.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its processor.
    pub processor: Processor,
    /// QEMU.
    pub program: PathBuf,
    /// The kernel: its image, or unpacked.
    pub kernel: PathBuf,
    /// How it is executed.
    pub accel: Accel,
    /// How translation works: properties of QEMU's accelerator `tcg`. QEMU takes those of one `-accel` only.
    pub translation: String,
    /// RAM in MiB: the unpacked initramfs and everything that runs.
    pub memory_mib: u32,
    /// Virtual CPUs.
    pub cpus: u32,
    /// More parameters for the kernel command line.
    pub append: Vec<String>,
}

/// A panic ends the VM at once (-1: reboot without waiting, and -no-reboot turns that into an exit). An oops is a
/// panic, since the kernel is not reliable after it. loglevel 5 keeps warnings on the console and
/// drops the hundreds of lines that would take an emulated serial port seconds. nowatchdog: a CPU that stands still
/// for 20 seconds is one that the host took away, and every wait has a deadline outside. cryptomgr.notests: the self-tests
/// of the kernel's ciphers, for which an emulated CPU takes a seventh of the boot, say nothing about a sandbox. (The
/// parameters are in the kernel's admin-guide/kernel-parameters.rst.)
const KERNEL_PARAMETERS: [&str; 6] =
    ["panic=-1", "oops=panic", "loglevel=5", "random.trust_cpu=on", "nowatchdog", "cryptomgr.notests"];

impl Machine {
    /// An emulated machine for this kernel, with room for a bundle.
    pub fn emulated(processor: Processor, kernel: &Path) -> Machine {
        Machine {
            processor,
            program: processor.qemu().into(),
            kernel: kernel.to_path_buf(),
            accel: Accel::Tcg,
            translation: "thread=multi,tb-size=128".to_owned(),
            memory_mib: 768,
            cpus: 1,
            append: Vec::new(),
        }
    }

    /// With additional memory for this archive: packed, and unpacked (by zstd at most four times as large) in a root file
    /// system, a tmpfs, which takes at most half of the memory (tmpfs(5)).
    pub fn with_room_for(mut self, archive: &[u8]) -> Machine {
        const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let times = if archive.starts_with(&ZSTD) { 1 + 2 * 4 } else { 1 + 2 };
        self.memory_mib += u32::try_from((archive.len() >> 20) * times).unwrap_or(0);
        self
    }

    /// With so many CPUs, and the memory that the kernel has for each.
    pub(crate) fn with_cpus(mut self, cpus: u32) -> Machine {
        const MIB_FOR_EACH: u32 = 4;
        self.memory_mib += (cpus - 1) * MIB_FOR_EACH;
        Machine { cpus, ..self }
    }

    /// The command that boots `initramfs` and writes the results port to `results`, which it inherits by number.
    ///
    /// setpriv (util-linux) sets PR_SET_PDEATHSIG: the VM dies with the thread that started it, even when that is killed.
    pub fn command(&self, initramfs: &Path, results: &OwnedFd) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&self.program);
        // Without the devices of QEMU's defaults and of the host's configuration: no disk, no network, no display.
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        command.args(self.accelerator());
        command.args(["-m", &format!("{}M", self.memory_mib), "-smp", &self.cpus.to_string()]);
        command.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(initramfs);
        command.args(["-append", &self.kernel_line()]);
        // First port: the console of the kernel and of the programs, for the transcript.
        command.args(["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]);
        // Second port: frames.
        command.arg("-chardev").arg(format!("file,id=results,path=/proc/self/fd/{}", results.as_raw_fd()));
        command.args(self.processor.results());
        self.processor.exit_device().iter().for_each(|device| {
            command.args(["-device", device]);
        });
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn accelerator(&self) -> [String; 6] {
        let (machine, emulated) = self.processor.machine();
        let (accelerator, cpu) = match self.accel {
            Accel::Tcg => (&*format!("tcg,{}", self.translation), emulated),
            Accel::Kvm => ("kvm", "host"),
        };
        ["-machine", machine, "-accel", accelerator, "-cpu", cpu].map(str::to_owned)
    }

    fn kernel_line(&self) -> String {
        let console = [format!("console={}", self.processor.console())];
        let parameters = console.into_iter().chain(KERNEL_PARAMETERS.iter().map(|word| word.to_string()));
        // Under emulation on a busy host a guest measures its counter wrongly (src/tsc.rs), and too few timer ticks come
        // in time, after which the kernel panics: "IO-APIC + timer doesn't work!" (arch/x86/kernel/apic/io_apic.c).
        let khz = crate::tsc::khz();
        let mut emulated = vec![format!("tsc_early_khz={khz}"), "no_timer_check".to_string()];
        if self.cpus > 1 {
            // Each CPU would measure how long it takes to count (init/calibrate.c) and compare its counter with another's
            // (arch/x86/kernel/tsc_sync.c): seconds for each where the host's few take turns. Jiffies are 4 ms in Debian's
            // kernels.
            emulated.extend([format!("lpj={}", khz * 4), "tsc=reliable".to_string()]);
        }
        let is_concerned = self.accel == Accel::Tcg && self.processor == Processor::X86_64;
        let emulated = emulated.into_iter().filter(|_| is_concerned);
        parameters.chain(emulated).chain(self.append.iter().cloned()).collect::<Vec<_>>().join(" ")
    }
}
