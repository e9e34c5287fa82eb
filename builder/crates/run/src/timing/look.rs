//! One look at what the kernel has counted for some CPUs.

use std::fs;
use std::time::Instant;

use super::cpus::Cpus;

/// Microseconds of a tick in /proc/stat: USER_HZ is 100 on every processor that Linux runs on (proc_stat(5)).
pub(super) const TICK_US: u64 = 10_000;

/// What was counted up to one moment.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) at: Instant,
    /// Of the CPUs together; absent if /proc/stat cannot be read.
    pub(super) ticks: Option<Ticks>,
    pub(super) pressure_us: Option<u64>,
    /// The lowest and the highest frequency.
    pub(super) khz: Option<u64>,
}

/// Columns of /proc/stat, in ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ticks {
    pub(super) idle: u64,
    pub(super) interrupts: u64,
    pub(super) steal: u64,
}

impl Look {
    pub(super) fn at(cpus: &Cpus) -> Look {
        let stat = fs::read_to_string("/proc/stat").ok();
        let pressure = fs::read_to_string("/proc/pressure/cpu").ok();
        Look {
            at: Instant::now(),
            ticks: stat.and_then(|text| ticks(&text, cpus)),
            pressure_us: pressure.and_then(|text| pressure_us(&text)),
            khz: khz(cpus),
        }
    }
}

/// The sums of the lines `cpuN` of these CPUs (proc_stat(5)).
fn ticks(text: &str, cpus: &Cpus) -> Option<Ticks> {
    let mut sum = Ticks::default();
    let mut seen = 0;
    // These lines are the first.
    for line in text.lines().take_while(|line| line.starts_with("cpu")) {
        let mut columns = line.split_ascii_whitespace();
        let number = columns.next().and_then(|name| name.strip_prefix("cpu")?.parse().ok());
        if !number.is_some_and(|number: usize| cpus.numbers().contains(&number)) {
            continue;
        }
        // user nice system idle iowait irq softirq steal
        let columns: Vec<u64> = columns.filter_map(|column| column.parse().ok()).collect();
        let [_, _, _, idle, waiting, hard, soft, steal, ..] = columns[..] else { return None };
        sum.idle += idle + waiting;
        sum.interrupts += hard + soft;
        sum.steal += steal;
        seen += 1;
    }
    (seen > 0).then_some(sum)
}

/// `some avg10=… total=MICROSECONDS` (Documentation/accounting/psi.rst).
fn pressure_us(text: &str) -> Option<u64> {
    let some = text.lines().find(|line| line.starts_with("some "))?;
    some.split_once("total=")?.1.trim().parse().ok()
}

/// Of the fastest CPU: one that idles is slow, and says nothing of the one that works.
fn khz(cpus: &Cpus) -> Option<u64> {
    let of = |number: &usize| {
        let path = format!("/sys/devices/system/cpu/cpu{number}/cpufreq/scaling_cur_freq");
        fs::read_to_string(path).ok()?.trim().parse::<u64>().ok()
    };
    // Where the first one has none, all the others have none either.
    of(cpus.numbers().first()?)?;
    cpus.numbers().iter().filter_map(of).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_the_cpus_count() {
        let text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 0 1 100 5 1 2 3 0 0\ncpu1 1 0 1 200 5 1 2 3 0 0\n\
            cpu10 1 0 1 400 5 1 2 3 0 0\nintr 1\n";
        let ticks = |list: &str| ticks(text, &Cpus::parse(list));
        assert_eq!(ticks("0"), Some(Ticks { idle: 105, interrupts: 3, steal: 3 }));
        assert_eq!(ticks("0,10"), Some(Ticks { idle: 510, interrupts: 6, steal: 6 }));
        assert_eq!(ticks("7"), None);
        assert_eq!(super::ticks("cpu0 1 2\n", &Cpus::parse("0")), None);
    }

    #[test]
    fn pressure_is_the_total_of_some() {
        let text = "some avg10=6.19 avg60=6.45 avg300=10.76 total=7542094567\nfull avg10=0.00 total=3\n";
        assert_eq!(pressure_us(text), Some(7_542_094_567));
        assert_eq!(pressure_us("full total=3\n"), None);
    }
}
