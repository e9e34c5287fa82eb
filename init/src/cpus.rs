//! A set of CPUs: read from a list as the kernel writes it, and as sched_setaffinity(2) takes it.

use crate::text::{Parts, parse_number};

/// CPU numbers end below this, as in the C library (CPU_SET(3), CPU_SETSIZE).
const MAX: usize = 1024;
const WORD: usize = u64::BITS as usize;

/// Which CPUs a process may run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cpus {
    /// Bit n of word w is CPU 64w + n.
    pub(crate) words: [u64; MAX / WORD],
}

impl Cpus {
    /// Every CPU that there can be.
    pub(crate) const ALL: Cpus = Cpus { words: [u64::MAX; MAX / WORD] };
    pub(crate) const NONE: Cpus = Cpus { words: [0; MAX / WORD] };

    /// A list such as `0-2,5`.
    pub(crate) fn parse(list: &[u8]) -> Option<Cpus> {
        let mut cpus = Cpus::NONE;
        for range in Parts::new(list, b',') {
            let mut ends = Parts::new(range, b'-');
            let first = parse_number(ends.next()?)?;
            let last = ends.rest().map_or(Some(first), parse_number)?;
            if first > last {
                return None;
            }
            (first..=last).try_for_each(|cpu| cpus.insert(cpu as usize))?;
        }
        Some(cpus)
    }

    /// Adds one; `None` when there can be no such CPU.
    fn insert(&mut self, cpu: usize) -> Option<()> {
        *self.words.get_mut(cpu / WORD)? |= 1 << (cpu % WORD);
        Some(())
    }

    /// Removes a CPU that is in the set, and adds one that is not.
    pub(crate) fn flip(&mut self, cpu: usize) {
        if let Some(word) = self.words.get_mut(cpu / WORD) {
            *word ^= 1 << (cpu % WORD);
        }
    }
    pub(crate) fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Each of them alone.
    pub(crate) fn each(&self) -> impl Iterator<Item = Cpus> {
        (0..MAX).filter_map(|cpu| {
            let mut one = Cpus::NONE;
            one.insert(cpu)?;
            one.words.iter().zip(&self.words).any(|(one, all)| one & all != 0).then_some(one)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_made_of_ranges() {
        let cpus = Cpus::parse(b"0-2,5,1023").unwrap();
        assert_eq!((cpus.words[0], cpus.words[15], cpus.count()), (0b10_0111, 1 << 63, 5));
        let mut others = cpus;
        [1, 3, 1024].into_iter().for_each(|cpu| others.flip(cpu));
        assert_eq!((others.words[0], others.count()), (0b10_1101, 5));
        for bad in [&b""[..], b"2-1", b"x", b"0,,1", b"1024", b"-1"] {
            assert_eq!(Cpus::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn each_cpu_comes_alone() {
        let cpus = Cpus::parse(b"3,64-65").unwrap();
        let each: Vec<_> = ["3", "64", "65"].map(|one| Cpus::parse(one.as_bytes()).unwrap()).into();
        assert_eq!(cpus.each().collect::<Vec<_>>(), each);
    }
}
