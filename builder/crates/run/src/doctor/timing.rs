//! `capsule doctor --timing`: settings of this host that make equal work take different time, and how to change each.
//!
//! ioi/isolate's isolate-check-environment looks at some of these; here are also those that made measured times wrong
//! elsewhere: a switch for boost that exists on one driver and not on another, a sibling with another governor, steal.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Finding, Form};
use crate::timing::{Calibration, Cpus, Machine, default_place};

/// The answer.
#[derive(Debug, Serialize)]
pub struct TimingDiagnosis {
    /// The CPUs that runs can use.
    pub cpus: String,
    /// What was looked at, and its state.
    pub settings: Vec<Setting>,
    /// What is in the way.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Setting {
    /// What it is.
    pub name: &'static str,
    /// Its state, in a few words; or why it is not known.
    pub state: String,
}

/// What is found of one setting: its state, and if that is in the way, what it weakens and what mends it.
struct Seen {
    name: &'static str,
    state: String,
    wrong: Option<(&'static str, String)>,
}

/// The host's files, below a root, so that other hosts can be looked at in tests.
struct Host<'a> {
    root: &'a Path,
    cpus: &'a Cpus,
}

/// Examines this host.
pub fn diagnose_timing() -> TimingDiagnosis {
    let read = |place: PathBuf| Calibration::of(&place, &Machine::this()).map_err(|error| error.to_string());
    let calibration = default_place().map(read);
    examine(&Host { root: Path::new("/"), cpus: Cpus::allowed() }, calibration)
}

fn examine(host: &Host<'_>, calibration: Option<Result<Calibration, String>>) -> TimingDiagnosis {
    let all = [
        host.governor(),
        host.frequency_range(),
        host.boost(),
        host.siblings(),
        host.kinds(),
        host.sleep_states(),
        host.huge_pages(),
        host.address_layout(),
        host.steal(),
        calibrated(calibration),
    ];
    let mut diagnosis =
        TimingDiagnosis { cpus: host.cpus.list().to_owned(), settings: Vec::new(), findings: Vec::new() };
    for Seen { name, state, wrong } in all {
        if let Some((weakens, mend)) = wrong {
            diagnosis.findings.push(Finding {
                subject: name.to_owned(),
                state: state.clone(),
                weakens,
                mend,
            });
        }
        diagnosis.settings.push(Setting { name, state });
    }
    diagnosis
}

