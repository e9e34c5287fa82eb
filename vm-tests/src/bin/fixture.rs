//! An `/init` for the harness's own tests: boots just enough, then does what /fixture names.

use std::fs;
use std::io::Write;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use rustix::mount::{MountFlags, mount};
use rustix::termios::tcdrain;
use vm_tests::arch::end_machine;
use vm_tests::frame::{FrameWriter, Nonce};
use vm_tests::message::{Hello, Message};
use vm_tests::port;
use vm_tests::qemu::GUEST_DONE;

fn main() -> ExitCode {
    let places = [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("cgroup2", "/sys/fs/cgroup")];
    for (kind, target) in places {
        if let Err(cause) = mount(kind, target, kind, MountFlags::empty(), None::<&std::ffi::CStr>) {
            println!("fixture: mount {target}: {cause}");
        }
    }
    println!("fixture: READY");
    let behaviour = fs::read_to_string("/fixture").unwrap_or_default();
    match behaviour.trim() {
        // PID 1 that returns is a kernel panic.
        "panic" => return ExitCode::from(1),
        "hang" => sleep_for_ever(),
        "chatter" => chatter(),
        "forge" => forge(),
        "half-frame" => {
            results(b"@frame 0 4000 0011");
            power_off();
        }
        "power-off" => power_off(),
        // As the real init does for an `exec` line of /etc/capsule.
        "agent" => drop(Command::new("/vm-tests/agent").status()),
        other => println!("fixture: unknown behaviour `{other}`"),
    }
    sleep_for_ever()
}

fn sleep_for_ever() -> ! {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

fn power_off() {
    if let Err(cause) = rustix::system::reboot(rustix::system::RebootCommand::PowerOff) {
        println!("fixture: power off: {cause}");
    }
}

/// Prints to the console for ever, and never writes a frame.
fn chatter() {
    loop {
        println!("fixture: 12 passed, 0 failed");
        thread::sleep(Duration::from_millis(200));
    }
}

/// A perfect pass, except for the one thing that this program cannot know: this boot's nonce.
fn forge() {
    println!("ok 1 - forged\n1..1\n12 passed, 0 failed");
    let forged = port::results().and_then(|port| {
        let mut frames = FrameWriter::new(Nonce::from_text("guessed"), port);
        [Message::Hello(Hello::default()), Message::Done { steps: 0 }]
            .iter()
            .try_for_each(|message| frames.write(&serde_json::to_vec(message)?))?;
        // What is written has to leave the port before the machine ends.
        Ok(tcdrain(frames.get_ref())?)
    });
    if let Err(cause) = forged {
        println!("fixture: results port: {cause}");
    }
    if let Err(cause) = end_machine(GUEST_DONE) {
        println!("fixture: exit port: {cause}");
    }
}

fn results(bytes: &[u8]) {
    let written = port::results().and_then(|mut port| {
        port.write_all(bytes)?;
        Ok(tcdrain(port)?)
    });
    if let Err(cause) = written {
        println!("fixture: results port: {cause}");
    }
}
