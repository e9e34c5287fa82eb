//! What is proven of a bundle: which cases in which worlds, what is printed meanwhile, and the proof at the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;

use crate::accel::{self, KvmProbe};
use crate::case::{Case, Verdict};
use crate::cases::{self, capsule, guards, languages, mutants};
use crate::differential::Comparison;
use crate::export::{Bundle, Proof};
use crate::guest::Guest;
use crate::host;
use crate::kernel::{Kernel, cache_directory};
use crate::matrix::{CaseResult, Cgroup, Identity, Matrix, TestRun, World, archive_of};
use crate::mutant;
use crate::plan::{Place, Runner};
use crate::processor::Processor;
use crate::progress::{self, Progress};
use crate::qemu::Accel;
use crate::suite::{Scope, Suite};
use crate::tally::{Tally, by_suite};

/// Kernels and hierarchies; the subset has the first hierarchy of each kernel. Debian's 6.12 is built without version 1
/// of the memory controller (MEMCG_V1).
const KERNELS: [(&str, &[Cgroup]); 2] = [("6.1", &[Cgroup::V1, Cgroup::V2]), ("6.12", &[Cgroup::V2])];

/// What is proven, and how.
pub struct ProofConfig<'a> {
    /// The bundle's directory.
    pub bundle: &'a Path,
    /// The guest's programs.
    pub guest: &'a Guest,
    /// Which cases.
    pub scope: Scope,
    /// Only those whose name contains one of these, if there is any.
    pub only: &'a [String],
    /// Only worlds whose name contains this.
    pub world: &'a str,
    /// Every world, and not only one for each kernel.
    pub all_worlds: bool,
    /// Kernel images instead of Debian's.
    pub kernels: &'a [PathBuf],
    /// Options of every sandbox run.
    pub options: &'a [String],
    /// How guests are executed.
    pub accel: accel::Choice,
    /// Whether all sandboxes are init-serve's. With [`Scope::All`] some are in any case.
    pub pool: bool,
    /// Virtual CPUs of each VM.
    pub cpus: u32,
    /// VMs at a time; one per core by default.
    pub jobs: Option<usize>,
    /// Whether each case is printed, and not only those that failed.
    pub verbose: bool,
}