impl Host<'_> {
    fn read(&self, path: &str) -> Option<String> {
        let path: PathBuf = self.root.join(path.trim_start_matches('/'));
        fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    }

    /// A file of each CPU, those that have it, each value once.
    fn of_each(&self, file: &str) -> BTreeSet<String> {
        let of = |number: &usize| self.read(&format!("/sys/devices/system/cpu/cpu{number}/{file}"));
        self.cpus.numbers().iter().filter_map(of).collect()
    }

    fn governor(&self) -> Seen {
        let found = self.of_each("cpufreq/scaling_governor");
        let state = joined(&found, "the machine does not tell: no cpufreq, as in most virtual machines");
        let is_fixed = found.is_empty() || found.iter().eq(["performance"]);
        let mend =
            "`cpupower frequency-set -g performance`, for all CPUs: a sibling with another one counts, too";
        let wrong = (!is_fixed).then(|| ("the first runs after a pause are slower", mend.to_owned()));
        Seen { name: "governor", state, wrong }
    }

    fn frequency_range(&self) -> Seen {
        let range = ["cpufreq/scaling_min_freq", "cpufreq/scaling_max_freq"].map(|file| self.of_each(file));
        let [low, high] = range.each_ref().map(|found| joined(found, ""));
        let is_known = !low.is_empty() && !high.is_empty();
        let state = if is_known { format!("{low} to {high} kHz") } else { "not known".to_owned() };
        let differs = range.iter().any(|found| found.len() > 1);
        let mend =
            "give all CPUs the same `scaling_min_freq` and `scaling_max_freq`, or use CPUs of one kind"
                .to_owned();
        let wrong = differs.then_some(("a run is as fast as the CPU that it happens to get", mend));
        Seen { name: "frequencies", state, wrong }
    }

    /// The switch has a name and a sense for each driver (Documentation/admin-guide/pm/cpufreq.rst, intel_pstate.rst).
    fn boost(&self) -> Seen {
        const SWITCHES: [(&str, &str, &str); 2] = [
            ("/sys/devices/system/cpu/cpufreq/boost", "1", "0"),
            ("/sys/devices/system/cpu/intel_pstate/no_turbo", "0", "1"),
        ];
        let name = "boost";
        let weakens = "a CPU is faster while the others are idle and it is cool";
        for (file, on, off) in SWITCHES {
            if let Some(value) = self.read(file) {
                let is_on = value == on;
                let state = if is_on { "on" } else { "off" }.to_owned();
                let wrong = is_on.then(|| (weakens, format!("`echo {off} > {file}`")));
                return Seen { name, state, wrong };
            }
        }
        if self.of_each("cpufreq/scaling_driver").is_empty() {
            return Seen { name, state: "not known: no cpufreq".to_owned(), wrong: None };
        }
        let state = "there is no switch for it: it may be on".to_owned();
        let mend =
            "turn it off in the firmware, or start the kernel with another driver, as `amd_pstate=passive`";
        Seen { name, state, wrong: Some((weakens, mend.to_owned())) }
    }

    fn siblings(&self) -> Seen {
        let groups = self.of_each("topology/thread_siblings_list");
        let shared: Vec<&str> =
            groups.iter().map(String::as_str).filter(|list| Cpus::parse(list).count() > 1).collect();
        let state = match (groups.is_empty(), shared.is_empty()) {
            (true, _) => "not known".to_owned(),
            (_, true) => "each CPU is a core of its own".to_owned(),
            _ => format!("CPUs that share a core: {}", shared.join(" ")),
        };
        let mend =
            "`echo off > /sys/devices/system/cpu/smt/control`, or give runs one CPU of each core (`--cpus`)";
        let weakens = "two runs on one core make each other slower";
        Seen { name: "siblings", state, wrong: (!shared.is_empty()).then(|| (weakens, mend.to_owned())) }
    }

    fn kinds(&self) -> Seen {
        let kind = |path: &str| self.read(path).filter(|list| !list.is_empty());
        let fast = kind("/sys/devices/cpu_core/cpus");
        let small = kind("/sys/devices/cpu_atom/cpus");
        let capacities = self.of_each("cpu_capacity");
        let (state, is_mixed) = match (fast, small) {
            (Some(fast), Some(small)) => (format!("fast {fast}, small {small}"), true),
            _ if capacities.len() > 1 => (format!("capacities {}", joined(&capacities, "")), true),
            _ => ("one kind".to_owned(), false),
        };
        let mend = "give runs CPUs of one kind (`--cpus`, or taskset for the judge)".to_owned();
        Seen {
            name: "kinds of cores",
            state,
            wrong: is_mixed.then_some(("a run is as fast as its core", mend)),
        }
    }

    /// A CPU that sleeps deeply needs this long to wake up.
    fn sleep_states(&self) -> Seen {
        const LONG_US: u64 = 100;
        let latencies = (0..10).filter_map(|state| {
            let latency = self.of_each(&format!("cpuidle/state{state}/latency"));
            let disabled = self.of_each(&format!("cpuidle/state{state}/disable"));
            let latency = latency.iter().filter_map(|text| text.parse::<u64>().ok()).max()?;
            (!disabled.iter().eq(["1"])).then_some(latency)
        });
        let longest = latencies.max();
        let state = longest.map_or_else(
            || "not known: the kernel has no cpuidle here".to_owned(),
            |longest| format!("a CPU needs up to {longest} µs to wake up"),
        );
        let is_long = longest.is_some_and(|longest| longest > LONG_US);
        let mend = format!("`cpupower idle-set -D {LONG_US}`");
        let wrong = is_long.then_some(("wall times of programs that wait are longer", mend));
        Seen { name: "sleep states", state, wrong }
    }

    fn huge_pages(&self) -> Seen {
        let file = "/sys/kernel/mm/transparent_hugepage/enabled";
        let text = self.read(file).unwrap_or_default();
        let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(word, _)| word);
        let mend = format!("`echo madvise > {file}`");
        let weakens = "the same program is fast or slow by how much memory is in one piece";
        let wrong = (chosen == Some("always")).then_some((weakens, mend));
        Seen { name: "huge pages", state: chosen.unwrap_or("not known").to_owned(), wrong }
    }

    fn address_layout(&self) -> Seen {
        let value = self.read("/proc/sys/kernel/randomize_va_space");
        let state = match value.as_deref() {
            Some("0") => "fixed",
            Some(_) => "random, which spreads times by some percent; runs need it for their safety",
            None => "not known",
        };
        Seen { name: "addresses", state: state.to_owned(), wrong: None }
    }

    /// The share of the time since the start of the machine.
    fn steal(&self) -> Seen {
        let stat = self.read("/proc/stat").unwrap_or_default();
        let columns: Vec<f64> = stat
            .lines()
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|column| column.parse().ok())
            .collect();
        let share = match columns[..] {
            [.., steal] if columns.len() == 8 => steal / columns.iter().sum::<f64>().max(1.0),
            _ => return Seen { name: "steal", state: "not known".to_owned(), wrong: None },
        };
        let state = format!("{:.2} % of the time since the machine started", 100.0 * share);
        let mend = "use a virtual machine with CPUs of its own".to_owned();
        let weakens = "the hypervisor runs other machines in the middle of a run";
        Seen { name: "steal", state, wrong: (share > 0.001).then_some((weakens, mend)) }
    }
}

