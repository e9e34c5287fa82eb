//! The suites: what each is called, what it is about, which scopes have it, and who can run it.
//!
//! A case belongs to one suite, and its name is `SUITE/NAME`. Only this file puts such names together and takes them
//! apart.

use Scope::{All, Attacks, Bundle, Capsule, Guards, Languages, Mutants, Subset, Verdicts};

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "harness", derive(clap::ValueEnum))]
pub enum Scope {
    /// One world for each kernel: minutes.
    Subset,
    /// Every world, and this host as one more.
    All,
    /// Everything about the bundle, and nothing about the harness: no mutants, no soak.
    Bundle,
    /// Only what a user who looks around inside the sandbox sees.
    Capsule,
    /// Only the programs with a known end.
    Verdicts,
    /// Only the attacks, and their controls.
    Attacks,
    /// Only the guards, each up and removed.
    Guards,
    /// Only the bundle's languages: programs compiled and run. In no other scope, for it needs another bundle.
    Languages,
    /// Only the inits with one guard broken on purpose, and the probes that notice.
    Mutants,
}

/// A group of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// What a user who looks around sees.
    Capsule,
    /// User and group of a submission.
    Identity,
    /// An ordinary user with a cgroup of its own.
    Delegated,
    /// `--net`.
    Network,
    /// Workloads and their verdicts.
    Verdicts,
    /// Hostile output.
    Streams,
    /// Probes in a sandbox.
    Attacks,
    /// Probes in two sandboxes at a time.
    Neighbours,
    /// The same probes without a sandbox.
    Controls,
    /// What init must not start.
    Refusals,
    /// Many runs in a row.
    Soak,
    /// Inits that are broken on purpose.
    Mutants,
    /// Guards, up and removed.
    Guards,
    /// Programs in the bundle's languages.
    Languages,
}

/// Who can run the cases of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    /// Root and an ordinary user, in VMs and on hosts, with the same answers in every world. The ordinary user's runs
    /// get these options too.
    Everyone(&'static [&'static str]),
    /// Root, in VMs and on hosts.
    Root,
    /// Root in VMs. On a host these cases would harm it: they have no sandbox, or one with a hole in it.
    RootInVm,
}

/// A row of the table.
struct Row {
    suite: Suite,
    /// The first part of its cases' names.
    name: &'static str,
    /// The heading on the proof page.
    title: &'static str,
    /// What the proof page says below the heading.
    about: &'static str,
    scopes: &'static [Scope],
    runner: Runner,
}

/// Without a cgroup the memory limit is one on address space (RLIMIT_AS), which counts the probe's static array of
/// 128 MiB even where nothing touches it.
const ROOM_FOR_THE_PROBE: &[&str] = &["--memory", "512M"];

/// In the order in which cases run.
const TABLE: &[Row] = &[
    Row {
        suite: Suite::Capsule,
        name: "capsule",
        title: "A look around",
        about: "What a user sees who looks around inside the sandbox.",
        scopes: &[Subset, All, Bundle, Capsule],
        runner: Runner::Everyone(&[]),
    },
    Row {
        suite: Suite::Identity,
        name: "identity",
        title: "Who a submission is",
        about: "Its user inside and outside the sandbox.",
        scopes: &[Subset, All, Bundle, Capsule],
        runner: Runner::Root,
    },
    Row {
        suite: Suite::Delegated,
        name: "delegated",
        title: "An ordinary user with a cgroup",
        about: "Limits that are held without root.",
        scopes: &[Subset, All, Bundle, Capsule],
        runner: Runner::Root,
    },
    Row {
        suite: Suite::Network,
        name: "net",
        title: "What network a submission has",
        about: "By `--net`. With the host's network the report says that there is no guard.",
        scopes: &[Subset, All, Bundle, Capsule],
        runner: Runner::Everyone(&[]),
    },
    Row {
        suite: Suite::Verdicts,
        name: "verdict",
        title: "Verdicts",
        about: "Programs with a known end, and whether the runner reports exactly that end.",
        scopes: &[Subset, All, Bundle, Verdicts],
        runner: Runner::Everyone(ROOM_FOR_THE_PROBE),
    },
    Row {
        suite: Suite::Streams,
        name: "streams",
        title: "Streams",
        about: "Hostile output: the runner alone writes the report, all of it, and it counts the bytes that passed.",
        scopes: &[Subset, All, Bundle, Verdicts],
        runner: Runner::Everyone(ROOM_FOR_THE_PROBE),
    },
    Row {
        suite: Suite::Attacks,
        name: "attack",
        title: "Attacks",
        about: "Hostile probes in the sandbox. Each must be refused, and none may print a canary's secret.",
        scopes: &[Subset, All, Bundle, Attacks],
        runner: Runner::Everyone(&[]),
    },
    Row {
        suite: Suite::Neighbours,
        name: "neighbour",
        title: "Neighbours",
        about: "Two runs at the same time: one plants a token in a channel, the other must not find it.",
        scopes: &[Subset, All, Bundle, Attacks],
        runner: Runner::Everyone(&[]),
    },
    Row {
        suite: Suite::Controls,
        name: "control",
        title: "Controls",
        about: "The same probes as root without a sandbox. Each must get through, or it proves nothing.",
        scopes: &[Subset, All, Bundle, Attacks],
        runner: Runner::RootInVm,
    },
    Row {
        suite: Suite::Refusals,
        name: "refusals",
        title: "Refusals",
        about: "Roots and options that the runner must refuse, callers whose lack of memory is not a verdict, the order of \
                the end, and a container of one process.",
        scopes: &[Subset, All, Bundle],
        runner: Runner::RootInVm,
    },
    Row {
        suite: Suite::Soak,
        name: "soak",
        title: "Soak",
        about: "Many runs in a row, and many whose processes are killed at random: nothing may be left.",
        scopes: &[Subset, All],
        runner: Runner::RootInVm,
    },
    Row {
        suite: Suite::Mutants,
        name: "mutant",
        title: "Mutants",
        about: "Runners with one guard broken on purpose, whose reports claim that it is up. The probe must notice \
                each of them, and must find nothing wrong with the bundle's own runner.",
        scopes: &[Subset, All, Mutants],
        runner: Runner::RootInVm,
    },
    Row {
        suite: Suite::Guards,
        name: "guard",
        title: "Guards",
        about: "Each guard twice: up, where it stops something, and removed, where exactly that gets through. A guard \
                whose removal changes nothing is unproven, and fails.",
        scopes: &[Subset, All, Bundle, Guards],
        runner: Runner::RootInVm,
    },
    Row {
        suite: Suite::Languages,
        name: "language",
        title: "Languages",
        about: "Programs in the bundle's languages, compiled and run, with the results that they must have.",
        scopes: &[Languages],
        runner: Runner::Root,
    },
];

