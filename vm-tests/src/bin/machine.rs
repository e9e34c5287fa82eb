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
    archive: PathBuf,
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
    accel::version(Path::new(Processor::X86_64.qemu()))?;
    let kernel = Kernel::of_series(&cli.series, Processor::X86_64).map_err(|error| error.to_string())?;
    let machine = Machine {
        memory_mib: cli.memory,
        cpus: cli.cpus,
        accel: if cli.kvm { Accel::Kvm } else { Accel::Tcg },
        ..Machine::emulated(Processor::X86_64, &kernel.file())
    };
    // Nothing writes frames. QEMU inherits it: this open(2) has no O_CLOEXEC.
    let null = rustix::fs::open("/dev/null", OFlags::WRONLY, Mode::empty());
    let null = null.map_err(|cause| format!("/dev/null: {cause}"))?;
    let mut command = machine.command(&cli.archive, &null);
    // QEMU 8.1 calls it one-insn-per-tb, and knows the old name too.
    command.args(cli.one_instruction.then_some("-singlestep"));
    let started = command.stderr(Stdio::inherit()).spawn();
    let mut qemu = started.map_err(|cause| format!("`{}`: {cause}", machine.program.display()))?;
    let passed = passes(&mut qemu, Duration::from_secs(cli.patience * 60));
    // A guest that has ended is gone already.
    let _gone = qemu.kill();
    let _reaped = qemu.wait();
    passed
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
