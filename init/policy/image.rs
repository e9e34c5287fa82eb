//! The compiled policy as bytes: what `capsule seccomp compile` writes and `init` reads.
//!
//! ```text
//!  0  magic "capsule\xb5"          12  version u16                   16  gates u16
//!  8  audit architecture u32       14  bytes of the programs u16     18  bytes of names u16
//!                                                                  20  instructions of the answers u16
//! 22  the programs for mode 0: instructions, each of 1 to 7 bytes
//!         answers: what happens to every call
//!         reports: the same for a call that the policy kills, and every other call is allowed
//!     gates, each 6 bytes: index of an instruction u16, modes u16 (bit n for mode n), its operand then u16
//!     names of the calls that the policy kills, for the report: number u16, length u8, text
//! ```
//!
//! An instruction begins with a byte of which bits 0 to 2 say which operation of [`CODES`] it is, bit 3 whether it jumps on
//! a condition, and bits 4 to 6 how many bytes its operand has. Those follow, the lowest first, then the two distances of
//! a jump; with bit 7 the second is 0 and left out. The program is less than half as long so as an array of
//! `struct sock_filter`.
//!
//! The reports are a tenth of the answers. PID 1 of a sandbox and all its processes have them, the submission both
//! (`src/seccomp.rs`).
//!
//! A mode is 0 to 2 for `--net` none, loopback and host, 3 more where the device nodes are the host's, and 6 more where the
//! run can write to the host's disks.
//! All numbers are little-endian. This file is part of two programs, one of them without std or heap: it only
//! splits bytes.

/// First bytes of every compiled policy; the last one is not UTF-8, so no text file starts with them.
pub const MAGIC: [u8; 8] = *b"capsule\xb5";
/// Changes whenever a byte of the layout changes its meaning.
pub const VERSION: u16 = 4;
/// Bytes before the first instruction.
pub const HEADER: usize = 22;
/// One `struct sock_filter`: code u16, jt u8, jf u8, k u32.
pub const INSTRUCTION: usize = 8;
/// One gate.
pub const GATE: usize = 6;
/// The operations of a program (linux/bpf_common.h): load a word, and, jump, return, and jump if equal, greater, at least.
pub const CODES: [u8; 8] = [0x20, 0x54, 0x05, 0x06, 0x15, 0x25, 0x35, 0];
/// In the first byte of an instruction: two distances follow the operand.
pub const BRANCHES: u8 = 8;
/// In the first byte of an instruction: of the two only the first follows.
pub const FALLS_THROUGH: u8 = 0x80;
/// Both programs together: init patches a copy of them on its stack (8 KiB). The kernel would take 4096 for each.
pub const MAX_INSTRUCTIONS: usize = 1024;
/// Longest image that a reader has to have room for: such programs, a gate at every third instruction, and the names
/// of all calls.
pub const MAX_IMAGE: usize = 20 << 10;

/// A compiled policy whose layout was checked; borrowed, never copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    programs: &'a [u8],
    /// Instructions of the first program.
    answers: usize,
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
    /// Shorter or longer than its own header says.
    Length,
    /// A program is empty or too long, or a gate or a name points outside.
    Content,
}

