//! Programs with a known end: what a judge sees of submissions that are wrong, greedy, or just unusual.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::setsid;

use super::sys::{self, Arg};

type Program = fn(&[&str]) -> u8;

/// Every program by name.
const PROGRAMS: &[(&str, Program)] = &[
    ("exit", |words| number(words) as u8),
    ("hello", |_| say("hello\n")),
    ("cat", cat),
    ("cat-by-name", cat_by_name),
    ("print", print),
    ("show", show),
    ("forge", forge),
    ("scribble", scribble),
    ("loopback", loopback),
    ("descriptors-in-flight", descriptors_in_flight),
    ("inodes-until-refused", inodes_until_refused),
    ("deep-tree", deep_tree),
    ("busy-sync", busy_sync),
    ("forged-signal-frame", |_| fault(sys::forged_signal_frame)),
    ("arguments", |words| say(&format!("{}\n", words.len()))),
    ("raise", raise),
    ("abort", |_| std::process::abort()),
    ("null-pointer", |_| fault(sys::read_null)),
    ("divide-by-zero", |_| fault(sys::divide_by_zero)),
    ("undefined-instruction", |_| fault(sys::undefined_instruction)),
    ("raise-in-thread", raise_in_thread),
    ("exit-in-thread", exit_in_thread),
    ("print-then-abort", print_then_abort),
    ("busy", |_| spin_for_ever()),
    ("busy-child", |_| wait_for_child(spin_for_ever)),
    ("busy-session", |_| wait_for_child(busy_session)),
    ("busy-thread", busy_thread),
    ("busy-short-children", busy_short_children),
    ("busy-deaf", busy_deaf),
    ("busy-system", busy_system),
    ("alternate", alternate),
    ("sleep", |_| sleep_for_ever()),
    ("sleep-child", |_| wait_for_child(sleep_for_ever)),
    ("read-stdin", read_stdin),
    ("block-on-own-pipe", block_on_own_pipe),
    ("stop-self", stop_self),
    ("timer", timer),
    ("ask", ask),
    ("busy-yield", busy_yield),
    ("busy-signals", busy_signals),
    ("busy-timers", busy_timers),
    ("vfork-sleep", vfork_sleep),
    ("memory-heap", |words| keep(touch(number(words)))),
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
    ("flood-stdout", |_| flood(io::stdout())),
    ("flood-stderr", |_| flood(io::stderr())),
    ("flood-file", flood_file),
    ("flood-both", flood_both),
    ("close-stdout", close_stdout),
    ("fork-until-refused", fork_until_refused),
    ("fork-bomb", fork_bomb),
    ("threads-until-refused", threads_until_refused),
    ("zombies", zombies),
    ("daemon", daemon),
    ("children-then-exit", children_then_exit),
    ("many-short-children", many_short_children),
    ("litter", litter),
    ("files-until-refused", files_until_refused),
    ("exec-chain", exec_chain),
    ("exec-huge", exec_huge),
    ("exec-without-arguments", |_| errno_of(sys::exec_without_arguments(c"/proc/self/exe"))),
    ("exec-script-of-itself", exec_script_of_itself),
    ("kill-all", kill_all),
    ("kill-init", kill_init),
    ("i386-call", |_| i386_call()),
    ("x32-call", x32_call),
];

/// Runs one of them.
pub fn run(name: &str, words: &[&str]) -> ExitCode {
    match PROGRAMS.iter().find(|(known, _)| *known == name) {
        Some((_, program)) => ExitCode::from(program(words)),
        None => {
            eprintln!("error: `{name}` is no verdict program");
            ExitCode::from(UNREACHED)
        }
    }
}

/// Whether there is such a program.
pub fn is_known(name: &str) -> bool {
    PROGRAMS.iter().any(|(known, _)| *known == name)
}

/// The exit code of a program that went on where it should have ended: no table expects it.
pub const UNREACHED: u8 = 77;

fn fault(instruction: fn()) -> u8 {
    instruction();
    UNREACHED
}

/// The first argument as a number; 0 without one.
fn number(words: &[&str]) -> usize {
    words.first().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// 0 when the text went out.
fn say(text: &str) -> u8 {
    let mut out = io::stdout();
    u8::from(out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err())
}

fn spin_for_ever() -> u8 {
    loop {
        black_box(0u64);
    }
}

fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        black_box(0u64);
    }
}

