//! How many bits a second pass between two runs by what is left to them: one sends bits that the harness knows, one a slot,
//! the other measures in each slot and prints the numbers. `bin/rates.rs` starts both and compares.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::sys::{self, Arg};

/// One way.
struct Way {
    name: &'static str,
    /// Makes a 1 until this time.
    one: fn(u64),
    /// Measures until this time.
    measure: fn(u64) -> f64,
}

const WAYS: &[Way] = &[
    Way { name: "processes", one: many_processes, measure: |until| at_the_middle(until, processes) },
    Way { name: "open-files", one: many_files, measure: |until| at_the_middle(until, open_files) },
    Way { name: "cpu", one: compute, measure: |until| work(until, |sum| sum + 1) },
    Way { name: "memory", one: stream, measure: walk },
    Way { name: "futex", one: wait_on_page, measure: |until| at_the_middle(until, wake) },
];

/// Every way, by name.
pub fn ways() -> impl Iterator<Item = &'static str> {
    WAYS.iter().map(|way| way.name)
}

/// The bits that are sent: first ones and zeros in turn, by which the harness learns what each looks like.
pub fn bits(count: usize) -> impl Iterator<Item = bool> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..count).map(move |at| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if at < PREAMBLE { at % 2 == 0 } else { state >> 40 & 1 == 1 }
    })
}

/// How many bits are known to both.
pub const PREAMBLE: usize = 16;

/// One side: `send` or `receive`, so many bits, slots of so many microseconds, from this moment on (CLOCK_MONOTONIC).
pub fn run(name: &str, side: &str, [count, slot, start]: [u64; 3]) -> ExitCode {
    let Some(way) = WAYS.iter().find(|way| way.name == name) else { return ExitCode::FAILURE };
    let slot = slot * 1_000;
    let mut measured = String::new();
    for (at, bit) in (0..).zip(bits(count as usize)) {
        let begin = start + at * slot;
        sleep_until(begin);
        if side == "receive" {
            measured += &format!("{} ", (way.measure)(begin + slot));
        } else if bit {
            // Ends a little early, so that it does not reach into the next slot.
            (way.one)(begin + slot * 9 / 10);
        }
    }
    println!("{measured}");
    ExitCode::SUCCESS
}

/// CLOCK_MONOTONIC, the same in all sandboxes.
pub fn now() -> u64 {
    let mut time = [0; 16];
    sys::call(libc::SYS_clock_gettime, &mut [Arg::N(libc::CLOCK_MONOTONIC.into()), Arg::W(&mut time)]).ok();
    let field = |at| u64::from_ne_bytes(time[at..at + 8].try_into().unwrap_or_default());
    field(0) * 1_000_000_000 + field(8)
}

fn sleep_until(until: u64) {
    while let left @ 1.. = until.saturating_sub(now()) {
        // What a sleep may take longer is spent awake.
        match left.checked_sub(200_000) {
            Some(sleep) => thread::sleep(Duration::from_nanos(sleep)),
            None => std::hint::spin_loop(),
        }
    }
}

fn at_the_middle(until: u64, look: fn() -> f64) -> f64 {
    let begun = now();
    sleep_until(begun + until.saturating_sub(begun) / 2);
    look()
}

fn many_processes(until: u64) {
    let children: Vec<_> = (0..40)
        .filter_map(|_| match sys::fork() {
            Ok(None) => {
                sleep_until(until);
                sys::leave(0)
            }
            made => made.ok().flatten(),
        })
        .collect();
    for child in children {
        let _reaped = sys::wait_for(child);
    }
}

/// sysinfo(2): the processes of the machine.
fn processes() -> f64 {
    let mut info = [0; 128];
    sys::call(libc::SYS_sysinfo, &mut [Arg::W(&mut info)]).ok();
    u16::from_ne_bytes([info[80], info[81]]).into()
}

fn many_files(until: u64) {
    let files: Vec<_> = (0..40).map(|_| File::open("/dev/null")).collect();
    sleep_until(until);
    drop(files);
}

fn open_files() -> f64 {
    let text = fs::read_to_string("/proc/sys/fs/file-nr").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

fn compute(until: u64) {
    work(until, |sum| sum + 1);
}

/// How much of it can be done.
fn work(until: u64, mut step: impl FnMut(u64) -> u64) -> f64 {
    let mut done = 0u64;
    while now() < until {
        for _ in 0..100 {
            done = black_box(step(done));
        }
    }
    done as f64
}

/// More than caches hold.
const LARGE: usize = 64 << 20;

fn stream(until: u64) {
    let mut from = vec![1u8; LARGE];
    while now() < until {
        for line in from.chunks_mut(64).take(20_000) {
            line[0] = line[0].wrapping_add(1);
        }
        black_box(&from);
        from.rotate_left(4096);
    }
}

/// Reads of memory that no cache has.
fn walk(until: u64) -> f64 {
    thread_local!(static MEMORY: Vec<u8> = vec![1; LARGE]);
    MEMORY.with(|memory| {
        let mut at = 0usize;
        work(until, |sum| {
            at = (at + 4096 * 61 + 64) % memory.len();
            sum + u64::from(black_box(memory[at]))
        })
    })
}

/// A page of the root that both have mapped.
const SHARED: &str = "/bin/bash";

fn shared_page() -> Option<usize> {
    thread_local!(static PAGE: Option<usize> = map());
    fn map() -> Option<usize> {
        let mut head = [0; 1];
        let mut file = File::open(SHARED).ok()?;
        file.read_exact(&mut head).ok()?;
        sys::map_file(file.as_raw_fd())
    }
    PAGE.with(|page| *page)
}

fn wait_on_page(until: u64) {
    let Some(page) = shared_page() else { return };
    // The word's own value, or the kernel does not wait.
    let word = i64::from(u32::from_ne_bytes(*b"\x7fELF"));
    let left = until.saturating_sub(now());
    let time: Vec<u8> =
        [left / 1_000_000_000, left % 1_000_000_000].iter().flat_map(|field| field.to_ne_bytes()).collect();
    let wait = Arg::N(libc::FUTEX_WAIT.into());
    sys::call(libc::SYS_futex, &mut [Arg::N(page as i64), wait, Arg::N(word), Arg::R(&time)]).ok();
    sleep_until(until);
}

/// How many wait there.
fn wake() -> f64 {
    let Some(page) = shared_page() else { return 0.0 };
    let wake = Arg::N(libc::FUTEX_WAKE.into());
    sys::call(libc::SYS_futex, &mut [Arg::N(page as i64), wake, Arg::N(100)]).unwrap_or(0) as f64
}