impl ProofConfig<'_> {
    /// The proof from this host, without a VM; with the sandboxes of an ordinary user if `by_user`.
    pub fn on_host(&self, by_user: bool) -> Result<Proof, String> {
        let bundle = Bundle::of(self.bundle, None)?;
        let rows = self.host_rows(by_user, if self.pool { Runner::Pool } else { Runner::Once })?;
        Ok(Proof::new(bundle, &[], rows, Vec::new()))
    }

    fn host_rows(&self, by_user: bool, runner: Runner) -> Result<Vec<CaseResult>, String> {
        let mut cases = self.cases(true)?;
        cases.retain(Case::is_for_hosts);
        let (who, how) = (
            if by_user { ", ordinary user" } else { "" },
            if runner == Runner::Pool { ", pool" } else { "" },
        );
        let world = format!("host{who}{how}");
        let world = world.as_str();
        if by_user {
            cases = cases.iter().filter_map(Case::by_user).collect();
        }
        let built = match runner {
            Runner::Once => Vec::new(),
            Runner::Pool => {
                mutant::build(&[(runner, None)], Processor::HERE).map_err(|error| error.to_string())?
            }
        };
        let server = built.first().map(|program| program.file.as_path());
        let rows = host::run(world, self.bundle, self.guest, server, self.options, &cases)?;
        show(world, &rows, self.verbose);
        Ok(rows)
    }

    /// With [`Scope::All`] this host is a world too: its sandboxes must give the same answers as those in VMs.
    fn rows_of_this_host(&self) -> Result<Vec<CaseResult>, String> {
        if self.scope != Scope::All || Processor::of_bundle(self.bundle) != Processor::HERE {
            return Ok(Vec::new());
        }
        if !rustix::process::geteuid().is_root() {
            println!("# host: not tested, which takes root");
            return Ok(Vec::new());
        }
        let worlds =
            self.runners(Processor::HERE).iter().flat_map(|runner| [(false, *runner), (true, *runner)]);
        let rows: Result<Vec<_>, String> =
            worlds.map(|(by_user, runner)| self.host_rows(by_user, runner)).collect();
        Ok(rows?.concat())
    }

    /// The proof from VMs; with [`Scope::All`] from this host too.
    pub fn in_vms(&self) -> Result<Proof, String> {
        let initramfs = archive_of(self.bundle).ok_or_else(|| no_archive(self.bundle))?;
        let processor = Processor::of_bundle(self.bundle);
        let emulator = accel::version(Path::new(processor.qemu()))?;
        let bundle = Bundle::of(self.bundle, Some(&initramfs))?;
        let cases = self.cases(self.scope != Scope::Subset)?;
        let broken: Vec<&str> = mutants::names().into_iter().filter(|name| needs(&cases, name)).collect();
        let orders = orders(self.runners(processor), &broken);
        // At the same time: the worlds may wait for a download and for a probe of KVM, the builds wait for a CPU.
        let (worlds, programs) = thread::scope(|scope| {
            let programs =
                scope.spawn(|| mutant::build(&orders, processor).map_err(|error| error.to_string()));
            let worlds = self.worlds(&initramfs, processor);
            let panicked = |_| Err("the build of the runners panicked".to_string());
            (worlds, programs.join().unwrap_or_else(panicked))
        });
        let (worlds, programs) = (worlds?, programs?);
        let runs = runs(cases, &worlds);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.unwrap_or(cores);
        let sizes: Vec<_> = runs.iter().map(TestRun::size).collect();
        let count = sizes.iter().map(|(_, cases)| cases).sum();
        println!("# {count} cases: {}", progress::estimate(&sizes, jobs));
        let progress = Progress::of(count);
        let matrix = Matrix { initramfs, guest: self.guest, programs: &programs, jobs, progress: &progress };
        let mut rows = matrix.run(&runs, |world, rows| {
            progress.above(|| show(&world.to_string(), rows, self.verbose));
        });
        drop(progress);
        rows.extend(self.rows_of_this_host()?);
        let unproven = self.unproven()?;
        let kernels: Vec<Kernel> = worlds.into_iter().map(|world| world.kernel).collect();
        let proof = Proof::new(bundle, &kernels, rows, unproven).made_with(vec![emulator]);
        show_comparison(&proof.comparison);
        Ok(proof)
    }

    /// The cases, in order; without `in_full` fewer verdicts, for scopes that have to end within minutes.
    pub fn cases(&self, in_full: bool) -> Result<Vec<Case>, String> {
        let is_wanted = |case: &Case| {
            self.only.is_empty() || self.only.iter().any(|text| case.step.name.contains(text.as_str()))
        };
        let mut cases = match self.scope {
            Scope::Languages => languages::cases(self.bundle)?,
            scope => cases::of_scope(scope, in_full),
        };
        // A case with which another is compared runs too.
        let with: Vec<String> =
            cases.iter().filter(|case| is_wanted(case)).filter_map(|case| case.like.clone()).collect();
        cases.retain(|case| is_wanted(case) || with.contains(&case.step.name));
        let (root, processor) = (self.bundle.join("rootfs"), Processor::of_bundle(self.bundle));
        cases.iter_mut().for_each(|case| {
            case.lacking = lacking_for(case, processor).or_else(|| capsule::lacking(case, &root));
        });
        Ok(cases)
    }

    /// Guards that no case removes. Only where all cases of the guards were run.
    fn unproven(&self) -> Result<Vec<String>, String> {
        let is_foreign = Processor::of_bundle(self.bundle) != Processor::HERE;
        if is_foreign || !Suite::Guards.is_in(self.scope) || !self.only.is_empty() {
            return Ok(Vec::new());
        }
        let unproven = guards::unproven(&self.bundle.join("init"))?;
        unproven.iter().for_each(|guard| println!("FAIL guard/{guard}: unproven, no case removes it"));
        Ok(unproven)
    }

    /// The kinds of runner to prove. A foreign processor is emulated, which takes much longer: it gets one kind.
    fn runners(&self, processor: Processor) -> &'static [Runner] {
        match (self.pool, self.scope == Scope::All && processor == Processor::HERE) {
            (true, _) => &[Runner::Pool],
            (false, true) => &[Runner::Once, Runner::Pool],
            (false, false) => &[Runner::Once],
        }
    }

    fn worlds(&self, initramfs: &Path, processor: Processor) -> Result<Vec<World>, String> {
        let mut kernels = Vec::new();
        for path in self.kernels {
            kernels
                .push((Kernel::at(path, processor).map_err(|error| error.to_string())?, &[Cgroup::V2][..]));
        }
        for (series, cgroups) in KERNELS.iter().filter(|_| self.kernels.is_empty()) {
            let kernel = Kernel::of_series(series, processor).map_err(|error| error.to_string())?;
            kernels.push((kernel, if self.all_worlds { cgroups } else { &cgroups[..1] }));
        }
        for (kernel, _) in &kernels {
            if let Some(holes) = kernel.known_bad().filter(|holes| !holes.is_empty()) {
                println!("# {}: a kernel with {}", kernel.short_name(), holes.join(", "));
            }
            // arm64's image is not packed.
            if let (Err(why), Processor::X86_64) = (&kernel.unpacked, processor) {
                println!("# {}: started as it is: {why}", kernel.short_name());
            }
        }
        let mut worlds = Vec::new();
        for ((kernel, cgroups), accel) in kernels.iter().zip(self.accels(initramfs, &kernels)) {
            let accel = accel?;
            let world = |cgroup, identity, runner| World {
                kernel: kernel.clone(),
                accel,
                cpus: self.cpus,
                cgroup,
                runner,
                identity,
                options: self.options.to_vec(),
            };
            for (&cgroup, &runner) in cgroups
                .iter()
                .flat_map(|cgroup| self.runners(processor).iter().map(move |runner| (cgroup, runner)))
            {
                worlds.push(world(cgroup, Identity::Root, runner));
                // Without root there is no cgroup, and so no difference between the hierarchies.
                if self.all_worlds && cgroup == Cgroup::V2 {
                    worlds.push(world(cgroup, Identity::User, runner));
                }
            }
        }
        worlds.retain(|world| world.to_string().contains(self.world));
        match worlds.is_empty() {
            true => Err(format!("no world's name contains `{}`", self.world)),
            false => Ok(worlds),
        }
    }

    /// For all kernels at the same time, since each probe may take until its deadline.
    fn accels(&self, initramfs: &Path, kernels: &[(Kernel, &[Cgroup])]) -> Vec<Result<Accel, String>> {
        let cache = cache_directory().join("kvm");
        let probe = KvmProbe::new(initramfs, self.guest, &cache);
        let choose = |kernel: &Kernel| {
            let (accel, objection) = probe.choose(self.accel, kernel)?;
            objection
                .iter()
                .for_each(|why| println!("# {}: KVM cannot be used, emulating: {why}", kernel.short_name()));
            Ok(accel)
        };
        thread::scope(|scope| {
            let choose = &choose;
            let running: Vec<_> =
                kernels.iter().map(|(kernel, _)| scope.spawn(move || choose(kernel))).collect();
            let ended = running.into_iter().map(|thread| thread.join());
            ended.map(|answer| answer.unwrap_or_else(|_| Err("the probe of KVM panicked".into()))).collect()
        })
    }
}