fn sleep_for_ever() -> u8 {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

fn wait_for_child(body: impl FnOnce() -> u8) -> u8 {
    match sys::in_child(body) {
        Ok(_) => UNREACHED,
        Err(errno) => errno.0 as u8,
    }
}

// Ends.

fn cat(_: &[&str]) -> u8 {
    u8::from(io::copy(&mut io::stdin(), &mut io::stdout()).is_err())
}

/// As many bytes as the argument says.
/// Prints a file.
fn show(words: &[&str]) -> u8 {
    match words.first().map(std::fs::read_to_string) {
        Some(Ok(text)) => say(&text),
        _ => UNREACHED,
    }
}

fn print(words: &[&str]) -> u8 {
    say(&"x".repeat(number(words)))
}

/// A report, a pass, a frame and a terminal escape, on every descriptor there is.
fn forge(words: &[&str]) -> u8 {
    const FORGED: &[u8] =
        b"{\"version\":1,\"status\":\"ok\",\"exit_code\":0}\nok 1 - forged\n12 passed, 0 failed\n\
        @frame 1 2 00\n{}\n\x1b[2J\x00\xff\n";
    for descriptor in 0..64 {
        let length = FORGED.len() as i64;
        // Most of them are closed.
        sys::call(libc::SYS_write, &mut [Arg::N(descriptor), Arg::R(FORGED), Arg::N(length)]).ok();
    }
    number(words) as u8
}

/// The same into whatever opens: descriptors of every process in sight, terminals, the kernel's log.
fn scribble(words: &[&str]) -> u8 {
    const LOGS: [&str; 4] = ["/dev/tty", "/dev/console", "/dev/kmsg", "/dev/stderr"];
    let entries = |path: PathBuf| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let processes = entries("/proc".into()).into_iter();
    let descriptors = processes.flat_map(|process| entries(process.join("fd")));
    for path in descriptors.chain(LOGS.map(PathBuf::from)) {
        // Most of them cannot be opened; a pipe that is full must not stop us.
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(libc::O_NONBLOCK);
        options.open(path).and_then(|mut file| file.write_all(b"{\"status\":\"ok\",\"forged\":1}\n")).ok();
    }
    number(words) as u8
}

fn raise(words: &[&str]) -> u8 {
    let signal = number(words) as i32;
    sys::default_action(signal);
    sys::raise(signal);
    UNREACHED
}

fn raise_in_thread(_: &[&str]) -> u8 {
    thread::spawn(|| std::process::abort());
    sleep_for_ever()
}

fn exit_in_thread(_: &[&str]) -> u8 {
    thread::spawn(|| std::process::exit(3));
    sleep_for_ever()
}

fn print_then_abort(_: &[&str]) -> u8 {
    say("42\n");
    std::process::abort()
}

// Time.

fn busy_session() -> u8 {
    // Fails only for a leader of a process group, which a fresh child is not.
    setsid().ok();
    spin_for_ever()
}

fn busy_thread(_: &[&str]) -> u8 {
    thread::spawn(spin_for_ever);
    sleep_for_ever()
}

/// Each child lives for less than a scheduler tick.
fn busy_short_children(_: &[&str]) -> u8 {
    loop {
        let ended = sys::in_child(|| {
            spin(Duration::from_millis(2));
            0
        });
        if ended.is_err() {
            return UNREACHED;
        }
    }
}

/// Deaf to every signal that announces a limit.
fn busy_deaf(_: &[&str]) -> u8 {
    for signal in [libc::SIGXCPU, libc::SIGTERM, libc::SIGALRM, libc::SIGINT, libc::SIGHUP, libc::SIGVTALRM] {
        sys::ignore(signal);
    }
    spin_for_ever()
}

/// Burns its time inside the kernel.
fn busy_system(_: &[&str]) -> u8 {
    let mut buffer = vec![0; 1 << 20];
    loop {
        if File::open("/dev/zero").and_then(|mut zero| zero.read_exact(&mut buffer)).is_err() {
            return UNREACHED;
        }
    }
}

/// Never idle for long, never busy for long.
fn alternate(_: &[&str]) -> u8 {
    loop {
        spin(Duration::from_millis(20));
        thread::sleep(Duration::from_millis(20));
    }
}

/// As many programs do that read all their input.
fn cat_by_name(_: &[&str]) -> u8 {
    let copied = File::open("/dev/stdin").and_then(|mut input| io::copy(&mut input, &mut io::stdout()));
    u8::from(copied.is_err())
}

fn read_stdin(_: &[&str]) -> u8 {
    u8::from(io::stdin().read(&mut [0; 1]).is_err())
}

/// Fills a pipe that nobody reads.
fn block_on_own_pipe(_: &[&str]) -> u8 {
    let Ok((_reader, writer)) = rustix::pipe::pipe() else { return UNREACHED };
    flood(File::from(writer))
}

fn stop_self(_: &[&str]) -> u8 {
    sys::raise(libc::SIGSTOP);
    UNREACHED
}

/// One of the timers after 50 ms, its signal's default action being the end.
fn timer(words: &[&str]) -> u8 {
    let interval: Vec<u8> = [0i64, 0, 0, 50_000].iter().flat_map(|field| field.to_ne_bytes()).collect();
    let interval_timer =
        |which: i64| sys::call(libc::SYS_setitimer, &mut [Arg::N(which), Arg::R(&interval), Arg::N(0)]);
    let armed = match words {
        ["real"] => interval_timer(0),
        ["virtual"] => interval_timer(1),
        ["prof"] => interval_timer(2),
        _ => posix_timer(),
    };
    if armed.is_err() { UNREACHED } else { spin_for_ever() }
}

/// timer_create(2) on the monotonic clock, with SIGALRM, as without a sigevent.
fn posix_timer() -> Result<i64, sys::Errno> {
    let mut id = [0; 4];
    sys::call(libc::SYS_timer_create, &mut [Arg::N(1), Arg::N(0), Arg::W(&mut id)])?;
    let time: Vec<u8> = [0i64, 0, 0, 50_000_000].iter().flat_map(|field| field.to_ne_bytes()).collect();
    let id = i64::from(i32::from_ne_bytes(id));
    sys::call(libc::SYS_timer_settime, &mut [Arg::N(id), Arg::N(0), Arg::R(&time), Arg::N(0)])
}

/// Asks for more than its share, and prints what the kernel says.
fn ask(words: &[&str]) -> u8 {
    let scheduler = |policy| {
        let priority = 1u32.to_ne_bytes();
        sys::call(libc::SYS_sched_setscheduler, &mut [Arg::N(0), Arg::N(policy), Arg::R(&priority)])
    };
    let answer = match words {
        ["nice"] => sys::call(libc::SYS_setpriority, &mut [Arg::N(0), Arg::N(0), Arg::N(-5)]),
        ["fifo"] => scheduler(1),
        ["round-robin"] => scheduler(2),
        ["deadline"] => {
            // sched_attr: size, policy, flags, nice, priority, then runtime, deadline and period in ns.
            let mut attributes = [48u32, 6, 0, 0, 0, 0].map(u32::to_ne_bytes).concat();
            attributes.extend([1_000_000u64, 10_000_000, 10_000_000].map(u64::to_ne_bytes).concat());
            sys::call(libc::SYS_sched_setattr, &mut [Arg::N(0), Arg::R(&attributes), Arg::N(0)])
        }
        ["stack"] => {
            let more = [1u64 << 40; 2].map(u64::to_ne_bytes).concat();
            let mut args = [Arg::N(0), Arg::N(libc::RLIMIT_STACK.into()), Arg::R(&more), Arg::N(0)];
            sys::call(libc::SYS_prlimit64, &mut args)
        }
        ["session"] => sys::call(libc::SYS_setsid, &mut []),
        _ => return UNREACHED,
    };
    say(&match answer {
        Ok(_) => "granted\n".to_string(),
        Err(errno) => format!("{errno}\n"),
    })
}

fn busy_yield(_: &[&str]) -> u8 {
    loop {
        thread::yield_now();
    }
}

fn busy_signals(_: &[&str]) -> u8 {
    sys::ignore(libc::SIGUSR1);
    loop {
        sys::raise(libc::SIGUSR1);
    }
}

/// A timer that is due every nanosecond.
fn busy_timers(_: &[&str]) -> u8 {
    const NONBLOCK: i64 = 0o4000;
    let Ok(timer) = sys::call(libc::SYS_timerfd_create, &mut [Arg::N(1), Arg::N(NONBLOCK)]) else {
        return UNREACHED;
    };
    let every: Vec<u8> = [0i64, 1, 0, 1].iter().flat_map(|field| field.to_ne_bytes()).collect();
    loop {
        let mut set = [Arg::N(timer), Arg::N(0), Arg::R(&every), Arg::N(0)];
        if sys::call(libc::SYS_timerfd_settime, &mut set).is_err() {
            return UNREACHED;
        }
        // EAGAIN when it has not come round yet.
        sys::call(libc::SYS_read, &mut [Arg::N(timer), Arg::W(&mut [0; 8]), Arg::N(8)]).ok();
    }
}

/// A parent that cannot even be woken until its child execs or ends (CLONE_VFORK).
fn vfork_sleep(_: &[&str]) -> u8 {
    let flags = i64::from(libc::CLONE_VFORK | libc::SIGCHLD);
    match sys::call(libc::SYS_clone, &mut [Arg::N(flags), Arg::N(0)]) {
        Ok(0) => sleep_for_ever(),
        _ => UNREACHED,
    }
}

// Memory. Amounts are in MiB.

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

fn memory_small_blocks(words: &[&str]) -> u8 {
    let blocks: Vec<Vec<u8>> = (0..number(words) << 10).map(|_| vec![1; 1000]).collect();
    u8::from(black_box(blocks).is_empty())
}

/// The child asks for too much, and the parent would exit with 0.
fn memory_child(words: &[&str]) -> u8 {
    let amount = number(words);
    sys::in_child(|| keep(touch(amount))).ok();
    0
}

/// Eight children with an eighth each, alive at the same time.
fn memory_children(words: &[&str]) -> u8 {
    let share = number(words) / 8;
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

/// In files of one MiB, below /tmp or where the second argument says.
fn memory_file(words: &[&str]) -> u8 {
    let block = vec![1; 1 << 20];
    let directory = words.get(1).unwrap_or(&"/tmp");
    let written = (0..number(words)).try_for_each(|index| {
        let mut file = File::create(format!("{directory}/{index}"))?;
        file.write_all(&block)
    });
    written.map_or_else(|cause| errno(&cause), |()| 0)
}

fn memory_memfd(words: &[&str]) -> u8 {
    let created = rustix::fs::memfd_create("memory", rustix::fs::MemfdFlags::empty());
    let Ok(memfd) = created else { return UNREACHED };
    let (mut file, block) = (File::from(memfd), vec![1; 1 << 20]);
    let written = (0..number(words)).try_for_each(|_| file.write_all(&block));
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
fn memory_shared(words: &[&str]) -> u8 {
    match sys::map_anonymous(number(words) << 20, libc::MAP_SHARED) {
        Some(memory) => touch_all(memory, 4096),
        None => UNREACHED,
    }
}

fn memory_system_v(words: &[&str]) -> u8 {
    match sys::map_system_v(number(words) << 20) {
        Some(memory) => touch_all(memory, 4096),
        None => UNREACHED,
    }
}

/// Two pages for each page that is touched: it and its table.
fn memory_page_tables(words: &[&str]) -> u8 {
    match sys::map_anonymous(number(words) << 20, libc::MAP_PRIVATE | libc::MAP_NORESERVE) {
        Some(memory) => touch_all(memory, 2 << 20),
        None => UNREACHED,
    }
}

fn touch_all(memory: &mut [u8], step: usize) -> u8 {
    memory.iter_mut().step_by(step).for_each(|byte| *byte = 1);
    u8::from(black_box(memory).is_empty())
}

/// Pipes as large as they get, all full: memory of the kernel's.
fn memory_pipes(words: &[&str]) -> u8 {
    let mut kept = Vec::new();
    for _ in 0..number(words) {
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
fn memory_reserve(words: &[&str]) -> u8 {
    let reserved: Vec<u8> = Vec::with_capacity(number(words) << 20);
    u8::from(black_box(reserved).capacity() == 0)
}

fn stack(words: &[&str]) -> u8 {
    // std's own handler would turn the overflow into an abort.
    sys::default_action(libc::SIGSEGV);
    black_box(sys::recurse(number(words) << 20));
    0
}

// Output.

fn flood(mut to: impl Write) -> u8 {
    let block = [b'x'; 4096];
    loop {
        if let Err(cause) = to.write_all(&block) {
            return errno(&cause);
        }
    }
}

fn errno(cause: &io::Error) -> u8 {
    cause.raw_os_error().unwrap_or(0) as u8
}

fn flood_file(_: &[&str]) -> u8 {
    sys::default_action(libc::SIGXFSZ);
    match File::create("/tmp/flood") {
        Ok(file) => flood(file),
        Err(_) => UNREACHED,
    }
}

fn flood_both(_: &[&str]) -> u8 {
    let block = [b'x'; 4096];
    while io::stdout().write_all(&block).and_then(|()| io::stderr().write_all(&block)).is_ok() {}
    UNREACHED
}

fn close_stdout(_: &[&str]) -> u8 {
    for descriptor in 0..3 {
        sys::call(libc::SYS_close, &mut [Arg::N(descriptor)]).ok();
    }
    sys::leave(0)
}

// Processes. What the "until refused" programs print is how many there were, themselves included.

/// The argument, if there is one, is where it gives up.
fn fork_until_refused(words: &[&str]) -> u8 {
    let most = if words.is_empty() { 10_000 } else { number(words) };
    let mut processes = 1;
    loop {
        match sys::fork() {
            Ok(None) => sys::leave(i32::from(sleep_for_ever())),
            Ok(Some(_)) => processes += 1,
            Err(errno) => return say(&format!("{processes} {errno}\n")),
        }
        if processes > most {
            return say(&format!("{processes} and more\n"));
        }
    }
}

/// Every process forks for ever.
fn fork_bomb(_: &[&str]) -> u8 {
    loop {
        // Refused sooner or later; then the loop burns CPU.
        sys::fork().ok();
    }
}

fn threads_until_refused(_: &[&str]) -> u8 {
    let mut threads = 1;
    while thread::Builder::new().stack_size(16 << 10).spawn(sleep_for_ever).is_ok() {
        threads += 1;
        if threads > 10_000 {
            return UNREACHED;
        }
    }
    say(&format!("{threads}\n"))
}

fn zombies(_: &[&str]) -> u8 {
    let mut zombies = 0;
    loop {
        match sys::fork() {
            Ok(None) => sys::leave(0),
            Ok(Some(_)) => zombies += 1,
            Err(errno) => return say(&format!("{} {errno}\n", zombies + 1)),
        }
        if zombies > 10_000 {
            return UNREACHED;
        }
    }
}

/// Forks twice, takes a session of its own, keeps the streams, and outlives the program.
fn daemon(_: &[&str]) -> u8 {
    sys::in_child(|| {
        setsid().ok();
        if let Ok(None) = sys::fork() {
            sys::leave(i32::from(sleep_for_ever()));
        }
        0
    })
    .ok();
    say("done\n")
}

fn children_then_exit(_: &[&str]) -> u8 {
    for index in 0..5 {
        if let Ok(None) = sys::fork() {
            sys::leave(i32::from(if index % 2 == 0 { spin_for_ever() } else { sleep_for_ever() }));
        }
    }
    say("done\n")
}

fn many_short_children(words: &[&str]) -> u8 {
    for _ in 0..number(words) {
        if sys::in_child(|| 0).is_err() {
            return UNREACHED;
        }
    }
    say("done\n")
}

/// Leaves all that a program can leave, stays for as many milliseconds as the argument says, and exits with 0.
fn litter(words: &[&str]) -> u8 {
    let written = [("/tmp/litter", 2 << 20), ("/dev/shm/litter", 64 << 10), ("/home/judge/litter", 4096)]
        .iter()
        .all(|(path, size)| std::fs::write(path, vec![1; *size]).is_ok());
    let make = |number, args: &mut [Arg<'_>]| sys::call(number, args).is_ok();
    const CREATE: i64 = libc::IPC_CREAT as i64 | 0o600;
    let made = make(libc::SYS_shmget, &mut [Arg::N(1), Arg::N(4096), Arg::N(CREATE)])
        && make(libc::SYS_semget, &mut [Arg::N(1), Arg::N(1), Arg::N(CREATE)])
        && make(libc::SYS_msgget, &mut [Arg::N(1), Arg::N(CREATE)]);
    let Ok(name) = SocketAddr::from_abstract_name("litter") else { return UNREACHED };
    let (Ok(_listener), Ok(_pipe)) = (UnixListener::bind_addr(&name), io::pipe()) else { return UNREACHED };
    // A zombie, and a daemon that keeps the socket and the pipe.
    let zombie = matches!(sys::fork(), Ok(None));
    if zombie {
        sys::leave(0);
    }
    daemon(&[]);
    thread::sleep(Duration::from_millis(number(words) as u64));
    u8::from(!(written && made))
}

/// A server and a client, both ours, over the loopback interface.
fn loopback(_: &[&str]) -> u8 {
    let served = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| {
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        client.write_all(b"hello\n")?;
        drop(client);
        let mut text = String::new();
        listener.accept()?.0.read_to_string(&mut text)?;
        Ok(text)
    });
    served.map_or_else(|cause| errno(&cause), |text| say(&text))
}

/// Each socket sends the other into it, which only the kernel's garbage collector can take apart (unix(7)); until as
/// many are in flight as may be open.
fn descriptors_in_flight(_: &[&str]) -> u8 {
    loop {
        let Ok((one, other)) = UnixStream::pair() else { return UNREACHED };
        for (over, sent) in [(&one, &other), (&other, &one)] {
            match sys::send_descriptor(over.as_raw_fd(), sent.as_raw_fd()) {
                Ok(_) => {}
                Err(sys::Errno(libc::ETOOMANYREFS)) => return say("refused\n"),
                Err(errno) => return errno_of(errno),
            }
        }
    }
}

/// Empty files, until there is no room for the next.
fn inodes_until_refused(_: &[&str]) -> u8 {
    let mut files = 0..1_000_000;
    let end = files.find_map(|index| File::create(format!("/tmp/{index}")).err().map(|cause| (index, cause)));
    match end {
        Some((count, cause)) if cause.raw_os_error() == Some(libc::ENOSPC) => say(&format!("{count}\n")),
        _ => UNREACHED,
    }
}

/// Deeper than a path is long, and left so.
fn deep_tree(_: &[&str]) -> u8 {
    let name = "d".repeat(200);
    for _ in 0..200 {
        if std::fs::create_dir(&name).and_then(|()| std::env::set_current_dir(&name)).is_err() {
            return UNREACHED;
        }
    }
    say("done\n")
}

fn busy_sync(_: &[&str]) -> u8 {
    let Ok(mut file) = File::create("/tmp/sync") else { return UNREACHED };
    loop {
        sys::call(libc::SYS_sync, &mut []).ok();
        if file.write_all(b"x").and_then(|()| file.sync_all()).is_err() {
            return UNREACHED;
        }
    }
}

fn files_until_refused(_: &[&str]) -> u8 {
    let mut files = Vec::new();
    loop {
        match OpenOptions::new().read(true).open("/dev/null") {
            Ok(file) => files.push(file),
            Err(_) => return say(&format!("{}\n", files.len() + 3)),
        }
        if files.len() > 100_000 {
            return UNREACHED;
        }
    }
}

/// Executes itself again and again, with a smaller number each time.
fn exec_chain(words: &[&str]) -> u8 {
    use std::os::unix::process::CommandExt;
    let left = number(words);
    if left == 0 {
        return say("done\n");
    }
    let Ok(program) = std::env::current_exe() else { return UNREACHED };
    let cause =
        std::process::Command::new(program).args(["verdict", "exec-chain", &(left - 1).to_string()]).exec();
    errno(&cause)
}

fn errno_of(errno: sys::Errno) -> u8 {
    errno.0 as u8
}

/// Itself with 7 MiB of arguments: more than the kernel takes, whatever the stack's limit (execve(2)).
fn exec_huge(_: &[&str]) -> u8 {
    use std::os::unix::process::CommandExt;
    let word = "x".repeat(100 << 10);
    let words = std::iter::repeat_n(word, 70);
    errno(&std::process::Command::new("/proc/self/exe").args(words).exec())
}

/// A script whose interpreter is the script.
fn exec_script_of_itself(_: &[&str]) -> u8 {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    const PATH: &str = "/tmp/script";
    let made = std::fs::write(PATH, format!("#!{PATH}\n"))
        .and_then(|()| std::fs::set_permissions(PATH, std::fs::Permissions::from_mode(0o755)));
    if made.is_err() { UNREACHED } else { errno(&std::process::Command::new(PATH).exec()) }
}

/// Everything it may signal but itself.
fn kill_all(_: &[&str]) -> u8 {
    sys::call(libc::SYS_kill, &mut [Arg::N(-1), Arg::N(libc::SIGKILL.into())]).ok();
    say("alive\n")
}

/// getpid by its 32-bit number.
fn i386_call() -> u8 {
    black_box(sys::call_i386(20));
    UNREACHED
}

/// Every signal there is, to PID 1.
fn kill_init(_: &[&str]) -> u8 {
    for signal in 1..=64 {
        sys::call(libc::SYS_kill, &mut [Arg::N(1), Arg::N(signal)]).ok();
    }
    say("alive\n")
}

/// getpid by its x32 number.
fn x32_call(_: &[&str]) -> u8 {
    match sys::call(0x4000_0000 + libc::SYS_getpid, &mut []) {
        Ok(_) => UNREACHED,
        Err(errno) => errno.0 as u8,
    }
}
