//! The compiled policy as bytes: what `capsule seccomp compile` writes and `init` reads.
//!
//! ```text
//!  0  magic "capsule\xb5"          12  version u16        16  gates u16
//!  8  audit architecture u32       14  instructions u16   18  bytes of names u16
//! 20  the program for mode 0: instructions, each 8 bytes as `struct sock_filter`
//!     gates, each 8 bytes: index of an instruction u16, modes u16 (bit n for mode n), its operand then u32
//!     names of the calls that the policy kills, for the report: number u16, length u8, text
//! ```
//!
//! A mode is 0 to 2 for `--net` none, loopback and host, and 3 more where the device nodes are the host's.
//! All numbers are little-endian. This file is part of two programs, one of them without std or heap: it only
//! splits bytes.

/// First bytes of every compiled policy; the last one is no UTF-8, so no text file starts so.
pub const MAGIC: [u8; 8] = *b"capsule\xb5";
/// Changes whenever a byte of the layout changes its meaning.
pub const VERSION: u16 = 2;
/// Bytes before the first instruction.
pub const HEADER: usize = 20;
/// One `struct sock_filter`: code u16, jt u8, jf u8, k u32.
pub const INSTRUCTION: usize = 8;
/// One gate.
pub const GATE: usize = 8;
/// Longest program: init patches a copy of it on its stack (8 KiB). The kernel would take 4096.
pub const MAX_INSTRUCTIONS: usize = 1024;
/// Longest image that a reader has to have room for: such a program, a gate at every third instruction, and the names
/// of all calls.
pub const MAX_IMAGE: usize = 20 << 10;

/// A compiled policy whose layout was checked; borrowed, never copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    program: &'a [[u8; INSTRUCTION]],
    gates: &'a [[u8; GATE]],
    names: &'a [u8],
}

/// Why bytes are not a compiled policy of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The first bytes are not [`MAGIC`].
    NotAPolicy,
    /// For another processor.
    Architecture,
    /// Written by another version of the compiler.
    Version,
    /// Shorter or longer than its own header says, or with a program that is empty or too long.
    Length,
    /// A gate or a name points outside.
    Content,
}

impl<'a> Image<'a> {
    /// Checks the layout. Whether the instructions are sound, the kernel checks when it takes them.
    ///
    /// # Errors
    /// The first [`Defect`] in the order of the file.
    pub fn parse(bytes: &'a [u8], arch: u32) -> Result<Self, Defect> {
        let (header, body) = bytes.split_first_chunk::<HEADER>().ok_or(Defect::NotAPolicy)?;
        let [magic @ .., a0, a1, a2, a3, v0, v1, i0, i1, g0, g1, n0, n1] = *header;
        if magic != MAGIC {
            return Err(Defect::NotAPolicy);
        }
        if u32::from_le_bytes([a0, a1, a2, a3]) != arch {
            return Err(Defect::Architecture);
        }
        if u16::from_le_bytes([v0, v1]) != VERSION {
            return Err(Defect::Version);
        }
        let [instructions, gates, names] =
            [[i0, i1], [g0, g1], [n0, n1]].map(|bytes| usize::from(u16::from_le_bytes(bytes)));
        let (program, rest) = body.split_at_checked(instructions * INSTRUCTION).ok_or(Defect::Length)?;
        let (gates, rest) = rest.split_at_checked(gates * GATE).ok_or(Defect::Length)?;
        if !(1..=MAX_INSTRUCTIONS).contains(&instructions) || rest.len() != names {
            return Err(Defect::Length);
        }
        let image = Image { program: program.as_chunks().0, gates: gates.as_chunks().0, names: rest };
        if image.is_consistent() { Ok(image) } else { Err(Defect::Content) }
    }

    /// Copies the program of a mode to the front of `buffer`, and returns it.
    pub fn program<'b>(
        &self,
        mode: u16,
        buffer: &'b mut [[u8; INSTRUCTION]; MAX_INSTRUCTIONS],
    ) -> &'b mut [[u8; INSTRUCTION]] {
        let program = buffer.get_mut(..self.program.len()).unwrap_or_default();
        for (place, instruction) in program.iter_mut().zip(self.program) {
            *place = *instruction;
        }
        for [i0, i1, m0, m1, operand @ ..] in self.gates {
            let gate = program.get_mut(usize::from(u16::from_le_bytes([*i0, *i1])));
            let is_for_mode = u16::from_le_bytes([*m0, *m1]) >> mode & 1 == 1;
            if let (Some([_, _, _, _, place @ ..]), true) = (gate, is_for_mode) {
                *place = *operand;
            }
        }
        program
    }

    /// The name of a call that the policy kills, in letters, digits and `_`; `None` for every other number.
    pub fn name(&self, number: u32) -> Option<&'a [u8]> {
        let mut rest = self.names;
        while let Some((entry, name, tail)) = split_name(rest) {
            if u32::from(entry) == number {
                return Some(name);
            }
            rest = tail;
        }
        None
    }

    fn is_consistent(&self) -> bool {
        let inside =
            |gate: &[u8; GATE]| usize::from(u16::from_le_bytes([gate[0], gate[1]])) < self.program.len();
        let mut rest = self.names;
        while let Some((_, _, tail)) = split_name(rest) {
            rest = tail;
        }
        rest.is_empty() && self.gates.iter().all(inside)
    }
}

/// One entry off the front: number, text, the rest. The report prints the text without escapes.
fn split_name(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let ([n0, n1, len], rest) = bytes.split_first_chunk()?;
    let (text, tail) = rest.split_at_checked(usize::from(*len))?;
    let plain = text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    plain.then_some((u16::from_le_bytes([*n0, *n1]), text, tail))
}
