//! From QEMU's start to init's first line: our machine, QEMU as a user starts it, and ours with one difference.
//!
//! Always by translation, where everything that firmware and kernel do takes time. Measured in turns, and by QEMU's
//! processor time: other work on the host lengthens the time on the clock by chance.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::processor::Processor;
use crate::qemu::Machine;
use crate::vm::forward;

/// For init, which prints one line and powers off.
const COMMAND: &str = "-- --version";
/// Ten times what the slowest machine that was measured needs to get there.
const DEADLINE: Duration = Duration::from_secs(60);

/// One difference from our machine.
pub struct Knob {
    /// What is done to the command line.
    pub name: &'static str,
    /// What it is for, or why it is left alone.
    pub why: &'static str,
    change: Change,
}

/// How a command line becomes another.
enum Change {
    /// The image in the place of the kernel that was unpacked from it.
    Packed,
    /// Without the kernel parameters that begin with one of these.
    Words(&'static [&'static str]),
    /// Without this option and its value.
    Pair(&'static str),
    /// Without these options, which have no value.
    Flags(&'static [&'static str]),
    /// With the second argument in the first one's place.
    Swap(&'static str, &'static str),
}

/// What our machine has and QEMU's defaults lack, in the order of the command line.
pub const KNOBS: &[Knob] = &[
    Knob {
        name: "with the image as it is",
        why: "unpacked on the host, the kernel need not do it, nor choose where it lies",
        change: Change::Packed,
    },
    Knob {
        name: "without -nodefaults -no-user-config",
        why: "no network card, floppy or CD drive for firmware and kernel to find, no boot ROM to be run",
        change: Change::Flags(&["-nodefaults", "-no-user-config"]),
    },
    Knob {
        name: "with -machine q35",
        why: "pc has fewer devices on its bus",
        change: Change::Swap("pc", "q35"),
    },
    Knob {
        name: "without tb-size=128",
        why: "for memory: translated code within 128 MiB, with several VMs at a time",
        change: Change::Swap("tcg,thread=multi,tb-size=128", "tcg,thread=multi"),
    },
    Knob {
        name: "without -cpu max",
        why: "for what is proven: SMEP, SMAP, RDRAND as judge hosts have them",
        change: Change::Pair("-cpu"),
    },
    Knob { name: "without -m", why: "for room: 128 MiB unless given", change: Change::Pair("-m") },
    Knob {
        name: "without loglevel=5",
        why: "hundreds of lines less on a serial port that is emulated byte by byte",
        change: Change::Words(&["loglevel="]),
    },
    Knob {
        name: "without tsc_early_khz=",
        why: "for true clocks on a busy host; the guest need not measure its counter",
        change: Change::Words(&["tsc_early_khz="]),
    },
    Knob {
        name: "without no_timer_check",
        why: "for a busy host: a timer that ticks late is not broken",
        change: Change::Words(&["no_timer_check"]),
    },
    Knob {
        name: "without random.trust_cpu=on",
        why: "for random numbers from the start",
        change: Change::Words(&["random.trust_cpu="]),
    },
    Knob {
        name: "without nowatchdog",
        why: "for quiet: a CPU that the host took away for a while is not reported as stuck",
        change: Change::Words(&["nowatchdog"]),
    },
    Knob {
        name: "without panic=-1 oops=panic",
        why: "for an end: a broken guest ends at once",
        change: Change::Words(&["panic=", "oops="]),
    },
    Knob {
        name: "without cryptomgr.notests",
        why: "no self-tests of the kernel's ciphers",
        change: Change::Words(&["cryptomgr."]),
    },
];

/// What it took from QEMU's start to init's first line.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// On the clock.
    pub wall: Duration,
    /// On all processors, in steps of 10 ms.
    pub cpu: Duration,
}

/// A command that starts a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program, then its arguments.
    argv: Vec<OsString>,
    /// The kernel's image, whatever is started of it.
    image: PathBuf,
}

impl CommandLine {
    /// QEMU as a user starts it after reading how to boot a kernel with it.
    pub fn by_hand(kernel: &Path, initramfs: &Path) -> CommandLine {
        let append = format!("console=ttyS0 {COMMAND}");
        let argv: [&OsStr; 8] = [
            Processor::X86_64.qemu().as_ref(),
            "-kernel".as_ref(),
            kernel.as_os_str(),
            "-initrd".as_ref(),
            initramfs.as_os_str(),
            "-append".as_ref(),
            append.as_ref(),
            "-nographic".as_ref(),
        ];
        CommandLine { argv: argv.map(OsStr::to_os_string).to_vec(), image: kernel.to_path_buf() }
    }

    /// Ours, as all VMs are started.
    ///
    /// # Errors
    /// /dev/null cannot be opened.
    pub fn ours(machine: &Machine, image: &Path, initramfs: &Path) -> io::Result<CommandLine> {
        let results = OpenOptions::new().write(true).open("/dev/null")?.into();
        let mut machine = machine.clone();
        machine.append.push(COMMAND.into());
        let command = machine.command(initramfs, &results);
        let mut argv = vec![command.get_program().to_os_string()];
        // The guest sends no frames here, so the results port needs no file that is open in QEMU.
        argv.extend(command.get_args().map(|word| match word.to_str() {
            Some(text) if text.starts_with("file,id=results") => "null,id=results".into(),
            _ => word.to_os_string(),
        }));
        Ok(CommandLine { argv, image: image.to_path_buf() })
    }

