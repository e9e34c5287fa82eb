//! The command line of `vm-tests`.

use std::path::PathBuf;

use clap::Parser;
use vm_tests::accel;
use vm_tests::suite::Scope;

/// Boots a bundle on clean kernels and judges what its sandboxes do. The last line is `N passed, N failed`.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// What to run.
    #[arg(value_enum, default_value_t = Scope::Subset)]
    pub scope: Scope,
    /// The bundle, as `capsule build` left it.
    #[arg(long, value_name = "DIR", default_value = "out/rootfs")]
    pub bundle: PathBuf,
    /// A kernel image instead of the newest Debian cloud kernels; may be repeated.
    #[arg(long, value_name = "PATH")]
    pub kernel: Vec<PathBuf>,
    /// Only worlds whose name contains this, as in `6.12`.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub world: String,
    /// Only cases whose name contains this; may be repeated.
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,
    /// Run on this host, in the bundle's sandbox, instead of in VMs.
    #[arg(long)]
    pub host: bool,
    /// With `--host`: the sandboxes are made by an ordinary user.
    #[arg(long, requires = "host")]
    pub user: bool,
    /// An option for every sandbox run, as in `--option=--cgroup=v1`; may be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub option: Vec<String>,
    /// The sandboxes are init-serve's, and stand ready before each run. `all` has such worlds too.
    #[arg(long)]
    pub pool: bool,
    /// How guests are executed; KVM only after a probe boot with it has ended well.
    #[arg(long, value_enum, default_value = "auto")]
    pub accel: accel::Choice,
    /// Virtual CPUs of each VM. Emulated on fewer real ones, many take minutes to boot.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub cpus: u32,
    /// VMs at a time; one per core by default.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Static guest programs that were built before, instead of building them with cargo.
    #[arg(long, value_name = "DIR")]
    pub guest: Option<PathBuf>,
    /// Write the results as TAP to FILE.
    #[arg(long, value_name = "FILE")]
    pub tap: Option<PathBuf>,
    /// Write the results as JUnit XML to FILE.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write proof.json and proof.html into DIR.
    #[arg(long, value_name = "DIR")]
    pub proof: Option<PathBuf>,
    /// Print every case, not only those that failed.
    #[arg(short, long)]
    pub verbose: bool,
    /// Print the catalogue of attacks with the cases that try each, and run nothing.
    #[arg(long)]
    pub coverage: bool,
    /// Print the cases and run nothing.
    #[arg(long)]
    pub list: bool,
}
