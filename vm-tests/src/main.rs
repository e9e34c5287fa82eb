//! `vm-tests`: the harness's command.

mod cli;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use cli::{Cli, Scope};
use vm_tests::campaign::{Campaign, Cgroup, Identity, Row, Visit, World, archive_of};
use vm_tests::case::{Case, Verdict};
use vm_tests::export::{Bundle, Proof, junit, page, tap, write};
use vm_tests::guest::Guest;
use vm_tests::host;
use vm_tests::kernel::Kernel;
use vm_tests::mutant;
use vm_tests::plan::Place;
use vm_tests::qemu::Accel;
use vm_tests::suite::{attacks, capsule, guards, identity, mutants, neighbours, soak, verdicts};
use vm_tests::tally::Tally;

/// Kernels and hierarchies; the first of each row is in the subset. Debian's 6.12 is built without version 1 of the
/// memory controller (MEMCG_V1).
const MATRIX: [(&str, &[Cgroup]); 2] = [("6.1", &[Cgroup::V1, Cgroup::V2]), ("6.12", &[Cgroup::V2])];

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = if cli.list { Ok(list(&cli)) } else { prove(&cli) };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list(cli: &Cli) -> bool {
    cases(cli).iter().for_each(|case| println!("{} {}", case.step.name, case.ids.join(" ")));
    true
}

/// Whether everything passed.
fn prove(cli: &Cli) -> Result<bool, String> {
    let guest = match &cli.guest {
        Some(directory) => Guest::at(directory),
        None => Guest::build().map_err(|error| error.to_string())?,
    };
    let proof = if cli.host { on_host(cli, &guest)? } else { in_vms(cli, &guest)? };
    proof.unproven.iter().for_each(|guard| println!("FAIL guard/{guard}: unproven, no case removes it"));
    export(cli, &proof)?;
    println!("{}", proof.tally());
    Ok(proof.tally().is_green())
}

fn cases(cli: &Cli) -> Vec<Case> {
    let everything = matches!(cli.scope, Scope::Subset | Scope::All);
    let mut cases = Vec::new();
    if everything || cli.scope == Scope::Capsule {
        cases.extend(capsule::cases());
        cases.extend(identity::cases());
        cases.extend(identity::delegated().into_iter().filter(|_| !cli.host));
    }
    if everything || cli.scope == Scope::Verdicts {
        cases.extend(verdicts::cases(cli.host || cli.scope != Scope::Subset));
    }
    if everything || cli.scope == Scope::Attacks {
        cases.extend(attacks::cases());
        cases.extend(neighbours::cases());
        // What has no sandbox around it, or one with a hole in it, is for VMs only.
        let controls = attacks::controls().into_iter().chain(neighbours::controls());
        cases.extend(controls.filter(|_| !cli.host));
    }
    if everything && !cli.host {
        cases.extend(soak::cases());
    }
    if (everything || cli.scope == Scope::Mutants) && !cli.host {
        cases.extend(mutants::cases());
    }
    if (everything || cli.scope == Scope::Guards) && !cli.host {
        cases.extend(guards::cases());
    }
    let is_wanted =
        |case: &Case| cli.only.is_empty() || cli.only.iter().any(|text| case.step.name.contains(text));
    cases.retain(is_wanted);
    cases
}

fn on_host(cli: &Cli, guest: &Guest) -> Result<Proof, String> {
    let rows = host::run(&cli.bundle, guest, &cli.option, &cases(cli))?;
    show("host", &rows, cli.verbose);
    Ok(Proof::new(Bundle::of(&cli.bundle, None), &[], rows, Vec::new()))
}

