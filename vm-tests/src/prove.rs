//! What is proven of a bundle: which cases in which worlds, what people are told meanwhile, and the proof at the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;

use crate::accel::{self, Probe};
use crate::campaign::{Campaign, Cgroup, Identity, Row, Visit, World, archive_of};
use crate::case::{Case, Verdict};
use crate::differential::Comparison;
use crate::export::{Bundle, Proof};
use crate::guest::Guest;
use crate::host;
use crate::kernel::{Kernel, cache_directory};
use crate::mutant;
use crate::plan::Place;
use crate::qemu::{Accel, PROGRAM};
use crate::suite::{Scope, capsule, guards, languages, mutants};
use crate::tally::Tally;

/// Kernels and hierarchies; the first of each row is in the subset. Debian's 6.12 is built without version 1 of the
/// memory controller (MEMCG_V1).
const MATRIX: [(&str, &[Cgroup]); 2] = [("6.1", &[Cgroup::V1, Cgroup::V2]), ("6.12", &[Cgroup::V2])];

/// A question about a bundle.
pub struct Question<'a> {
    /// The bundle's directory.
    pub bundle: &'a Path,
    /// The guest's programs.
    pub guest: &'a Guest,
    /// Which cases.
    pub scope: Scope,
    /// Only those whose name contains one of these, if there is any.
    pub only: &'a [String],
    /// Every world, and not only one for each kernel.
    pub all_worlds: bool,
    /// Kernel images instead of Debian's.
    pub kernels: &'a [PathBuf],
    /// Options of every sandbox run.
    pub options: &'a [String],
    /// How guests are executed.
    pub accel: accel::Choice,
    /// VMs at a time; one a core unless given.
    pub jobs: Option<usize>,
    /// Whether each case is printed, and not only those that failed.
    pub verbose: bool,
}