/// The worlds, each with its cases.
fn runs(cases: Vec<Case>, worlds: &[World]) -> Vec<TestRun> {
    let by_user: Vec<Case> = cases.iter().filter_map(Case::by_user).collect();
    let (alone, together): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| case.alone);
    // A case without a sandbox does not use the runner.
    let is_its_own =
        |world: &World, case: &Case| world.runner == Runner::Once || case.step.place != Place::Bare;
    // A cgroup of version 1 cannot be delegated safely (cgroups(7), "Cgroups v2 delegation").
    let is_possible =
        |world: &World, case: &Case| world.cgroup == Cgroup::V2 || case.step.place != Place::Delegated;
    let run = |world: &World, cases: &[Case]| {
        let possible = cases
            .iter()
            .filter(|case| is_possible(world, case) && is_its_own(world, case))
            .cloned()
            .collect();
        TestRun { world: world.clone(), cases: possible }
    };
    // Nothing can be shown after such a case. So one of them comes last, and each other one gets its own boot.
    let (last, alone) = alone.split_at(alone.len().min(1));
    let together = [&together, last].concat();
    let of = |world: &World| match world.identity {
        Identity::User => vec![run(world, &by_user)],
        Identity::Root => {
            let alone = alone.chunks(1).map(|case| run(world, case));
            [run(world, &together)].into_iter().chain(alone).collect()
        }
    };
    worlds.iter().flat_map(of).filter(|run| !run.cases.is_empty()).collect()
}

