//! The compiled policy as bytes: what `capsule seccomp compile` writes and `init` reads.
//!
//! All numbers are little-endian. A header of [`HEADER`] bytes, then one BPF program for each
//! `--net` mode back to back (equal neighbours are stored once), then the names of the calls the
//! policy kills, for the report:
//!
//! ```text
//!  0  magic "capsule\xb5"       12  version u16 = 1        14  bytes of names u16
//!  8  audit architecture u32    16  three times: first instruction u16, instructions u16
//! 28  instructions of all programs u16, u16 zero
//! 32  instructions, 8 bytes each as `struct sock_filter`; names: number u16, length u8, text
//! ```
//!
//! This file is part of two programs, one of them without std or heap: it only splits bytes.

/// First bytes of every compiled policy; the last one is no UTF-8, so no text file starts so.
pub const MAGIC: [u8; 8] = *b"capsule\xb5";
/// Changes whenever a byte of the layout changes its meaning.
pub const VERSION: u16 = 1;
/// Bytes before the first instruction.
pub const HEADER: usize = 32;
/// One `struct sock_filter`: code u16, jt u8, jf u8, k u32.
pub const INSTRUCTION: usize = 8;
/// Longest program: init patches a copy of it on its stack (8 KiB). The kernel would take 4096.
pub const MAX_INSTRUCTIONS: usize = 1024;
/// Longest whole image: three programs and the names of all calls fit, so a reader's buffer can be this.
pub const MAX_IMAGE: usize = HEADER + 3 * MAX_INSTRUCTIONS * INSTRUCTION + 8 * 1024;
/// How many `--net` modes there are: none, loopback, host, in this order.
pub const MODES: usize = 3;

/// A compiled policy whose layout was checked; borrowed, never copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    programs: [&'a [[u8; INSTRUCTION]]; MODES],
    names: &'a [u8],
}

/// Why bytes are not a compiled policy of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The first bytes are not [`MAGIC`].
    NotAPolicy,
    /// Written by another version of the compiler.
    Version,
    /// For another processor.
    Architecture,
    /// Shorter or longer than its own header says.
    Length,
    /// A program is empty, longer than [`MAX_INSTRUCTIONS`], or outside the file.
    Program,
    /// The list of names does not come out even, or holds something else than names.
    Names,
}

impl Defect {
    /// The cause, as one line ends with it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Defect::NotAPolicy => "is not a compiled policy",
            Defect::Version => "was compiled by another version",
            Defect::Architecture => "was compiled for another processor",
            Defect::Length => "is cut off or has bytes too many",
            Defect::Program => "holds a program that is empty, too long or out of place",
            Defect::Names => "holds a broken list of names",
        }
    }
}

impl<'a> Image<'a> {
    /// Checks the layout. Whether the instructions are sound, the kernel checks when it takes them.
    ///
    /// # Errors
    /// The first [`Defect`] in the order of the file.
    pub fn parse(bytes: &'a [u8], arch: u32) -> Result<Self, Defect> {
        if bytes.get(..8) != Some(&MAGIC) {
            return Err(Defect::NotAPolicy);
        }
        if u16_at(bytes, 12) != Some(VERSION) {
            return Err(Defect::Version);
        }
        if u32_at(bytes, 8) != Some(arch) {
            return Err(Defect::Architecture);
        }
        let word = |offset| u16_at(bytes, offset).map(usize::from).ok_or(Defect::Length);
        let (all, names_len) = (word(28)?, word(14)?);
        let names_at = HEADER + all * INSTRUCTION;
        if bytes.len() != names_at + names_len {
            return Err(Defect::Length);
        }
        let (instructions, _) = bytes.get(HEADER..names_at).ok_or(Defect::Length)?.as_chunks::<INSTRUCTION>();
        let mut programs: [&[[u8; INSTRUCTION]]; MODES] = [&[]; MODES];
        for (mode, program) in programs.iter_mut().enumerate() {
            let (first, count) = (word(16 + 4 * mode)?, word(18 + 4 * mode)?);
            *program = instructions.get(first..first + count).ok_or(Defect::Program)?;
            if program.is_empty() || program.len() > MAX_INSTRUCTIONS {
                return Err(Defect::Program);
            }
        }
        let names = bytes.get(names_at..).ok_or(Defect::Length)?;
        names_are_whole(names).then_some(Image { programs, names }).ok_or(Defect::Names)
    }

    /// The program of a mode, by its place in [`MODES`]; the last one for any number beyond.
    pub fn program(&self, mode: usize) -> &'a [[u8; INSTRUCTION]] {
        self.programs[mode.min(MODES - 1)]
    }

    /// The name of a call that the policy kills; `None` for every other number.
    pub fn name(&self, number: u32) -> Option<&'a str> {
        let mut rest = self.names;
        while let Some((entry, name, tail)) = split_name(rest) {
            if u32::from(entry) == number {
                return Some(name);
            }
            rest = tail;
        }
        None
    }
}

fn names_are_whole(mut rest: &[u8]) -> bool {
    while let Some((_, _, tail)) = split_name(rest) {
        rest = tail;
    }
    rest.is_empty()
}

/// One entry off the front: number, text, the rest. Text is letters, digits and `_`, so that a
/// report can print it without escapes.
fn split_name(bytes: &[u8]) -> Option<(u16, &str, &[u8])> {
    let (number, len) = (u16_at(bytes, 0)?, usize::from(*bytes.get(2)?));
    let text = bytes.get(3..3 + len)?;
    let plain = text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let text = core::str::from_utf8(text).ok().filter(|_| plain && len > 0)?;
    Some((number, text, &bytes[3 + len..]))
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(offset..offset + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(offset..offset + 4)?.try_into().ok()?))
}
