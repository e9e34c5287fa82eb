//! The kernels: equal work each time, and each of another kind.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read};
use std::mem;
use std::path::Path;

use memmap2::MmapMut;

use super::not_measured;
use crate::error::Error;

/// A kernel.
pub(super) struct KernelCode {
    pub(super) name: &'static str,
    /// Its time on the machine whose speed is 1, in microseconds.
    pub(super) reference_us: f64,
    work: fn(&mut Memory) -> io::Result<()>,
}

impl KernelCode {
    /// Does the work once.
    pub(super) fn run(&self, memory: &mut Memory) -> Result<(), Error> {
        (self.work)(memory).map_err(|error| not_measured(&format!("kernel `{}`", self.name), error))
    }
}

pub(super) const KERNELS: [KernelCode; 6] = [
    KernelCode { name: "arithmetic", reference_us: 2000.0, work: arithmetic },
    KernelCode { name: "branches", reference_us: 2000.0, work: branches },
    KernelCode { name: "cache", reference_us: 2000.0, work: cache },
    KernelCode { name: "memory", reference_us: 2000.0, work: memory },
    KernelCode { name: "system calls", reference_us: 2000.0, work: system_calls },
    KernelCode { name: "page faults", reference_us: 2000.0, work: page_faults },
];

/// Words that fit into a core's own cache, and words that fit into no cache.
const SMALL: usize = (128 << 10) / 8;
const LARGE: usize = (64 << 20) / 8;

/// What the kernels work on: each word is the place of the next one, in an order that no prefetcher knows.
pub(super) struct Memory {
    small: Vec<u64>,
    large: Vec<u64>,
    zeros: File,
}

impl Memory {
    pub(super) fn new() -> Result<Memory, Error> {
        let path = Path::new("/dev/zero");
        let zeros = File::open(path).map_err(|error| Error::read(path, error))?;
        Ok(Memory { small: chain(SMALL), large: chain(LARGE), zeros })
    }
}

/// One cycle through all words: a full-period generator modulo a power of two (Hull and Dobell).
fn chain(length: usize) -> Vec<u64> {
    let mask = length as u64 - 1;
    (0..length as u64).map(|place| place.wrapping_mul(0x5851_f42d).wrapping_add(0x1405_7b7f) & mask).collect()
}

fn arithmetic(_: &mut Memory) -> io::Result<()> {
    let mut state = black_box(1_u64);
    for _ in 0..600_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^= state >> 29;
    }
    black_box(state);
    Ok(())
}

fn branches(_: &mut Memory) -> io::Result<()> {
    let (mut state, mut count) = (black_box(0x9e37_79b9_u32), 0_u64);
    for _ in 0..200_000 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // No predictor knows this bit, and no compiler makes a sum of it.
        if state & 1 == 0 {
            count = black_box(count) + 1;
        }
    }
    black_box(count);
    Ok(())
}

fn cache(memory: &mut Memory) -> io::Result<()> {
    black_box(walk(&memory.small, 400_000));
    Ok(())
}

fn memory(memory: &mut Memory) -> io::Result<()> {
    black_box(walk(&memory.large, 20_000));
    Ok(())
}

fn walk(chain: &[u64], steps: usize) -> u64 {
    let mut place = black_box(0_u64);
    for _ in 0..steps {
        place = chain[place as usize % chain.len()];
    }
    place
}

fn system_calls(memory: &mut Memory) -> io::Result<()> {
    let mut byte = [0];
    for _ in 0..8_000 {
        black_box(memory.zeros.read(&mut byte)?);
    }
    Ok(())
}

fn page_faults(_: &mut Memory) -> io::Result<()> {
    const BYTES: usize = 4 << 20;
    let mut map = MmapMut::map_anon(BYTES)?;
    map.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    black_box(&map);
    Ok(())
}

/// So many objects, and so many steps with them: some 50 ms, and 4 MiB.
const OBJECTS: u64 = 50_000;
const STEPS: u64 = 2_000_000;

/// What a program with a heap does, an interpreter for example: small objects that are made, found through pointers, and
/// dispatched on. Which pages and addresses it has for them is different in each process.
pub(super) fn program() {
    let mut objects: Vec<Box<[u64; 6]>> = (0..OBJECTS).map(|number| Box::new([number; 6])).collect();
    let (mut state, mut sum) = (black_box(1_u64), 0_u64);
    for _ in 0..STEPS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let object = &mut objects[(state >> 33) as usize % OBJECTS as usize];
        match object[0] & 7 {
            0 => object[1] = object[1].wrapping_add(sum),
            1 => object[2] ^= state,
            2 => sum = sum.wrapping_add(object[3]),
            3 => object[0] = object[0].rotate_left(5),
            // The allocator's part.
            4 => drop(mem::replace(object, Box::new([sum; 6]))),
            5 => sum ^= object[4],
            6 => object[5] = object[5].wrapping_mul(state | 1),
            _ => object[0] = object[0].wrapping_add(1),
        }
    }
    black_box((objects, sum));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_comes_back_only_after_all_its_words() {
        let chain = chain(1 << 12);
        let mut place = 0;
        for step in 1..=chain.len() {
            place = chain[place] as usize;
            assert_eq!(place == 0, step == chain.len(), "{step}");
        }
    }
}