/// What a machine of this processor lacks for a case, if anything.
fn lacking_for(case: &Case, processor: Processor) -> Option<String> {
    let lacks = processor.lacks().iter().find(|(what, _)| case.step.name.ends_with(what));
    lacks.map(|(_, why)| (*why).to_string())
}

/// What to build for these runners: their mutants, and the server. The bundle has its init already.
fn orders<'a>(runners: &[Runner], broken: &[&'a str]) -> Vec<mutant::Order<'a>> {
    let of = |runner: &Runner| {
        let server = (*runner == Runner::Pool).then_some((*runner, None));
        let runner = *runner;
        server.into_iter().chain(broken.iter().map(move |name| (runner, Some(*name))))
    };
    runners.iter().flat_map(of).collect()
}

/// Whether a case runs this mutant.
fn needs(cases: &[Case], mutant: &str) -> bool {
    let place = mutant::place(mutant);
    cases.iter().any(|case| case.lacking.is_none() && case.step.init.as_ref() == Some(&place))
}

fn no_archive(bundle: &Path) -> String {
    format!(
        "`{}` holds no initramfs.cpio\n  hint: build it with `capsule build --format dir,cpio`",
        bundle.display()
    )
}

/// Cases that are not applicable, by reason.
fn not_applicable(rows: &[CaseResult]) -> BTreeMap<&str, Vec<&str>> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows {
        if let Verdict::NotApplicable(why) = &row.verdict {
            reasons.entry(why).or_default().push(&row.case);
        }
    }
    reasons
}

/// One line for all worlds, then the answers that differ for no known reason.
fn show_comparison(comparison: &Comparison) {
    let known = comparison.differences.iter().filter(|difference| difference.why.is_some()).count();
    println!(
        "# side by side: {} cases in several worlds, {known} explained differences",
        comparison.compared
    );
    comparison.wrong().for_each(|(case, why)| println!("FAIL {case}: {why}"));
}

/// One line for a world, with its suites, then what failed in it; everything when asked for.
fn show(world: &str, rows: &[CaseResult], verbose: bool) {
    println!("# {world}: {}: {}", Tally::of(rows), by_suite(rows));
    // A world that did not come to its end has the same reason, with its transcript, in every row.
    let died = rows.iter().find(|row| row.seen.is_none() && matches!(row.verdict, Verdict::Failed(_)));
    if let Some(CaseResult { verdict: Verdict::Failed(why), .. }) = died {
        println!("FAIL {world}: {}", why.join("; "));
        return;
    }
    for (why, cases) in not_applicable(rows) {
        println!("n/a  {}: {why}", cases.join(", "));
    }
    for row in rows {
        match &row.verdict {
            Verdict::Passed if verbose => println!("ok   {}", row.case),
            Verdict::Failed(why) => println!("FAIL {}: {}", row.case, why.join("; ")),
            Verdict::Passed | Verdict::NotApplicable(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_brings_its_init_and_a_pool_is_built() {
        let (once, pool) = (Runner::Once, Runner::Pool);
        assert_eq!(orders(&[once], &["swap"]), [(once, Some("swap"))]);
        let both = [(once, Some("swap")), (pool, None), (pool, Some("swap"))];
        assert_eq!(orders(&[once, pool], &["swap"]), both);
        assert_eq!(orders(&[pool], &[]), [(pool, None)]);
    }
}
