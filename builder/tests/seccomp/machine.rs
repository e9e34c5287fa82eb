//! A BPF machine as the kernel's, for seccomp's subset: runs a compiled program over one system call.

use std::collections::HashMap;
use std::sync::LazyLock;

use builder::tool::seccomp::policy::arch::X86_64;
use builder::tool::seccomp::policy::emit::{Instruction, program};
use builder::tool::seccomp::policy::rules::{Action, MODES, Policy};

/// The default policy's text.
pub const DEFAULT: &str = include_str!("../../../init/policy/default.policy");

/// `AUDIT_ARCH_I386`: what an `int 0x80` reports.
pub const I386: u32 = 0x4000_0003;

/// `SECCOMP_RET_ALLOW` and `SECCOMP_RET_USER_NOTIF`: what the kernel takes a filter's answer for.
pub const ALLOW: u32 = 0x7fff_0000;
pub const NOTIFY: u32 = 0x7fc0_0000;

/// `--net` modes in the order of the image, with device nodes of the run's own.
pub const NONE: usize = 0;
pub const LOOPBACK: usize = 1;
pub const HOST: usize = 2;
/// What a mode is more where the device nodes are the host's.
pub const HOST_DEVICES: usize = 3;
/// What it is more where the run can write to the host's disks.
pub const WRITABLE_BINDS: usize = 6;

/// Programs of one policy for all modes, ready to be asked.
pub struct Filter {
    programs: [Vec<Instruction>; MODES],
}

impl Filter {
    pub fn new(policy: &Policy) -> Self {
        Filter { programs: std::array::from_fn(|mode| program(policy, mode)) }
    }

    /// The same program for every mode.
    pub fn of_program(program: Vec<Instruction>) -> Self {
        Filter { programs: std::array::from_fn(|_| program.clone()) }
    }

    pub fn default() -> Self {
        Filter::new(&Policy::parse(DEFAULT, &X86_64).unwrap())
    }

    /// What happens to a native call, by name.
    pub fn answer(&self, mode: usize, call: &str, arguments: &[u64]) -> Action {
        self.answer_number(mode, X86_64.audit, number(call), arguments)
    }

    /// What happens to any number of any architecture.
    pub fn answer_number(&self, mode: usize, arch: u32, number: u32, arguments: &[u64]) -> Action {
        let value = self.value(mode, arch, number, arguments);
        match (value & 0xffff_0000, value & 0xffff) {
            (ALLOW, 0) => Action::Allow,
            (0x8000_0000 | NOTIFY, 0) => Action::Kill,
            (0x0005_0000, errno) => Action::Errno(errno.try_into().unwrap()),
            _ => panic!("a filter of ours never returns {value:#x}"),
        }
    }

    /// The same, as the kernel has it.
    pub fn value(&self, mode: usize, arch: u32, number: u32, arguments: &[u64]) -> u32 {
        run(&self.programs[mode], arch, number, arguments).0
    }

    /// How many instructions a call costs.
    pub fn steps(&self, mode: usize, call: &str, arguments: &[u64]) -> usize {
        run(&self.programs[mode], X86_64.audit, number(call), arguments).1
    }

    pub fn len(&self, mode: usize) -> usize {
        self.programs[mode].len()
    }
}

/// The number of a call; looked up some ten million times, so out of a map.
fn number(call: &str) -> u32 {
    static NUMBERS: LazyLock<HashMap<&str, u32>> =
        LazyLock::new(|| X86_64.calls().map(|(number, name)| (name, number)).collect());
    *NUMBERS.get(call).unwrap_or_else(|| panic!("no call {call}"))
}

/// Runs a program; panics where the kernel's checker would refuse it.
fn run(program: &[Instruction], arch: u32, number: u32, arguments: &[u64]) -> (u32, usize) {
    let mut data = [0; 16];
    data[..4].copy_from_slice(&[number, arch, 0x1000, 0x7fff]);
    for (index, argument) in arguments.iter().enumerate() {
        data[4 + 2 * index] = *argument as u32;
        data[5 + 2 * index] = (argument >> 32) as u32;
    }
    let (mut at, mut accumulator, mut steps) = (0, 0_u32, 0);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        steps += 1;
        let jump = |holds: bool| usize::from(if holds { jt } else { jf });
        match code {
            0x20 => {
                assert!(k.is_multiple_of(4), "seccomp loads aligned words only");
                accumulator = data[k as usize / 4];
            }
            0x54 => accumulator &= k,
            0x05 => at += k as usize,
            0x15 => at += jump(accumulator == k),
            0x25 => at += jump(accumulator > k),
            0x35 => at += jump(accumulator >= k),
            0x06 => return (k, steps),
            other => panic!("instruction {other:#x} is not one of seccomp's that we use"),
        }
    }
}
