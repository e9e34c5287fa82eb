//! Seccomp policies: any text is a policy, or an error with a line. Init accepts every policy that compiles.

// As in `capsule seccomp compile`: the language is part of no crate, because init's build script uses it, too.
#[allow(dead_code)]
#[path = "../../../init/policy/mod.rs"]
mod policy;

use policy::arch::X86_64;
use policy::image::{INSTRUCTION, Image, MAX_IMAGE, MAX_INSTRUCTIONS};
use policy::rules::MODES;
use policy::{Policy, emit};

/// Returns whether the bytes are valid.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let bytes = match policy::compile(text, &X86_64) {
        Ok(bytes) => bytes,
        Err(error) => {
            assert!((1..=text.lines().count().max(1)).contains(&error.line) && error.column > 0, "{error}");
            return false;
        }
    };
    assert!(bytes.len() <= MAX_IMAGE, "{} bytes", bytes.len());
    let image = Image::parse(&bytes, X86_64.audit).expect("init reads what was compiled");
    let policy = Policy::parse(text, &X86_64).expect("it was compiled");
    let mut buffer = [[0; INSTRUCTION]; MAX_INSTRUCTIONS];
    for mode in 0..MODES {
        let expected = [emit::program(&policy, mode), emit::program(&emit::reports(&policy), mode)];
        for (expected, program) in expected.iter().zip(image.programs(mode as u16, &mut buffer)) {
            let expected = expected.iter().map(|instruction| instruction.to_bytes());
            assert!(expected.eq(program.iter().copied()), "mode {mode}");
        }
    }
    true
}
