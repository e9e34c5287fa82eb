//! `vm-tests`: the harness's command.

mod cli;

use std::path::Path;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use cli::{Cli, Scope};
use vm_tests::campaign::{Campaign, Cgroup, Row, World, archive_of};
use vm_tests::case::{Case, Verdict};
use vm_tests::guest::Guest;
use vm_tests::host;
use vm_tests::kernel::Kernel;
use vm_tests::qemu::Accel;
use vm_tests::suite::{attacks, capsule, guards, verdicts};
use vm_tests::tally::Tally;

/// Kernels and hierarchies; the first of each row is in the subset. Debian's 6.12 is built without version 1 of the
/// memory controller (MEMCG_V1).
const MATRIX: [(&str, &[Cgroup]); 2] = [("6.1", &[Cgroup::V1, Cgroup::V2]), ("6.12", &[Cgroup::V2])];

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(tally) => {
            println!("{tally}");
            if tally.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<Tally, String> {
    let cases = cases(cli);
    if cli.list {
        cases.iter().for_each(|case| println!("{} {}", case.step.name, case.ids.join(" ")));
        return Ok(Tally::default());
    }
    let guest = match &cli.guest {
        Some(directory) => Guest::at(directory),
        None => Guest::build().map_err(|error| error.to_string())?,
    };
    let rows = if cli.host {
        let rows = host::run(&cli.bundle, &guest, &cli.option, &cases)?;
        show("host", &rows, cli.verbose);
        rows
    } else {
        in_vms(cli, &guest, &cases)?
    };
    let mut tally = Tally::of(&rows);
    if !cli.host && matches!(cli.scope, Scope::Guards | Scope::Subset | Scope::All) {
        for guard in guards::unproven(&cli.bundle.join("init"))? {
            println!("FAIL guard/{guard}: unproven, no case removes it");
            tally.failed += 1;
        }
    }
    Ok(tally)
}

fn cases(cli: &Cli) -> Vec<Case> {
    let mut cases = match cli.scope {
        Scope::Capsule => capsule::cases(),
        Scope::Verdicts => verdicts::cases(),
        Scope::Attacks => attacks::cases(),
        Scope::Guards => Vec::new(),
        Scope::Subset | Scope::All => [capsule::cases(), verdicts::cases(), attacks::cases()].concat(),
    };
    // What has no sandbox around it, or one with a hole in it, is for VMs only.
    if !cli.host {
        if matches!(cli.scope, Scope::Attacks | Scope::Subset | Scope::All) {
            cases.extend(attacks::controls());
        }
        if matches!(cli.scope, Scope::Guards | Scope::Subset | Scope::All) {
            cases.extend(guards::cases());
        }
    }
    let is_wanted =
        |case: &Case| cli.only.is_empty() || cli.only.iter().any(|text| case.step.name.contains(text));
    cases.retain(is_wanted);
    cases
}

fn in_vms(cli: &Cli, guest: &Guest, cases: &[Case]) -> Result<Vec<Row>, String> {
    let initramfs = archive_of(&cli.bundle).ok_or_else(|| no_archive(&cli.bundle))?;
    let worlds = worlds(cli)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let jobs = cli.jobs.unwrap_or(cores);
    let campaign = Campaign { initramfs, guest, accel: Accel::Tcg, jobs };
    Ok(campaign.run(&worlds, cases, |world, rows| show(&world.to_string(), rows, cli.verbose)))
}

fn no_archive(bundle: &Path) -> String {
    format!(
        "`{}` holds no initramfs.cpio\n  hint: build it with `capsule build --format dir,cpio`, or name it with `--bundle`",
        bundle.display()
    )
}

fn worlds(cli: &Cli) -> Result<Vec<World>, String> {
    let everything = cli.scope == Scope::All;
    let world =
        |kernel: &Kernel, cgroup| World { kernel: kernel.clone(), cgroup, options: cli.option.clone() };
    let mut worlds = Vec::new();
    for path in &cli.kernel {
        let kernel = Kernel::at(path).map_err(|error| error.to_string())?;
        worlds.push(world(&kernel, Cgroup::V2));
    }
    for (series, cgroups) in MATRIX.iter().filter(|_| cli.kernel.is_empty()) {
        let kernel = Kernel::of_series(series).map_err(|error| error.to_string())?;
        let chosen = if everything { cgroups } else { &cgroups[..1] };
        worlds.extend(chosen.iter().map(|&cgroup| world(&kernel, cgroup)));
    }
    Ok(worlds)
}

/// One line for a world, then what failed in it; everything when asked for.
fn show(world: &str, rows: &[Row], verbose: bool) {
    println!("# {world}: {}", Tally::of(rows));
    // A world that did not come to its end has the same reason, with its transcript, in every row.
    if let Some(Row { verdict: Verdict::Failed(why), .. }) = rows.iter().find(|row| row.seen.is_none()) {
        println!("FAIL {world}: {}", why.join("; "));
        return;
    }
    for row in rows {
        match &row.verdict {
            Verdict::Passed if verbose => println!("ok   {}", row.case),
            Verdict::NotApplicable(why) => println!("n/a  {}: {why}", row.case),
            Verdict::Failed(why) => println!("FAIL {}: {}", row.case, why.join("; ")),
            Verdict::Passed => {}
        }
    }
}
