//! Which CPUs each slot has.

use rustix::thread::{CpuSet, sched_getaffinity};

/// The CPUs of this process, divided among the slots as init's `--cpus` takes them. None where there are more slots than
/// CPUs: then the kernel divides them better.
pub(crate) fn divided(slots: usize) -> Vec<String> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    let own: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect();
    divide(&own, slots)
}

fn divide(cpus: &[usize], slots: usize) -> Vec<String> {
    let each = cpus.len() / slots.max(1);
    if each == 0 {
        return Vec::new();
    }
    let list = |cpus: &[usize]| cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    cpus.chunks_exact(each).take(slots).map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_cpus_of_its_own() {
        assert_eq!(divide(&[0, 1, 4, 5], 2), ["0,1", "4,5"]);
        assert_eq!(divide(&[0, 1, 2], 2), ["0", "1"]);
        assert!(divide(&[0, 1], 3).is_empty());
    }
}
