//! The CPUs that runs can use.

use std::fmt::Write as _;
use std::fs;
use std::sync::OnceLock;

/// A set of CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpus {
    list: String,
    numbers: Vec<usize>,
}

impl Cpus {
    /// Those of this process, as they were when it first asked.
    pub fn allowed() -> &'static Cpus {
        static ALLOWED: OnceLock<Cpus> = OnceLock::new();
        ALLOWED.get_or_init(|| {
            let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
            let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
            let allowed = Cpus::parse(list.unwrap_or("0"));
            match Cpus::online() {
                Some(online) => allowed.within(&online),
                None => allowed,
            }
        })
    }

    /// Those that run, if the kernel tells.
    pub fn online() -> Option<Cpus> {
        let list = fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
        Some(Cpus::parse(&list)).filter(|cpus| !cpus.numbers.is_empty())
    }

    /// Without those that the other set lacks. A process may be allowed CPUs that the machine could have and does not
    /// have: /proc/PID/status shows the mask as it was set.
    fn within(self, others: &Cpus) -> Cpus {
        let numbers: Vec<usize> =
            self.numbers.iter().copied().filter(|number| others.numbers.contains(number)).collect();
        if numbers.is_empty() || numbers.len() == self.numbers.len() {
            return self;
        }
        let mut list = String::new();
        for range in numbers.chunk_by(|one, next| one + 1 == *next) {
            let comma = if list.is_empty() { "" } else { "," };
            let _infallible = match *range {
                [first, .., last] => write!(list, "{comma}{first}-{last}"),
                _ => write!(list, "{comma}{}", range[0]),
            };
        }
        Cpus { list, numbers }
    }

    /// A list as the kernel writes it: `0-3,8` (cpuset(7), "List format").
    pub fn parse(list: &str) -> Cpus {
        let number = |text: &str| text.trim().parse::<usize>().ok();
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            // No machine has more.
            (first <= last && last < 1 << 16).then_some(first..=last)
        };
        let numbers = list.trim().split(',').filter_map(range).flatten().collect();
        Cpus { list: list.trim().to_owned(), numbers }
    }

    /// As a list.
    pub fn list(&self) -> &str {
        &self.list
    }

    /// How many there are; 1 at least.
    pub fn count(&self) -> usize {
        self.numbers.len().max(1)
    }

    /// Their numbers.
    pub fn numbers(&self) -> &[usize] {
        &self.numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_numbers_and_ranges() {
        assert_eq!(Cpus::parse("0-2,8\n").numbers(), [0, 1, 2, 8]);
        assert_eq!((Cpus::parse("5").numbers(), Cpus::parse("").count()), (&[5][..], 1));
        assert!(Cpus::parse("x-3,9-2,0-99999999").numbers().is_empty());
    }

    #[test]
    fn a_cpu_that_does_not_run_is_not_one_that_can_be_used() {
        let within = |list: &str, online: &str| Cpus::parse(list).within(&Cpus::parse(online));
        let found = within("0-127", "0-2,5,8-9");
        assert_eq!((found.list(), found.count()), ("0-2,5,8-9", 6));
        assert_eq!(within("2-3", "0-7").list(), "2-3");
        assert_eq!(within("0,1", "0-7").list(), "0,1");
        // The two files do not agree: better one of them than none.
        assert_eq!(within("4-5", "0").list(), "4-5");
    }
}
