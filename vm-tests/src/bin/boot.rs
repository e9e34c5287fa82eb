//! `boot`: how long a bundle takes to init's first line, compared with QEMU's defaults; `just bench boot`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use vm_tests::accel;
use vm_tests::boot::{CommandLine, KNOBS, Took};
use vm_tests::kernel::Kernel;
use vm_tests::matrix::archive_of;
use vm_tests::processor::Processor;
use vm_tests::qemu::Machine;

/// Boots a bundle to init's first line, by translation, and compares that with QEMU's default settings: the same kernel
/// and archive, in turns. Exit code 1 unless our machine takes less processor time.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// The bundle, as `capsule build` left it.
    #[arg(long, value_name = "DIR", default_value = "out/rootfs")]
    bundle: PathBuf,
    /// A kernel image instead of the newest Debian 6.1 and 6.12 cloud kernels.
    #[arg(long, value_name = "PATH")]
    kernel: Option<PathBuf>,
    /// How many boots of each kind.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Boot only the two machines, not each difference by itself.
    #[arg(long)]
    brief: bool,
}

fn main() -> ExitCode {
    match compare(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            println!("FAIL our machine is not faster than QEMU's defaults");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One way to boot, and what it took.
struct Course {
    name: &'static str,
    why: &'static str,
    line: CommandLine,
    took: Vec<Took>,
}

/// Whether ours is faster with each kernel.
fn compare(cli: &Cli) -> Result<bool, String> {
    accel::version(Path::new(Processor::X86_64.qemu()))?;
    let archive = archive_of(&cli.bundle)
        .ok_or_else(|| format!("`{}` holds no initramfs.cpio", cli.bundle.display()))?;
    let first = first_line(&cli.bundle.join("init"))?;
    let kernels = match &cli.kernel {
        Some(path) => vec![Kernel::at(path, Processor::X86_64)],
        None => {
            vec![Kernel::of_series("6.1", Processor::X86_64), Kernel::of_series("6.12", Processor::X86_64)]
        }
    };
    let mut all_faster = true;
    for kernel in kernels {
        let kernel = kernel.map_err(|error| error.to_string())?;
        all_faster &= compare_with(cli, &kernel, &archive, &first)?;
    }
    Ok(all_faster)
}

fn compare_with(cli: &Cli, kernel: &Kernel, archive: &Path, first: &str) -> Result<bool, String> {
    let mut courses = courses(cli, kernel, archive)?;
    for _ in 0..cli.rounds {
        // Every second boot in a row can be slower, whichever it is: so none keeps its place in the row.
        courses.rotate_left(1);
        for course in &mut courses {
            let took = course.line.time_to(first).map_err(|error| format!("{}: {error}", course.name))?;
            course.took.push(took);
        }
    }
    let turns = cli.rounds as usize % courses.len();
    courses.rotate_right(turns);
    println!("# {}, emulated, the least of {} boots each, in turns", kernel.short_name(), cli.rounds);
    Ok(show(&courses))
}

/// QEMU's defaults, ours, then ours with each difference.
fn courses(cli: &Cli, kernel: &Kernel, archive: &Path) -> Result<Vec<Course>, String> {
    let bytes = std::fs::read(archive).map_err(|cause| format!("`{}`: {cause}", archive.display()))?;
    let machine = Machine::emulated(kernel.processor, &kernel.file()).with_room_for(&bytes);
    let ours = CommandLine::ours(&machine, &kernel.image, archive)
        .map_err(|cause| format!("`/dev/null`: {cause}"))?;
    let course = |name, why, line| Course { name, why, line, took: Vec::new() };
    let by_hand = course(
        "QEMU's defaults",
        "-kernel -initrd -append -nographic",
        CommandLine::by_hand(&kernel.image, archive),
    );
    let knobs = KNOBS.iter().filter(|_| !cli.brief).map(|knob| course(knob.name, knob.why, ours.but(knob)));
    let knobs: Vec<Course> = knobs.collect();
    Ok([by_hand, course("ours", "", ours)].into_iter().chain(knobs).collect())
}

/// The line that this init prints for `--version`, here and in the VM.
fn first_line(init: &Path) -> Result<String, String> {
    let output = Command::new(init).arg("--version").output();
    let output = output.map_err(|cause| format!("`{}`: {cause}", init.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().map(str::to_string);
    line.ok_or_else(|| format!("`{} --version` printed nothing", init.display()))
}

impl Course {
    /// The least of what a boot took, in seconds.
    fn least(&self, of: fn(&Took) -> Duration) -> f64 {
        self.took.iter().map(of).min().unwrap_or_default().as_secs_f64()
    }

    fn cpu(&self) -> f64 {
        self.least(|took| took.cpu)
    }
}

/// Prints the table; whether the second course takes less of the processor than the first.
fn show(courses: &[Course]) -> bool {
    let [by_hand, ours, ..] = courses else { return false };
    println!("{:<40} {:>6} {:>6} {:>8}", "seconds", "clock", "CPU", "CPU/ours");
    for course in courses {
        let (wall, cpu) = (course.least(|took| took.wall), course.cpu());
        println!("{:<40} {wall:>6.2} {cpu:>6.2} {:>8.2}  {}", course.name, cpu / ours.cpu(), course.why);
    }
    println!("our machine takes {:.2} of the processor time of QEMU's defaults", ours.cpu() / by_hand.cpu());
    ours.cpu() < by_hand.cpu()
}
