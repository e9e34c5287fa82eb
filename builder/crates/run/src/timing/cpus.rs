//! The CPUs that runs can use.

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
            Cpus::parse(list.unwrap_or("0"))
        })
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
}