impl Question<'_> {
    /// The answer on this host, without a VM; by an ordinary user if asked.
    pub fn on_host(&self, by_user: bool) -> Result<Proof, String> {
        let rows = self.host_rows(by_user)?;
        Ok(Proof::new(Bundle::of(self.bundle, None), &[], rows, Vec::new()))
    }

    fn host_rows(&self, by_user: bool) -> Result<Vec<Row>, String> {
        let mut cases = self.cases(true)?;
        cases.retain(Case::is_for_hosts);
        let world = if by_user { "host, ordinary user" } else { "host" };
        if by_user {
            cases = cases.iter().filter_map(Case::by_user).collect();
        }
        let rows = host::run(world, self.bundle, self.guest, self.options, &cases)?;
        show(world, &rows, self.verbose);
        Ok(rows)
    }

    /// Beside everything else, this host is a world too: what has a sandbox around it answers here as it does in VMs.
    fn host_beside(&self) -> Result<Vec<Row>, String> {
        if self.scope != Scope::All {
            return Ok(Vec::new());
        }
        if !rustix::process::geteuid().is_root() {
            println!("# host: not asked, for that takes root");
            return Ok(Vec::new());
        }
        let rows: Result<Vec<_>, String> =
            [false, true].map(|by_user| self.host_rows(by_user)).into_iter().collect();
        Ok(rows?.concat())
    }

    /// The answer in VMs, and beside them on this host where everything is asked.
    pub fn in_vms(&self) -> Result<Proof, String> {
        let initramfs = archive_of(self.bundle).ok_or_else(|| no_archive(self.bundle))?;
        accel::version(Path::new(PROGRAM))?;
        let bundle = Bundle::of(self.bundle, Some(&initramfs));
        let worlds = self.worlds(&initramfs)?;
        let visits = self.visits(&worlds)?;
        let broken: Vec<&str> = mutants::names().into_iter().filter(|name| needs(&visits, name)).collect();
        let mutants = mutant::build(&broken).map_err(|error| error.to_string())?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.unwrap_or(cores);
        let campaign = Campaign { initramfs, guest: self.guest, mutants: &mutants, jobs };
        let mut rows = campaign.run(&visits, |world, rows| show(&world.to_string(), rows, self.verbose));
        rows.extend(self.host_beside()?);
        let unproven = self.unproven()?;
        let kernels: Vec<Kernel> = worlds.into_iter().map(|world| world.kernel).collect();
        let proof = Proof::new(bundle, &kernels, rows, unproven);
        show_comparison(&proof.comparison);
        Ok(proof)
    }

    /// The cases, in order; fewer in a VM when there are many worlds to go through in minutes.
    pub fn cases(&self, in_full: bool) -> Result<Vec<Case>, String> {
        let is_wanted = |case: &Case| {
            self.only.is_empty() || self.only.iter().any(|text| case.step.name.contains(text.as_str()))
        };
        let mut cases = match self.scope {
            Scope::Languages => languages::cases(self.bundle)?,
            scope => scope.cases(in_full),
        };
        // What a case is compared with is run with it.
        let with: Vec<String> =
            cases.iter().filter(|case| is_wanted(case)).filter_map(|case| case.like.clone()).collect();
        cases.retain(|case| is_wanted(case) || with.contains(&case.step.name));
        let root = self.bundle.join("rootfs");
        cases.iter_mut().for_each(|case| case.lacking = capsule::lacking(case, &root));
        Ok(cases)
    }

    /// Guards that nothing takes away. Asked only where all rows of the guards were run.
    fn unproven(&self) -> Result<Vec<String>, String> {
        if !self.scope.has_guards() || !self.only.is_empty() {
            return Ok(Vec::new());
        }
        let unproven = guards::unproven(&self.bundle.join("init"))?;
        unproven.iter().for_each(|guard| println!("FAIL guard/{guard}: unproven, no case removes it"));
        Ok(unproven)
    }

    fn worlds(&self, initramfs: &Path) -> Result<Vec<World>, String> {
        let mut kernels = Vec::new();
        for path in self.kernels {
            kernels.push((Kernel::at(path).map_err(|error| error.to_string())?, &[Cgroup::V2][..]));
        }
        for (series, cgroups) in MATRIX.iter().filter(|_| self.kernels.is_empty()) {
            let kernel = Kernel::of_series(series).map_err(|error| error.to_string())?;
            kernels.push((kernel, if self.all_worlds { cgroups } else { &cgroups[..1] }));
        }
        for (kernel, _) in &kernels {
            if let Err(why) = &kernel.unpacked {
                println!("# {}: started as it is: {why}", kernel.short_name());
            }
        }
        let mut worlds = Vec::new();
        for ((kernel, cgroups), accel) in kernels.iter().zip(self.accels(initramfs, &kernels)) {
            let accel = accel?;
            let world = |cgroup, identity| World {
                kernel: kernel.clone(),
                accel,
                cgroup,
                identity,
                options: self.options.to_vec(),
            };
            for &cgroup in *cgroups {
                worlds.push(world(cgroup, Identity::Root));
                // Without root there is no cgroup, and so no difference between the hierarchies.
                if self.all_worlds && cgroup == Cgroup::V2 {
                    worlds.push(world(cgroup, Identity::User));
                }
            }
        }
        Ok(worlds)
    }

    /// All kernels at once: each may cost a deadline.
    fn accels(&self, initramfs: &Path, kernels: &[(Kernel, &[Cgroup])]) -> Vec<Result<Accel, String>> {
        let cache = cache_directory().join("kvm");
        let probe = Probe::new(initramfs, self.guest, &cache);
        let choose = |kernel: &Kernel| {
            let (accel, objection) = probe.choose(self.accel, kernel)?;
            objection.iter().for_each(|why| println!("# {}: no KVM: {why}", kernel.short_name()));
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

    /// The worlds, each with its cases.
    fn visits(&self, worlds: &[World]) -> Result<Vec<Visit>, String> {
        let cases = self.cases(self.scope != Scope::Subset)?;
        let by_user: Vec<Case> = cases.iter().filter_map(Case::by_user).collect();
        let (alone, together): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| case.alone);
        // Version 1 delegates nothing.
        let is_possible =
            |world: &World, case: &Case| world.cgroup == Cgroup::V2 || case.step.place != Place::Delegated;
        let visit = |world: &World, cases: &[Case]| {
            let possible = cases.iter().filter(|case| is_possible(world, case)).cloned().collect();
            Visit { world: world.clone(), cases: possible }
        };
        let of = |world: &World| match world.identity {
            Identity::User => vec![visit(world, &by_user)],
            Identity::Root => {
                let alone = alone.chunks(1).map(|case| visit(world, case));
                [visit(world, &together)].into_iter().chain(alone).collect()
            }
        };
        Ok(worlds.iter().flat_map(of).filter(|visit| !visit.cases.is_empty()).collect())
    }
}

/// Whether a case runs this mutant.
fn needs(visits: &[Visit], mutant: &str) -> bool {
    let place = mutant::place(mutant);
    visits.iter().flat_map(|visit| &visit.cases).any(|case| case.step.init.as_ref() == Some(&place))
}

fn no_archive(bundle: &Path) -> String {
    format!(
        "`{}` holds no initramfs.cpio\n  hint: build it with `capsule build --format dir,cpio`",
        bundle.display()
    )
}

/// What could not be tried, by its reason.
fn not_applicable(rows: &[Row]) -> BTreeMap<&str, Vec<&str>> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows {
        if let Verdict::NotApplicable(why) = &row.verdict {
            reasons.entry(why).or_default().push(&row.case);
        }
    }
    reasons
}

/// One line for all worlds, then what they answer differently for no known reason.
fn show_comparison(comparison: &Comparison) {
    let known = comparison.differences.iter().filter(|difference| difference.why.is_some()).count();
    println!(
        "# side by side: {} cases in several worlds, {known} explained differences",
        comparison.compared
    );
    comparison.wrong().for_each(|(case, why)| println!("FAIL {case}: {why}"));
}

/// One line for a world, then what failed in it; everything when asked for.
fn show(world: &str, rows: &[Row], verbose: bool) {
    println!("# {world}: {}", Tally::of(rows));
    // A world that did not come to its end has the same reason, with its transcript, in every row.
    let died = rows.iter().find(|row| row.seen.is_none() && matches!(row.verdict, Verdict::Failed(_)));
    if let Some(Row { verdict: Verdict::Failed(why), .. }) = died {
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