fn in_vms(cli: &Cli, guest: &Guest) -> Result<Proof, String> {
    let initramfs = archive_of(&cli.bundle).ok_or_else(|| no_archive(&cli.bundle))?;
    let bundle = Bundle::of(&cli.bundle, Some(&initramfs));
    let visits = visits(cli)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let jobs = cli.jobs.unwrap_or(cores);
    let broken: Vec<&str> = mutants::names().into_iter().filter(|name| needs(&visits, name)).collect();
    let mutants = mutant::build(&broken).map_err(|error| error.to_string())?;
    let campaign = Campaign { initramfs, guest, mutants: &mutants, accel: Accel::Tcg, jobs };
    let rows = campaign.run(&visits, |world, rows| show(&world.to_string(), rows, cli.verbose));
    let removes_guards =
        matches!(cli.scope, Scope::Guards | Scope::Subset | Scope::All) && cli.only.is_empty();
    let unproven = if removes_guards { guards::unproven(&cli.bundle.join("init"))? } else { Vec::new() };
    let kernels: Vec<Kernel> = visits.into_iter().map(|visit| visit.world.kernel).collect();
    Ok(Proof::new(bundle, &kernels, rows, unproven))
}

/// Whether a case runs this mutant.
fn needs(visits: &[Visit], mutant: &str) -> bool {
    let place = mutant::place(mutant);
    visits.iter().flat_map(|visit| &visit.cases).any(|case| case.step.init.as_ref() == Some(&place))
}

fn no_archive(bundle: &Path) -> String {
    format!(
        "`{}` holds no initramfs.cpio\n  hint: build it with `capsule build --format dir,cpio`, or name it with `--bundle`",
        bundle.display()
    )
}

/// The worlds, each with its cases.
fn visits(cli: &Cli) -> Result<Vec<Visit>, String> {
    let everything = cli.scope == Scope::All;
    let mut worlds = Vec::new();
    for path in &cli.kernel {
        let kernel = Kernel::at(path).map_err(|error| error.to_string())?;
        worlds.push((kernel, Cgroup::V2));
    }
    for (series, cgroups) in MATRIX.iter().filter(|_| cli.kernel.is_empty()) {
        let kernel = Kernel::of_series(series).map_err(|error| error.to_string())?;
        let chosen = if everything { cgroups } else { &cgroups[..1] };
        worlds.extend(chosen.iter().map(|&cgroup| (kernel.clone(), cgroup)));
    }
    let cases = cases(cli);
    let mut visits = Vec::new();
    for (kernel, cgroup) in worlds {
        let world =
            |identity| World { kernel: kernel.clone(), cgroup, identity, options: cli.option.clone() };
        let possible =
            cases.iter().filter(|case| cgroup == Cgroup::V2 || case.step.place != Place::Delegated);
        let (alone, together): (Vec<Case>, Vec<Case>) = possible.cloned().partition(|case| case.alone);
        let each_alone = alone.into_iter().map(|case| vec![case]);
        let groups = [together].into_iter().chain(each_alone).filter(|cases| !cases.is_empty());
        visits.extend(groups.map(|cases| Visit { world: world(Identity::Root), cases }));
        // Without root there is no cgroup, and so no difference between the hierarchies.
        let by_user: Vec<Case> = cases.iter().filter_map(Case::by_user).collect();
        if everything && cgroup == Cgroup::V2 && !by_user.is_empty() {
            visits.push(Visit { world: world(Identity::User), cases: by_user });
        }
    }
    Ok(visits)
}

fn export(cli: &Cli, proof: &Proof) -> Result<(), String> {
    let written = |path: &Path, done: io::Result<()>| {
        done.map_err(|cause| format!("`{}` was not written: {cause}", path.display()))
    };
    if let Some(path) = &cli.tap {
        written(path, write(path, &tap::render(proof)))?;
    }
    if let Some(path) = &cli.junit {
        written(path, write(path, &junit::render(proof)))?;
    }
    if let Some(directory) = &cli.proof {
        let page = page::render(proof).map_err(|error| format!("the page: {error}"))?;
        for (name, text) in [("proof.json", proof.json()), ("proof.html", page)] {
            let path = directory.join(name);
            written(&path, write(&path, &text))?;
        }
    }
    Ok(())
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
