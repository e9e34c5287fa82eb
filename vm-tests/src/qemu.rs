//! QEMU's command line: one machine, two serial ports, an exit port, and no other device.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The port of isa-debug-exit: a byte written there ends the VM.
pub const EXIT_PORT: u16 = 0xf4;
/// The agent's code for: the plan was run to its end.
pub const GUEST_DONE: u8 = 0x10;
/// The agent's code for: something went wrong on the way.
pub const GUEST_FAILED: u8 = 0x11;

/// QEMU's exit status after the guest wrote `code` to the exit port (hw/misc/debugexit.c).
pub const fn exit_status(code: u8) -> i32 {
    ((code as i32) << 1) | 1
}

/// QEMU, as it is looked up on PATH.
pub const PROGRAM: &str = "qemu-system-x86_64";

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
    /// QEMU.
    pub program: PathBuf,
    /// The kernel: its image, or unpacked.
    pub kernel: PathBuf,
    /// How it is executed.
    pub accel: Accel,
    /// RAM in MiB: the unpacked initramfs and everything that runs.
    pub memory_mib: u32,
    /// Virtual CPUs.
    pub cpus: u32,
    /// More words for the kernel command line.
    pub append: Vec<String>,
}

/// A panic ends the VM at once (-1: reboot without waiting, and -no-reboot turns that into an exit). An oops is a
/// panic, since after it nothing that the kernel says can be believed. loglevel 5 keeps warnings on the console and
/// leaves out the hundreds of lines that an emulated serial port takes seconds for. nowatchdog: a CPU that stands still
/// for 20 seconds is here one that the host gave to somebody else, and every wait has a deadline outside.
/// cryptomgr.notests: the kernel's ciphers are there all the same; that each computes what it should, which an emulated
/// CPU takes a seventh of the boot for, says nothing about a sandbox.
const KERNEL_WORDS: [&str; 7] = [
    "console=ttyS0",
    "panic=-1",
    "oops=panic",
    "loglevel=5",
    "random.trust_cpu=on",
    "nowatchdog",
    "cryptomgr.notests",
];

impl Machine {
    /// An emulated machine for this kernel, with room for a bundle.
    pub fn emulated(kernel: &Path) -> Machine {
        Machine {
            program: PROGRAM.into(),
            kernel: kernel.to_path_buf(),
            accel: Accel::Tcg,
            memory_mib: 768,
            cpus: 1,
            append: Vec::new(),
        }
    }

    /// With memory for this archive beside what runs: packed, and unpacked (by zstd at most four times as large) in a
    /// root file system that takes at most half of it.
    pub fn with_room_for(mut self, archive: &[u8]) -> Machine {
        const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let times = if archive.starts_with(&ZSTD) { 1 + 2 * 4 } else { 1 + 2 };
        self.memory_mib += u32::try_from((archive.len() >> 20) * times).unwrap_or(0);
        self
    }

    /// The command that boots `initramfs` and writes the results port to `results`, which it inherits by number.
    ///
    /// setpriv (util-linux) makes the VM die with the thread that started it, also when that is killed.
    pub fn command(&self, initramfs: &Path, results: &OwnedFd) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&self.program);
        // Nothing that this machine's configuration or QEMU's defaults add: no disk, no network, no display.
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        command.args(self.accelerator());
        command.args(["-m", &format!("{}M", self.memory_mib), "-smp", &self.cpus.to_string()]);
        command.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(initramfs);
        command.args(["-append", &self.kernel_line()]);
        // First port: what the kernel and the programs on the console say, for people.
        command.args(["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]);
        // Second port: frames.
        command.arg("-chardev").arg(format!("file,id=results,path=/proc/self/fd/{}", results.as_raw_fd()));
        command.args(["-serial", "chardev:results"]);
        command.args(["-device", &format!("isa-debug-exit,iobase={EXIT_PORT:#x},iosize=1")]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn accelerator(&self) -> [&'static str; 6] {
        match self.accel {
            Accel::Tcg => ["-machine", "pc", "-accel", "tcg,thread=multi,tb-size=128", "-cpu", "max"],
            Accel::Kvm => ["-machine", "pc", "-accel", "kvm", "-cpu", "host"],
        }
    }

    fn kernel_line(&self) -> String {
        let words = KERNEL_WORDS.iter().map(|word| word.to_string());
        // Under emulation the guest cannot be trusted to measure its counter (src/tsc.rs), nor to find its timer at
        // work: where the host has something else to do, too few ticks come in time, and the kernel gives up.
        let emulated = [format!("tsc_early_khz={}", crate::tsc::khz()), "no_timer_check".to_string()];
        let emulated = emulated.into_iter().filter(|_| self.accel == Accel::Tcg);
        words.chain(emulated).chain(self.append.iter().cloned()).collect::<Vec<_>>().join(" ")
    }
}