impl Suite {
    /// Every suite, in the order in which cases run.
    pub(crate) fn all() -> impl Iterator<Item = Suite> {
        TABLE.iter().map(|row| row.suite)
    }

    /// The suite of the case with this name.
    pub(crate) fn of(case: &str) -> Option<Suite> {
        let (name, _) = case.split_once('/')?;
        TABLE.iter().find(|row| row.name == name).map(|row| row.suite)
    }

    fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.suite == self).expect("the table has a row for each suite: a test looks")
    }

    /// The first part of its cases' names.
    pub(crate) fn name(self) -> &'static str {
        self.row().name
    }

    /// The full name of its case `case`.
    pub(crate) fn case_name(self, case: &str) -> String {
        format!("{}/{case}", self.name())
    }

    /// The name of its case without the suite's.
    pub(crate) fn without_suite(self, case: &str) -> &str {
        case.strip_prefix(self.name()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(case)
    }

    /// The heading on the proof page.
    pub(crate) fn title(self) -> &'static str {
        self.row().title
    }

    /// One or two sentences on the proof page.
    pub(crate) fn about(self) -> &'static str {
        self.row().about
    }

    /// Whether `scope` has it.
    pub(crate) fn is_in(self, scope: Scope) -> bool {
        self.row().scopes.contains(&scope)
    }

    /// Whether its cases do no harm on a host.
    pub(crate) fn is_for_hosts(self) -> bool {
        self.row().runner != Runner::RootInVm
    }

    /// The additional options with which an ordinary user runs it, where such a user can. These are the suites that
    /// every world must answer alike, for any user who makes the sandbox.
    pub(crate) fn options_for_users(self) -> Option<&'static [&'static str]> {
        match self.row().runner {
            Runner::Everyone(options) => Some(options),
            Runner::Root | Runner::RootInVm => None,
        }
    }

    /// Whether its answers are compared between worlds.
    pub(crate) fn is_compared(self) -> bool {
        self.options_for_users().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_has_one_row_and_a_name_of_its_own() {
        for suite in Suite::all() {
            assert_eq!(TABLE.iter().filter(|row| row.suite == suite).count(), 1, "{suite:?}");
            assert_eq!(TABLE.iter().filter(|row| row.name == suite.name()).count(), 1, "{suite:?}");
        }
        // The last variant: with one more, this number and the table grow too.
        assert_eq!(TABLE.len(), Suite::Languages as usize + 1);
    }

    #[test]
    fn a_name_is_taken_apart_as_it_was_put_together() {
        for suite in Suite::all() {
            let name = suite.case_name("a/b c");
            assert_eq!((Suite::of(&name), suite.without_suite(&name)), (Some(suite), "a/b c"));
        }
        assert_eq!(Suite::of("nowhere/a"), None);
        assert_eq!(Suite::of("attack"), None);
    }
}
