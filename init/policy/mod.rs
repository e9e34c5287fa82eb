//! From the readable policy to BPF: `default.policy` (or an operator's file) ─► [`Policy`] ─► programs ─► image.
//!
//! Shared by `init/build.rs`, which embeds the default policy, and by `capsule seccomp compile`;
//! neither the parser nor the compiler is part of the init binary. [`image`] alone is: it is the
//! contract between the two. The language is described at the top of `default.policy`.

pub mod arch;
pub mod emit;
pub mod error;
pub mod image;
pub mod names;
mod parse;
pub mod rules;
mod words;

use std::collections::BTreeMap;

pub use arch::Arch;
pub use error::{Cause, Error};
pub use rules::Policy;

use emit::Instruction;
use image::{BRANCHES, CODES, FALLS_THROUGH, HEADER, MAGIC, MAX_INSTRUCTIONS, VERSION};
use rules::MODES;

/// Compiles the text of a policy to the bytes of an image for a processor.
///
/// # Errors
/// The first mistake in the text, with its line and column.
pub fn compile(text: &str, arch: &'static Arch) -> Result<Vec<u8>, Error> {
    let policy = Policy::parse(text, arch)?;
    let reports = emit::reports(&policy);
    let answers = emit::program(&policy, 0).len();
    let programs: [_; MODES] =
        core::array::from_fn(|mode| [emit::program(&policy, mode), emit::program(&reports, mode)].concat());
    let [both, ..] = &programs;
    if both.len() > MAX_INSTRUCTIONS {
        let line = text.lines().count().max(1);
        return Err(Error { line, column: 1, cause: Cause::TooLong { instructions: both.len() } });
    }
    Ok(write_image(arch, both, answers, &gates(&programs), &killed_names(&policy)))
}

/// Where the programs of the other modes differ from those of the first, and in which modes.
fn gates(programs: &[Vec<Instruction>; MODES]) -> Vec<u8> {
    let [first, ..] = programs;
    let mut gates = BTreeMap::<(usize, u32), u16>::new();
    for (mode, other) in programs.iter().enumerate() {
        assert_eq!(first.len(), other.len(), "modes differ in operands only");
        for (index, (one, other)) in first.iter().zip(other).enumerate().filter(|(_, (a, b))| a != b) {
            assert_eq!(Instruction { k: other.k, ..*one }, *other, "modes differ in operands only");
            *gates.entry((index, other.k)).or_default() |= 1 << mode;
        }
    }
    let mut bytes = Vec::new();
    for ((index, operand), modes) in gates {
        bytes.extend_from_slice(&as_u16(index).to_le_bytes());
        bytes.extend_from_slice(&modes.to_le_bytes());
        bytes.extend_from_slice(&as_u16(operand as usize).to_le_bytes());
    }
    bytes
}

/// Number, length and name of every call that some line kills.
fn killed_names(policy: &Policy) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, name) in policy.arch.calls().filter(|(number, _)| policy.kills(*number)) {
        bytes.extend_from_slice(&as_u16(number as usize).to_le_bytes());
        bytes.push(u8::try_from(name.len()).expect("no call has a name of 256 letters"));
        bytes.extend_from_slice(name.as_bytes());
    }
    bytes
}

fn write_image(arch: &Arch, both: &[Instruction], answers: usize, gates: &[u8], names: &[u8]) -> Vec<u8> {
    let programs: Vec<u8> = both.iter().flat_map(pack).collect();
    let mut bytes = Vec::with_capacity(HEADER + programs.len() + gates.len() + names.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&arch.audit.to_le_bytes());
    let gate_count = gates.len() / image::GATE;
    for count in [usize::from(VERSION), programs.len(), gate_count, names.len(), answers] {
        bytes.extend_from_slice(&as_u16(count).to_le_bytes());
    }
    bytes.extend_from_slice(&programs);
    bytes.extend_from_slice(gates);
    bytes.extend_from_slice(names);
    bytes
}

/// An instruction as the image has it ([`image`]).
fn pack(instruction: &Instruction) -> Vec<u8> {
    let Instruction { code, jt, jf, k } = *instruction;
    let operation = CODES.iter().position(|known| u16::from(*known) == code);
    let operation = operation.expect("the compiler writes no other operation");
    let operand = k.to_le_bytes();
    let len = operand.len() - k.leading_zeros() as usize / 8;
    let branches = (jt, jf) != (0, 0);
    let branch = match (branches, jf) {
        (false, _) => 0,
        (true, 0) => BRANCHES | FALLS_THROUGH,
        (true, _) => BRANCHES,
    };
    let head = operation as u8 | branch | (len as u8) << 4;
    let mut bytes = vec![head];
    bytes.extend_from_slice(&operand[..len]);
    if branches {
        bytes.push(jt);
        bytes.extend(Some(jf).filter(|jf| *jf != 0));
    }
    bytes
}

fn as_u16(value: usize) -> u16 {
    u16::try_from(value).expect("bounded by MAX_INSTRUCTIONS and by the table of calls")
}
