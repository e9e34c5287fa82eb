//! Which machine this is: what a calibration is good for.

use std::env::consts::ARCH;
use std::fs;

use super::cpus::Cpus;

/// A machine, as far as its speed depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The model of the processor, as the kernel names it.
    pub processor: String,
    /// How many CPUs run.
    pub online: usize,
    /// How many of them this process, and so a run, can use.
    pub allowed: usize,
}

impl Machine {
    /// This one.
    pub fn this() -> Machine {
        let allowed = Cpus::allowed().count();
        let online = Cpus::online().map_or(allowed, |online| online.count());
        let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Machine { processor: processor(&text), online, allowed }
    }

    /// Why what was measured on this processor with so many CPUs busy does not hold here, if it does not. A run that can use
    /// some of the CPUs that were busy then is disturbed less than that; one that can use more of them is disturbed by CPUs
    /// that nobody measured.
    pub(super) fn differs_from(&self, of: &str, cpus: usize) -> Option<String> {
        let Machine { processor, online, allowed } = self;
        if of != processor {
            return Some(format!("its processor is `{of}`, here it is `{processor}`"));
        }
        let is_within = (*allowed..=*online).contains(&cpus);
        (!is_within)
            .then(|| format!("it was measured on {cpus} CPUs, here runs can use {allowed} of {online}"))
    }
}

/// The name in a /proc/cpuinfo. Arm's processors have a number there.
fn processor(cpuinfo: &str) -> String {
    let named = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    named("model name").or_else(|| named("CPU part")).unwrap_or_else(|| ARCH.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_has_the_kernels_name() {
        assert_eq!(processor("processor\t: 0\nmodel name\t: A B  \nmodel name\t: C\n"), "A B");
        assert_eq!(processor("processor\t: 0\nCPU part\t: 0xd0c\n"), "0xd0c");
        assert_eq!(processor(""), ARCH);
    }
}
