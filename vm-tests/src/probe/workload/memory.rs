//! Workloads that use memory. Amounts are in MiB.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Program, UNREACHED, errno, number};
use crate::probe::sys::{self, Arg};

/// Every workload of this kind, by name.
pub(super) const PROGRAMS: &[(&str, Program)] = &[
    ("memory-heap", |args| keep(touch(number(args)))),
    ("memory-small-blocks", memory_small_blocks),
    ("memory-child", memory_child),
    ("memory-children", memory_children),
    ("memory-file", memory_file),
    ("memory-memfd", memory_memfd),
    ("memory-static", memory_static),
    ("memory-shared", memory_shared),
    ("memory-system-v", memory_system_v),
    ("memory-pipes", memory_pipes),
    ("memory-page-tables", memory_page_tables),
    ("memory-reserve", memory_reserve),
    ("stack", stack),
];

/// Every page of it written.
fn touch(mebibytes: usize) -> Vec<u8> {
    let mut memory = Vec::with_capacity(mebibytes << 20);
    while memory.len() < memory.capacity() {
        memory.push(1);
    }
    memory
}

fn keep(memory: Vec<u8>) -> u8 {
    u8::from(black_box(memory).is_empty())
}

fn memory_small_blocks(args: &[&str]) -> u8 {
    let blocks: Vec<Vec<u8>> = (0..number(args) << 10).map(|_| vec![1; 1000]).collect();
    u8::from(black_box(blocks).is_empty())
}

/// The child asks for too much, and the parent would exit with 0.
fn memory_child(args: &[&str]) -> u8 {
    let amount = number(args);
    sys::in_child(|| keep(touch(amount))).ok();
    0
}

/// Eight children with an eighth each, alive at the same time.
fn memory_children(args: &[&str]) -> u8 {
    let share = number(args) / 8;
    for _ in 0..8 {
        if let Ok(None) = sys::fork() {
            let memory = touch(share);
            thread::sleep(Duration::from_secs(20));
            sys::leave(i32::from(keep(memory)));
        }
    }
    thread::sleep(Duration::from_secs(20));
    0
}

/// In files of one MiB, below /tmp or the directory in the second argument.
fn memory_file(args: &[&str]) -> u8 {
    let block = vec![1; 1 << 20];
    let directory = args.get(1).unwrap_or(&"/tmp");
    let written = (0..number(args)).try_for_each(|index| {
        let mut file = File::create(format!("{directory}/{index}"))?;
        file.write_all(&block)
    });
    written.map_or_else(|cause| errno(&cause), |()| 0)
}

fn memory_memfd(args: &[&str]) -> u8 {
    let created = rustix::fs::memfd_create("memory", rustix::fs::MemfdFlags::empty());
    let Ok(memfd) = created else { return UNREACHED };
    let (mut file, block) = (File::from(memfd), vec![1; 1 << 20]);
    let written = (0..number(args)).try_for_each(|_| file.write_all(&block));
    written.map_or_else(|cause| errno(&cause), |()| 0)
}

/// A static array, all of it touched.
fn memory_static(_: &[&str]) -> u8 {
    // Plain bytes: of an array of anything else the compiler looks at each element, for more than a minute.
    static ARRAY: Mutex<[u8; 128 << 20]> = Mutex::new([0; 128 << 20]);
    let mut array = ARRAY.lock().unwrap_or_else(PoisonError::into_inner);
    for page in array.iter_mut().step_by(4096) {
        *page = 1;
    }
    black_box(&array)[4096] - 1
}

/// Anonymous memory that children would share.
fn memory_shared(args: &[&str]) -> u8 {
    match sys::map_anonymous(number(args) << 20, libc::MAP_SHARED) {
        Some(memory) => touch_all(memory, 4096),
        None => UNREACHED,
    }
}

fn memory_system_v(args: &[&str]) -> u8 {
    match sys::map_system_v(number(args) << 20) {
        Some(memory) => touch_all(memory, 4096),
        None => UNREACHED,
    }
}

/// Two pages for each page that is touched: it and its table.
fn memory_page_tables(args: &[&str]) -> u8 {
    match sys::map_anonymous(number(args) << 20, libc::MAP_PRIVATE | libc::MAP_NORESERVE) {
        Some(memory) => touch_all(memory, 2 << 20),
        None => UNREACHED,
    }
}

fn touch_all(memory: &mut [u8], step: usize) -> u8 {
    memory.iter_mut().step_by(step).for_each(|byte| *byte = 1);
    u8::from(black_box(memory).is_empty())
}

/// Pipes as large as they get, all full: memory of the kernel's.
fn memory_pipes(args: &[&str]) -> u8 {
    let mut kept = Vec::new();
    for _ in 0..number(args) {
        let Ok((reader, writer)) = io::pipe() else { return UNREACHED };
        let (descriptor, block) = (writer.as_raw_fd().into(), vec![1; 1 << 20]);
        let mut grow = [Arg::N(descriptor), Arg::N(libc::F_SETPIPE_SZ.into()), Arg::N(1 << 20)];
        let Ok(size) = sys::call(libc::SYS_fcntl, &mut grow) else { return UNREACHED };
        if sys::call(libc::SYS_write, &mut [Arg::N(descriptor), Arg::R(&block), Arg::N(size)]).is_err() {
            return UNREACHED;
        }
        kept.push((reader, writer));
    }
    u8::from(kept.is_empty())
}

/// Address space without memory.
fn memory_reserve(args: &[&str]) -> u8 {
    let reserved: Vec<u8> = Vec::with_capacity(number(args) << 20);
    u8::from(black_box(reserved).capacity() == 0)
}

fn stack(args: &[&str]) -> u8 {
    // std's own handler would turn the overflow into an abort.
    sys::default_action(libc::SIGSEGV);
    black_box(sys::recurse(number(args) << 20));
    0
}
