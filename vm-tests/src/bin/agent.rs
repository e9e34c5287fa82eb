//! The guest agent. In a VM: `agent` reads /vm-tests/plan and /vm-tests/nonce, writes to the second serial port, and
//! ends the VM. On a host: `agent host DIRECTORY` takes plan and nonce from there and writes frames to stdout.

use std::fs;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::ExitCode;

use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::Gid;
use rustix::termios::tcdrain;
use rustix::thread::set_thread_groups;
use vm_tests::arch::end_machine;
use vm_tests::frame::{FrameWriter, Nonce};
use vm_tests::plan::Plan;
use vm_tests::probe::judge::{OUTSIDE_KEY, OUTSIDE_NAME};
use vm_tests::probe::sys::{self, Arg};
use vm_tests::qemu::{GUEST_DONE, GUEST_FAILED};
use vm_tests::soak::Soak;
use vm_tests::{agent, callers, canary, enclosed, ending, pooled, port, random, refusals, storm};

const DIRECTORY: &str = "/vm-tests";
/// Half a minute's work under emulation.
const STORMS: usize = 50;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match args[..] {
        [] => in_vm(),
        ["canary"] => canary::serve(),
        ["host", directory] => on_host(Path::new(directory)),
        ["soak", ref args @ ..] => soak(args),
        ["refusals", init, root] => refusals::all(Path::new(init), Path::new(root)).and_then(none_wrong),
        ["callers", init, root] => callers::all(Path::new(init), Path::new(root)).and_then(none_wrong),
        ["ending", init, root] => ending::all(Path::new(init), Path::new(root), true).and_then(none_wrong),
        ["enclosed", init, root] => enclosed::all(Path::new(init), Path::new(root)).and_then(none_wrong),
        ["pooled", server, ref args @ ..] => return pooled(server, args),
        ["storm", init, root] => storm::all(Path::new(init), Path::new(root), STORMS).and_then(none_wrong),
        [enclosed::INSIDE, ref argv @ ..] => enclosed::inside(argv),
        [enclosed::ALONE, ref argv @ ..] => enclosed::alone(argv),
        _ => Err(io::Error::other(
            "arguments are: nothing, `canary`, `host DIRECTORY`, `soak …`, or `refusals`, `callers`, `ending`, `enclosed` or `storm` with INIT ROOT",
        )),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: agent: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// Its end is that of the run.
fn pooled(server: &str, args: &[&str]) -> ExitCode {
    pooled::run(server, args).map_or_else(
        |cause| {
            eprintln!("error: agent: {server}: {cause}");
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}

fn on_host(directory: &Path) -> io::Result<()> {
    let (plan, nonce) = read(directory)?;
    let mut out = FrameWriter::new(nonce, io::stdout());
    agent::run(&plan, directory, &std::env::current_exe()?, &mut out)
}

/// Inside a VM the soak is a step of the plan: a program that prints what is wrong, and exits with 0 if nothing is.
fn soak(args: &[&str]) -> io::Result<()> {
    let soak = Soak::from_args(args).ok_or(io::ErrorKind::InvalidInput)?;
    let wrong = soak.endure()?;
    if wrong.is_empty() { Ok(()) } else { Err(io::Error::other(wrong.join("; "))) }
}

/// What a step that tries many things found.
fn none_wrong(wrong: Vec<String>) -> io::Result<()> {
    if wrong.is_empty() { Ok(()) } else { Err(io::Error::other(wrong.join("; "))) }
}

fn in_vm() -> io::Result<()> {
    let ran = run_in_vm();
    if let Err(cause) = &ran {
        // The console is what the harness shows when frames are missing.
        eprintln!("error: agent: {cause}");
    }
    end_machine(if ran.is_ok() { GUEST_DONE } else { GUEST_FAILED })
}

fn run_in_vm() -> io::Result<()> {
    let directory = Path::new(DIRECTORY);
    let (plan, nonce) = read(directory)?;
    prepare_vm()?;
    let mut out = FrameWriter::new(nonce, port::results()?);
    agent::run(&plan, directory, &directory.join("agent"), &mut out)?;
    tcdrain(out.get_ref())?;
    Ok(())
}

/// A world worth attacking: a loopback interface that is up, a name, a queue, groups, shared mounts, and a canary whose
/// pid is not a small number.
fn prepare_vm() -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // struct ifreq: the name in 16 bytes, then the flags UP and RUNNING.
    let mut request = [0u8; 40];
    request[..2].copy_from_slice(b"lo");
    request[16] = 0x41;
    let set_flags = libc::SIOCSIFFLAGS as i64;
    sys::call(libc::SYS_ioctl, &mut [Arg::N(socket.as_raw_fd().into()), Arg::N(set_flags), Arg::R(&request)])
        .map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
    // By these a probe recognises the outside.
    fs::write("/proc/sys/kernel/hostname", OUTSIDE_NAME)?;
    sys::call(libc::SYS_msgget, &mut [Arg::N(OUTSIDE_KEY), Arg::N((libc::IPC_CREAT | 0o666).into())])
        .map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
    set_thread_groups(&[Gid::from_raw(4), Gid::from_raw(6)])?;
    // Where neighbours without a sandbox meet.
    fs::create_dir_all("/dev/shm")?;
    // As on every machine with systemd: a mount that the sandbox does not make private shows up outside
    // (mount_namespaces(7), "Shared subtrees").
    mount_change("/", MountPropagationFlags::SHARED | MountPropagationFlags::REC)?;
    let last_pid = 5000 + u64::from_str_radix(&random::hex(2)?, 16).unwrap_or(0) % 20_000;
    fs::write("/proc/sys/kernel/ns_last_pid", last_pid.to_string())
}

/// Unlinks the nonce before anything else runs: a process that knows it can forge frames.
fn read(directory: &Path) -> io::Result<(Plan, Nonce)> {
    let plan = serde_json::from_slice(&fs::read(directory.join("plan"))?)?;
    let nonce = Nonce::from_text(&fs::read_to_string(directory.join("nonce"))?);
    fs::remove_file(directory.join("nonce"))?;
    Ok((plan, nonce))
}
