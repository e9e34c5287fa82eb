//! From the readable policy to BPF: `default.policy` (or an operator's file) ─► [`Policy`] ─► programs ─► image.
//!
//! Shared by `init/build.rs`, which embeds the default policy, and by `capsule seccomp compile`;
//! neither the parser nor the compiler is part of the init binary. [`image`] alone is: it is the
//! contract between the two. The language is described at the top of `default.policy`.

pub mod emit;
pub mod image;
pub mod names;
pub mod parse;

pub use parse::{Cause, Error, Policy};

use emit::Instruction;
use image::{HEADER, MAGIC, MAX_INSTRUCTIONS, MODES, VERSION};

/// Compiles the text of a policy to the bytes of an image.
///
/// # Errors
/// The first mistake in the text, with its line and column.
pub fn compile(text: &str) -> Result<Vec<u8>, Error> {
    let policy = Policy::parse(text)?;
    let programs: [_; MODES] = core::array::from_fn(|mode| emit::program(&policy, mode));
    if let Some(long) = programs.iter().map(Vec::len).find(|len| *len > MAX_INSTRUCTIONS) {
        let line = text.lines().count().max(1);
        return Err(Error { line, column: 1, cause: Cause::TooLong { instructions: long } });
    }
    Ok(write_image(&programs, &killed_names(&policy)))
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

fn write_image(programs: &[Vec<Instruction>; MODES], names: &[u8]) -> Vec<u8> {
    let mut stored: Vec<Instruction> = Vec::new();
    let mut places = [(0, 0); MODES];
    for (mode, program) in programs.iter().enumerate() {
        places[mode] = match mode.checked_sub(1).filter(|before| programs[*before] == *program) {
            Some(before) => places[before],
            None => (stored.len(), program.len()),
        };
        if places[mode].0 == stored.len() {
            stored.extend(program);
        }
    }
    let mut bytes = Vec::with_capacity(HEADER + stored.len() * image::INSTRUCTION + names.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&names::ARCH.to_le_bytes());
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&as_u16(names.len()).to_le_bytes());
    for (first, count) in places {
        bytes.extend_from_slice(&as_u16(first).to_le_bytes());
        bytes.extend_from_slice(&as_u16(count).to_le_bytes());
    }
    bytes.extend_from_slice(&as_u16(stored.len()).to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    for instruction in stored {
        bytes.extend_from_slice(&instruction.to_bytes());
    }
    bytes.extend_from_slice(names);
    bytes
}

fn as_u16(value: usize) -> u16 {
    u16::try_from(value).expect("bounded by MAX_INSTRUCTIONS and by the table of calls")
}
