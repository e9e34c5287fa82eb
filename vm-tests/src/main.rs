//! `vm-tests`: the harness's command.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use cli::Cli;
use vm_tests::cases::of_scope;
use vm_tests::catalogue::document;
use vm_tests::export::{Proof, junit, tap, written};
use vm_tests::guest::Guest;
use vm_tests::processor::Processor;
use vm_tests::prove::ProofConfig;
use vm_tests::suite::Scope;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything passed.
fn run(cli: &Cli) -> Result<bool, String> {
    if cli.coverage {
        print!("{}", document(&of_scope(Scope::All, true)));
        return Ok(true);
    }
    let guest = match &cli.guest {
        Some(directory) => Guest::at(directory),
        None => Guest::ready_for(Processor::of_bundle(&cli.bundle)).map_err(|error| error.to_string())?,
    };
    let config = ProofConfig {
        bundle: &cli.bundle,
        guest: &guest,
        scope: cli.scope,
        only: &cli.only,
        world: &cli.world,
        all_worlds: cli.scope == Scope::All,
        kernels: &cli.kernel,
        options: &cli.option,
        accel: cli.accel,
        pool: cli.pool,
        cpus: cli.cpus,
        jobs: cli.jobs,
        verbose: cli.verbose,
    };
    if cli.list {
        config.cases(true)?.iter().for_each(|case| println!("{} {}", case.step.name, case.ids.join(" ")));
        return Ok(true);
    }
    let proof = if cli.host { config.on_host(cli.user)? } else { config.in_vms()? };
    export(cli, &proof)?;
    println!("{}", proof.tally());
    Ok(proof.tally().is_green())
}

fn export(cli: &Cli, proof: &Proof) -> Result<(), String> {
    if let Some(path) = &cli.tap {
        written(path, &tap::render(proof))?;
    }
    if let Some(path) = &cli.junit {
        written(path, &junit::render(proof))?;
    }
    cli.proof.iter().try_for_each(|directory| proof.keep(directory))
}