impl<'a> Image<'a> {
    /// Checks the layout. Whether the instructions are sound, the kernel checks when it takes them.
    ///
    /// # Errors
    /// The first [`Defect`] in the order of the file.
    pub fn parse(bytes: &'a [u8], arch: u32) -> Result<Self, Defect> {
        let (header, body) = bytes.split_first_chunk::<HEADER>().ok_or(Defect::NotAPolicy)?;
        let [magic @ .., a0, a1, a2, a3, v0, v1, p0, p1, g0, g1, n0, n1, f0, f1] = *header;
        if magic != MAGIC {
            return Err(Defect::NotAPolicy);
        }
        if u32::from_le_bytes([a0, a1, a2, a3]) != arch {
            return Err(Defect::Architecture);
        }
        if u16::from_le_bytes([v0, v1]) != VERSION {
            return Err(Defect::Version);
        }
        let [programs, gates, names, answers] =
            [[p0, p1], [g0, g1], [n0, n1], [f0, f1]].map(|bytes| usize::from(u16::from_le_bytes(bytes)));
        let (programs, rest) = body.split_at_checked(programs).ok_or(Defect::Length)?;
        let (gates, rest) = rest.split_at_checked(gates * GATE).ok_or(Defect::Length)?;
        if rest.len() != names {
            return Err(Defect::Length);
        }
        let image = Image { programs, answers, gates: gates.as_chunks().0, names: rest };
        if image.is_consistent() { Ok(image) } else { Err(Defect::Content) }
    }

    /// Writes the programs of a mode to the front of `buffer`, and returns them: the answers, and the reports.
    pub fn programs<'b>(
        &self,
        mode: u16,
        buffer: &'b mut [[u8; INSTRUCTION]; MAX_INSTRUCTIONS],
    ) -> [&'b mut [[u8; INSTRUCTION]]; 2] {
        let (mut len, mut rest) = (0, self.programs);
        while let (Some(place), Some((instruction, tail))) = (buffer.get_mut(len), split_instruction(rest)) {
            *place = instruction;
            (len, rest) = (len + 1, tail);
        }
        let both = buffer.get_mut(..len).unwrap_or_default();
        for [i0, i1, m0, m1, operand @ ..] in self.gates {
            let gate = both.get_mut(usize::from(u16::from_le_bytes([*i0, *i1])));
            let is_for_mode = u16::from_le_bytes([*m0, *m1]) >> mode & 1 == 1;
            if let (Some([_, _, _, _, low @ .., _, _]), true) = (gate, is_for_mode) {
                *low = *operand;
            }
        }
        both.split_at_mut_checked(self.answers)
            .map_or([&mut [], &mut []], |(answers, reports)| [answers, reports])
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
        let (mut len, mut rest) = (0, self.programs);
        while let Some((_, tail)) = split_instruction(rest) {
            (len, rest) = (len + 1, tail);
        }
        if !rest.is_empty() || len > MAX_INSTRUCTIONS || !(1..len).contains(&self.answers) {
            return false;
        }
        let inside = |gate: &[u8; GATE]| usize::from(u16::from_le_bytes([gate[0], gate[1]])) < len;
        let mut rest = self.names;
        while let Some((_, _, tail)) = split_name(rest) {
            rest = tail;
        }
        rest.is_empty() && self.gates.iter().all(inside)
    }
}

/// One instruction off the front, as the kernel reads it; the rest.
fn split_instruction(bytes: &[u8]) -> Option<([u8; INSTRUCTION], &[u8])> {
    let (head, rest) = bytes.split_first()?;
    let (given, mut rest) = rest.split_at_checked(usize::from(head >> 4 & 7))?;
    let mut instruction = [0; INSTRUCTION];
    let [code, _, jt, jf, operand @ ..] = &mut instruction;
    *code = CODES[usize::from(head % BRANCHES)];
    operand.get_mut(..given.len())?.copy_from_slice(given);
    if head & BRANCHES != 0 {
        let (holds, tail) = rest.split_first()?;
        (*jt, rest) = (*holds, tail);
        if head & FALLS_THROUGH == 0 {
            let (fails, tail) = rest.split_first()?;
            (*jf, rest) = (*fails, tail);
        }
    }
    Some((instruction, rest))
}

/// One entry off the front: number, text, the rest. The report prints the text without escapes.
fn split_name(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let ([n0, n1, len], rest) = bytes.split_first_chunk()?;
    let (text, tail) = rest.split_at_checked(usize::from(*len))?;
    let plain = text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    plain.then_some((u16::from_le_bytes([*n0, *n1]), text, tail))
}
