//! `machine`: boots an archive on a clean kernel and passes its console on; `just vm-operate`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Parser;
use rustix::fs::{Mode, OFlags};
use vm_tests::accel;
use vm_tests::kernel::Kernel;
use vm_tests::processor::Processor;
use vm_tests::qemu::{Accel, Machine};

/// Boots ARCHIVE, a cpio with /init, and passes its console on. Exit code 0 if a line of it is `guest: passed`.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// The archive.
    #[arg(required_unless_present = "print_kernel")]
    archive: Option<PathBuf>,
    /// Print the name of the kernel's package, and boot nothing.
    #[arg(long, conflicts_with = "archive")]
    print_kernel: bool,
    /// Which of Debian's cloud kernels.
    #[arg(long, value_name = "SERIES", default_value = "6.12")]
    series: String,
    /// Memory, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    memory: u32,
    /// Processors.
    #[arg(long, value_name = "N", default_value_t = 2)]
    cpus: u32,
    /// Translate one instruction at a time, which makes a slower machine.
    #[arg(long, conflicts_with = "kvm")]
    one_instruction: bool,
    /// With KVM, which has to work here, instead of emulation.
    #[arg(long)]
    kvm: bool,
    /// After so many minutes the guest hangs.
    #[arg(long, value_name = "MINUTES", default_value_t = 120)]
    patience: u64,
}

fn main() -> ExitCode {
    match boot(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn boot(cli: &Cli) -> Result<(), String> {
    let kernel = Kernel::of_series(&cli.series, Processor::X86_64).map_err(|error| error.to_string())?;
    let Some(archive) = &cli.archive else {
        println!("{}", kernel.name);
        return Ok(());
    };
    let version = accel::version(Path::new(Processor::X86_64.qemu()))?;
    let mut machine = Machine {
        memory_mib: cli.memory,
        cpus: cli.cpus,
        accel: if cli.kvm { Accel::Kvm } else { Accel::Tcg },
        ..Machine::emulated(Processor::X86_64, &kernel.file())
    };
    let slow = cli.one_instruction.then(|| OneInstruction::of(&version));
    if let Some(OneInstruction::Property(property)) = slow {
        machine.translation = format!("{},{property}", machine.translation);
    }
    // Nothing writes frames. QEMU inherits it: this open(2) has no O_CLOEXEC.
    let null = rustix::fs::open("/dev/null", OFlags::WRONLY, Mode::empty());
    let null = null.map_err(|cause| format!("/dev/null: {cause}"))?;
    let mut command = machine.command(archive, &null);
    if let Some(OneInstruction::Argument(argument)) = slow {
        command.arg(argument);
    }
    let started = command.stderr(Stdio::inherit()).spawn();
    let mut qemu = started.map_err(|cause| format!("`{}`: {cause}", machine.program.display()))?;
    let passed = passes(&mut qemu, Duration::from_secs(cli.patience * 60));
    // A guest that has ended is gone already.
    let _gone = qemu.kill();
    let _reaped = qemu.wait();
    passed
}

/// How QEMU is told to translate one instruction at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OneInstruction {
    /// Before 8.1. QEMU 9.0 has removed it (docs/about/removed-features.rst there).
    Argument(&'static str),
    /// A property of the accelerator.
    Property(&'static str),
}

impl OneInstruction {
    /// By the first line of `qemu --version`. One whose number cannot be read is new.
    fn of(version: &str) -> OneInstruction {
        let number = version.split_once(" version ").map_or("", |(_, number)| number);
        let mut parts =
            number.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
        match (parts.next(), parts.next()) {
            (Some(major), Some(minor)) if (major, minor) < (8, 1) => OneInstruction::Argument("-singlestep"),
            _ => OneInstruction::Property("one-insn-per-tb=on"),
        }
    }
}

/// Prints the console to its end.
fn passes(qemu: &mut Child, patience: Duration) -> Result<(), String> {
    let console = qemu.stdout.take().ok_or("the machine has no console")?;
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let mut has_passed = false;
        for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            has_passed |= line == "guest: passed";
            println!("{line}");
        }
        let _nobody_waits_any_more = ended.send(has_passed);
    });
    match end.recv_timeout(patience) {
        Ok(true) => Ok(()),
        Ok(false) => Err("the guest has not passed; its console is above".into()),
        Err(_) => Err(format!("the guest did not end within {} minutes", patience.as_secs() / 60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_qemu_gets_no_option_that_it_does_not_have() {
        let of = |number: &str| OneInstruction::of(&format!("QEMU emulator version {number}"));
        for old in ["7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", "8.0.4", "6.0.0"] {
            assert_eq!(of(old), OneInstruction::Argument("-singlestep"), "{old}");
        }
        for new in ["8.1.0", "8.2.2 (Debian 1:8.2.2+ds-0ubuntu1)", "9.0.0", "10.0.3", "unknown"] {
            assert_eq!(of(new), OneInstruction::Property("one-insn-per-tb=on"), "{new}");
        }
    }
}