    /// The same but for this.
    pub fn but(&self, knob: &Knob) -> CommandLine {
        let mut argv = self.argv.clone();
        match knob.change {
            Change::Packed => {
                if let Some(at) = argv.iter().position(|word| word == "-kernel") {
                    argv[at + 1] = self.image.clone().into();
                }
            }
            Change::Words(gone) => {
                argv.iter_mut()
                    .filter(|word| is_kernel_line(word))
                    .for_each(|line| *line = fewer(line, gone));
            }
            Change::Pair(option) => {
                if let Some(at) = argv.iter().position(|word| word == option) {
                    argv.drain(at..at + 2);
                }
            }
            Change::Flags(gone) => argv.retain(|word| !gone.iter().any(|flag| word == flag)),
            Change::Swap(one, other) => {
                argv.iter_mut().filter(|word| *word == one).for_each(|word| *word = other.into());
            }
        }
        CommandLine { argv, image: self.image.clone() }
    }

    /// From the start to `first`, init's first line. QEMU is ended then.
    ///
    /// # Errors
    /// QEMU does not start, ends before, or takes too long: with the console's last line.
    pub fn time_to(&self, first: &str) -> Result<Took, String> {
        let (program, arguments) = self.argv.split_first().ok_or("an empty command")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let begun = Instant::now();
        let child = command.spawn().map_err(|cause| format!("`{}`: {cause}", program.display()))?;
        Booting { child, begun }.until(first)
    }
}

/// The argument of `-append`, which begins with the console.
fn is_kernel_line(word: &OsStr) -> bool {
    word.to_str().is_some_and(|text| text.starts_with("console="))
}

fn fewer(line: &OsStr, gone: &[&str]) -> OsString {
    let line = line.to_string_lossy();
    let stays = |word: &&str| !gone.iter().any(|start| word.starts_with(start));
    line.split(' ').filter(stays).collect::<Vec<_>>().join(" ").into()
}

/// A machine that is starting; it ends with this.
struct Booting {
    child: Child,
    begun: Instant,
}

impl Booting {
    fn until(mut self, first: &str) -> Result<Took, String> {
        let (sender, chunks) = mpsc::channel();
        forward(self.child.stdout.take(), sender, |chunk| chunk, None);
        let mut console = Vec::new();
        loop {
            let left = DEADLINE.saturating_sub(self.begun.elapsed());
            match chunks.recv_timeout(left) {
                Ok(chunk) => console.extend(chunk),
                Err(_) => return Err(self.timeout_message(&console)),
            }
            if has_line(&console, first) {
                let wall = self.begun.elapsed();
                let cpu = cpu_time(self.child.id()).ok_or("QEMU's processor time cannot be read")?;
                return Ok(Took { wall, cpu });
            }
        }
    }

    fn timeout_message(&mut self, console: &[u8]) -> String {
        self.child.kill().ok(); // it may have ended by itself
        let mut said = String::from_utf8_lossy(console).into_owned();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said).ok(); // QEMU's messages are only shown
        }
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing");
        let last: String = last.chars().filter(|c| !c.is_control()).collect();
        format!("init's first line did not come within {DEADLINE:?}; the last one was: {last}")
    }
}

impl Drop for Booting {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may have ended by itself
        self.child.wait().ok();
    }
}

/// Of a process with all its threads: fields 14 and 15 of /proc/PID/stat, in hundredths of a second (proc(5)). The
/// second field is the program's name in parentheses, with whatever characters it likes.
fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let ticks = after_name.split_ascii_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().ok());
    Some(Duration::from_millis(10 * ticks.sum::<Option<u64>>()?))
}

fn has_line(console: &[u8], wanted: &str) -> bool {
    // The last one may still be on its way.
    String::from_utf8_lossy(console).split('\n').rev().skip(1).any(|line| line.trim_end() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> CommandLine {
        let machine = Machine::emulated(Processor::X86_64, Path::new("/vmlinux"));
        CommandLine::ours(&machine, Path::new("/vmlinuz"), Path::new("/initramfs")).unwrap()
    }

    #[test]
    fn every_knob_makes_a_difference() {
        for knob in KNOBS {
            assert_ne!(ours().but(knob), ours(), "{}", knob.name);
        }
    }

    #[test]
    fn every_kernel_parameter_of_ours_has_its_knob() {
        let left = KNOBS.iter().fold(ours(), |line, knob| line.but(knob));
        let kernel_line = left.argv.iter().find(|word| is_kernel_line(word)).unwrap();
        assert_eq!(kernel_line, "console=ttyS0 -- --version");
    }

    #[test]
    fn a_line_counts_when_it_is_whole() {
        assert!(has_line(b"[ 1.0] Run /init\r\ncapsule 1\r\n", "capsule 1"));
        assert!(!has_line(b"[ 1.0] Run /init\r\ncapsule 1", "capsule 1"));
        assert!(!has_line(b"not capsule 1\r\n", "capsule 1"));
    }

    #[test]
    fn a_machine_that_ends_early_is_an_error_with_its_last_line() {
        let line = |script: &str| CommandLine {
            argv: ["sh", "-c", script].map(OsString::from).to_vec(),
            image: PathBuf::new(),
        };
        let took = line("echo first; exec sleep 60").time_to("first").unwrap();
        assert!(took.cpu <= took.wall + Duration::from_millis(20), "{took:?}");
        let error = line("echo hello; echo bad option >&2").time_to("first").unwrap_err();
        assert!(error.ends_with("bad option"), "{error}");
    }
}
