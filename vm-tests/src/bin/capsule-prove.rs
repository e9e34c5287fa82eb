//! `capsule-prove`, which `capsule prove` starts: the proof of one bundle, for its operator. It has the guest's
//! programs inside and needs QEMU and a kernel, nothing of this source tree.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use vm_tests::accel;
use vm_tests::export::Proof;
use vm_tests::guest::Guest;
use vm_tests::processor::Processor;
use vm_tests::prove::ProofConfig;
use vm_tests::suite::Scope;

/// Boots a bundle on clean kernels, attacks its sandbox, takes away each guard, and keeps the proof: BUNDLE.proof/
/// gets proof.json and proof.html. Exit code 0 when everything held, 1 when something did not or could not be tried.
#[derive(Debug, Parser)]
#[command(name = "capsule prove", bin_name = "capsule prove", version)]
struct Cli {
    /// The bundle, as `capsule build` left it.
    bundle: PathBuf,
    /// A kernel image (vmlinuz) instead of the newest Debian 6.1 and 6.12 cloud kernels; may be repeated.
    #[arg(long, value_name = "PATH")]
    kernel: Vec<PathBuf>,
    /// Where proof.json and proof.html go, instead of BUNDLE.proof.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Every kernel with both versions of cgroups, and as an ordinary user too.
    #[arg(long)]
    all: bool,
    /// Only cases whose name contains this; may be repeated. The proof then covers only these.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// How guests are executed; KVM only after a probe boot with it has ended well.
    #[arg(long, value_enum, default_value = "auto")]
    accel: accel::Choice,
    /// VMs at a time; one per core by default.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Print every case, not only those that failed.
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match prove(&cli) {
        Ok(proof) if proof.tally().is_green() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prove(cli: &Cli) -> Result<Proof, String> {
    let guest = Guest::ready_for(Processor::of_bundle(&cli.bundle)).map_err(|error| error.to_string())?;
    let config = ProofConfig {
        bundle: &cli.bundle,
        guest: &guest,
        scope: Scope::Bundle,
        only: &cli.only,
        world: "",
        all_worlds: cli.all,
        kernels: &cli.kernel,
        options: &[],
        accel: cli.accel,
        pool: false,
        cpus: 1,
        jobs: cli.jobs,
        verbose: cli.verbose,
    };
    let proof = config.in_vms()?;
    let output = cli.output.clone().unwrap_or_else(|| default_output(&cli.bundle));
    proof.keep(&output)?;
    println!("{}", proof.tally());
    println!("{}", output.join("proof.html").display());
    Ok(proof)
}

/// `BUNDLE.proof`, whatever slashes and dots the bundle was given with.
fn default_output(bundle: &std::path::Path) -> PathBuf {
    let whole = std::fs::canonicalize(bundle).unwrap_or_else(|_| bundle.to_path_buf());
    let mut name = whole.into_os_string();
    name.push(".proof");
    name.into()
}