fn calibrated(calibration: Option<Result<Calibration, String>>) -> Seen {
    let name = "calibration";
    match calibration {
        Some(Ok(known)) => {
            let percent = |share: f64| 100.0 * share;
            let state = format!(
                "{}: speed {:.2}, off by {:.1} % alone and {:.1} % more with all CPUs busy",
                known.id,
                known.speed,
                percent(known.noise),
                percent(known.contention)
            );
            Seen { name, state, wrong: None }
        }
        other => {
            let state = other.and_then(Result::err).unwrap_or_else(|| "there is none".to_owned());
            let weakens = "reports state errors that are not of this machine";
            Seen { name, state, wrong: Some((weakens, "`capsule calibrate`".to_owned())) }
        }
    }
}

fn joined(found: &BTreeSet<String>, otherwise: &str) -> String {
    if found.is_empty() { otherwise.to_owned() } else { found.iter().cloned().collect::<Vec<_>>().join(", ") }
}

impl TimingDiagnosis {
    /// Whether nothing is in the way.
    pub fn is_healthy(&self) -> bool {
        self.findings.is_empty()
    }

    /// In the form asked for, with its last newline.
    pub fn render(&self, form: Form) -> String {
        if form == Form::Json {
            return serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        }
        let mut text = format!("CPUs {}\n", self.cpus);
        for Setting { name, state } in &self.settings {
            let _ = writeln!(text, "{name:14}  {state}"); // a String takes all
        }
        for finding in &self.findings {
            let _ = write!(text, "\n{finding}"); // likewise
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::VERSION;

    /// The names of what is in the way on a host with these files.
    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        }
        let cpus = Cpus::parse("0-1");
        let host = Host { root: root.path(), cpus: &cpus };
        let known = Calibration {
            version: VERSION,
            id: "a".to_owned(),
            processor: String::new(),
            cpus: 2,
            speed: 1.0,
            noise: 0.1,
            contention: 0.0,
            floor_us: 1.0,
            kernels: Vec::new(),
        };
        let found = examine(&host, Some(Ok(known)));
        assert_eq!(found.settings.len(), 10);
        found.findings.into_iter().map(|finding| finding.subject).collect()
    }

    #[test]
    fn each_setting_that_is_in_the_way_is_found() {
        assert!(findings(&[]).is_empty());
        let cpu = |file: &str, values: [&'static str; 2]| {
            [0, 1].map(|number| (format!("sys/devices/system/cpu/cpu{number}/{file}"), values[number]))
        };
        let of_cpus = |file: &str, values| {
            let files = cpu(file, values);
            findings(&files.each_ref().map(|(path, text)| (path.as_str(), *text)))
        };
        assert_eq!(of_cpus("cpufreq/scaling_governor", ["performance", "powersave"]), ["governor"]);
        assert!(of_cpus("cpufreq/scaling_governor", ["performance", "performance"]).is_empty());
        assert_eq!(of_cpus("cpufreq/scaling_max_freq", ["1", "2"]), ["frequencies"]);
        assert_eq!(of_cpus("cpufreq/scaling_driver", ["amd-pstate-epp", "amd-pstate-epp"]), ["boost"]);
        assert_eq!(of_cpus("topology/thread_siblings_list", ["0-1", "0-1"]), ["siblings"]);
        assert!(of_cpus("topology/thread_siblings_list", ["0", "1"]).is_empty());
        assert_eq!(of_cpus("cpu_capacity", ["1024", "446"]), ["kinds of cores"]);
        assert_eq!(of_cpus("cpuidle/state2/latency", ["133", "133"]), ["sleep states"]);
        for (file, text, name) in [
            ("sys/devices/system/cpu/cpufreq/boost", "1", Some("boost")),
            ("sys/devices/system/cpu/cpufreq/boost", "0", None),
            ("sys/devices/system/cpu/intel_pstate/no_turbo", "0", Some("boost")),
            ("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never", Some("huge pages")),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never", None),
            ("proc/stat", "cpu  100 0 100 700 0 0 0 100 0 0", Some("steal")),
            ("proc/stat", "cpu  100 0 100 799 0 0 0 0 0 0", None),
        ] {
            assert_eq!(findings(&[(file, text)]), name.into_iter().collect::<Vec<_>>(), "{file} {text}");
        }
        let kinds = [("sys/devices/cpu_core/cpus", "0"), ("sys/devices/cpu_atom/cpus", "1")];
        assert_eq!(findings(&kinds), ["kinds of cores"]);
    }

    #[test]
    fn a_machine_that_was_not_calibrated_is_told_how() {
        let cpus = Cpus::parse("0");
        let host = Host { root: Path::new("/nowhere"), cpus: &cpus };
        let found = examine(&host, None);
        assert!(!found.is_healthy());
        assert!(
            found.render(Form::Text).contains("mend: `capsule calibrate`"),
            "{}",
            found.render(Form::Text)
        );
        let json: serde_json::Value = serde_json::from_str(&found.render(Form::Json)).unwrap();
        assert_eq!(json["findings"][0]["subject"], "calibration");
    }
}
