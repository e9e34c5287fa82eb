//! From the readable policy to BPF: `default.policy` (or an operator's file) ─► [`Policy`] ─► programs ─► image.
//!
//! Shared by `init/build.rs`, which embeds the default policy, and by `capsule seccomp compile`;
//! neither the parser nor the compiler is part of the init binary. [`image`] alone is: it is the
//! contract between the two. The language is described at the top of `default.policy`.

pub mod emit;
pub mod image;
pub mod names;
pub mod parse;

use std::collections::BTreeMap;

pub use parse::{Cause, Error, Policy};

use emit::Instruction;
use image::{HEADER, INSTRUCTION, MAGIC, MAX_INSTRUCTIONS, VERSION};
use parse::MODES;

/// Compiles the text of a policy to the bytes of an image.
///
/// # Errors
/// The first mistake in the text, with its line and column.
pub fn compile(text: &str) -> Result<Vec<u8>, Error> {
    let policy = Policy::parse(text)?;
    let programs: [_; MODES] = core::array::from_fn(|mode| emit::program(&policy, mode));
    let [program, ..] = &programs;
    if program.len() > MAX_INSTRUCTIONS {
        let line = text.lines().count().max(1);
        return Err(Error { line, column: 1, cause: Cause::TooLong { instructions: program.len() } });
    }
    Ok(write_image(program, &gates(&programs), &killed_names(&policy)))
}

/// Where the programs of the other modes differ from the first, and in which modes.
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
        bytes.extend_from_slice(&operand.to_le_bytes());
    }
    bytes
}

/// Number, length and name of every call that some line kills.
fn killed_names(policy: &Policy) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, name) in names::calls().filter(|(number, _)| policy.kills(*number)) {
        bytes.extend_from_slice(&as_u16(number as usize).to_le_bytes());
        bytes.push(u8::try_from(name.len()).expect("no call has a name of 256 letters"));
        bytes.extend_from_slice(name.as_bytes());
    }
    bytes
}

fn write_image(program: &[Instruction], gates: &[u8], names: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + program.len() * INSTRUCTION + gates.len() + names.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&names::ARCH.to_le_bytes());
    for count in [usize::from(VERSION), program.len(), gates.len() / image::GATE, names.len()] {
        bytes.extend_from_slice(&as_u16(count).to_le_bytes());
    }
    for instruction in program {
        bytes.extend_from_slice(&instruction.to_bytes());
    }
    bytes.extend_from_slice(gates);
    bytes.extend_from_slice(names);
    bytes
}

fn as_u16(value: usize) -> u16 {
    u16::try_from(value).expect("bounded by MAX_INSTRUCTIONS and by the table of calls")
}
