//! `rates`: how many bits a second pass between two sandboxes by the channels that are left; `just rates`.

use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use clap::Parser;
use vm_tests::cases::PROBE;
use vm_tests::guest::Guest;
use vm_tests::probe::rate::{PREAMBLE, bits, now, ways};
use vm_tests::soak::parts;

/// Lets two sandboxes talk by each channel, one bit a slot, and prints the best rate: bits a second, less what the errors
/// cost (the capacity of a binary symmetric channel).
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// The bundle, as `capsule build` left it.
    #[arg(long, value_name = "DIR", default_value = "out/rootfs")]
    bundle: PathBuf,
    /// Bits of each measurement.
    #[arg(long, value_name = "N", default_value_t = 400)]
    bits: usize,
    /// Only these channels; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// An option for both runs, as in `--option=--cpus=0`; may be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    option: Vec<String>,
}

/// Slots that are tried, in microseconds.
const SLOTS: [u64; 6] = [300, 1_000, 3_000, 10_000, 30_000, 100_000];
/// What two sandboxes need to start, in nanoseconds.
const START: u64 = 500_000_000;

fn main() -> ExitCode {
    match measure(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(cli: &Cli) -> Result<(), String> {
    let guest = Guest::ready().map_err(|error| error.to_string())?;
    let files = tempfile::tempdir().map_err(|cause| format!("no temporary directory: {cause}"))?;
    guest.place("probe", &files.path().join("probe")).map_err(|error| error.to_string())?;
    let bind = format!("{}:/tmp/probes", files.path().display());
    println!("channel      slot      errors   bits a second");
    for way in ways().filter(|way| cli.only.is_empty() || cli.only.iter().any(|name| name == way)) {
        let mut best: Option<(f64, u64, f64)> = None;
        for slot in SLOTS {
            let errors = errors(cli, &bind, way, slot)?;
            // Guesses are wrong half of the time, give or take three standard deviations.
            let is_chance = (errors - 0.5).abs() < 1.5 / (cli.bits as f64).sqrt();
            let rate = if is_chance { 0.0 } else { 1e6 / slot as f64 * capacity(errors) };
            if best.is_none_or(|(other, ..)| rate > other) {
                best = Some((rate, slot, errors));
            }
        }
        if let Some((rate, slot, errors)) = best {
            println!("{way:<10} {slot:>6} us {:>7.1} %   {rate:>8.0}", errors * 100.0);
        }
    }
    Ok(())
}

/// The part of the bits that the receiver takes for the others.
fn errors(cli: &Cli, bind: &str, way: &str, slot: u64) -> Result<f64, String> {
    let (start, count) = (now() + START, cli.bits + PREAMBLE);
    let side = |side: &str| -> Result<Child, String> {
        let (init, root) = parts(&cli.bundle);
        let mut command = Command::new(init);
        command.arg("run").arg("--root").arg(root).args(["--bind", bind]).args(&cli.option);
        command
            .args(["--", PROBE, "rate", way, side])
            .args([count as u64, slot, start].map(|number| number.to_string()));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.spawn().map_err(|cause| format!("init was not started: {cause}"))
    };
    let (sender, receiver) = (side("send")?, side("receive")?);
    let received = receiver.wait_with_output().map_err(|cause| cause.to_string())?;
    sender.wait_with_output().map_err(|cause| cause.to_string())?;
    let text = String::from_utf8_lossy(&received.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    if numbers.len() != count {
        return Err(format!("{way}: {} measurements instead of {count}", numbers.len()));
    }
    let known: Vec<(bool, f64)> = bits(count).zip(numbers).collect();
    let mean = |wanted: bool| {
        let of: Vec<f64> =
            known[..PREAMBLE].iter().filter(|(bit, _)| *bit == wanted).map(|(_, number)| *number).collect();
        of.iter().sum::<f64>() / of.len() as f64
    };
    let (one, zero) = (mean(true), mean(false));
    let taken = |number: f64| (number - one).abs() < (number - zero).abs();
    let wrong = known[PREAMBLE..].iter().filter(|(bit, number)| taken(*number) != *bit).count();
    Ok(wrong as f64 / cli.bits as f64)
}

/// What is left of a bit (Shannon).
fn capacity(errors: f64) -> f64 {
    let part = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    1.0 - part(errors) - part(1.0 - errors)
}
