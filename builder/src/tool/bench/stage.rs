//! The root that `bench run`, `bench limits` and `bench streams` run in: init, and submissions of a few instructions, made here.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use bundle::init::INIT;
use run::InitCommand;

use crate::error::Error;
use crate::tool::scratch::Scratch;

/// A root with init and the submissions in it.
pub(super) struct Stage {
    root: Scratch,
}

/// x86-64 machine code of the submissions.
const SUBMISSIONS: [(&str, &[u8]); 4] = [
    ("exit", b"\x31\xff\xb8\x3c\x00\x00\x00\x0f\x05"), // xor edi, edi; mov eax, 60 (exit); syscall
    ("pause", b"\xb8\x22\x00\x00\x00\x0f\x05"),        // mov eax, 34 (pause); syscall
    ("spin", b"\xeb\xfe"),                             // jmp to itself
    ("copy", COPY),
];

/// Writes what it reads, 64 KiB at a time, until there is no more; a write to a pipe is whole (pipe(7)).
const COPY: &[u8] = b"\
    \x48\x81\xec\x00\x00\x01\x00\
    \x31\xff\x48\x89\xe6\xba\x00\x00\x01\x00\x31\xc0\x0f\x05\
    \x48\x85\xc0\x7e\x14\
    \x48\x89\xc2\xbf\x01\x00\x00\x00\x48\x89\xe6\xb8\x01\x00\x00\x00\x0f\x05\
    \xeb\xd9\
    \x31\xff\xb8\x3c\x00\x00\x00\x0f\x05";
// sub rsp, 0x10000; read: xor edi, edi; mov rsi, rsp; mov edx, 0x10000; xor eax, eax (read); syscall;
// test rax, rax; jle end; mov rdx, rax; mov edi, 1; mov rsi, rsp; mov eax, 1 (write); syscall; jmp read;
// end: xor edi, edi; mov eax, 60 (exit); syscall

impl Stage {
    pub(super) fn new() -> Result<Stage, Error> {
        let stage = Stage { root: Scratch::new()? };
        stage.fill().map_err(|error| Error::write(stage.root(), error))?;
        Ok(stage)
    }

    fn fill(&self) -> io::Result<()> {
        for directory in ["proc", "dev", "tmp", "home/judge"] {
            fs::create_dir_all(self.root().join(directory))?;
        }
        // The submission's user enters it.
        fs::set_permissions(self.root(), fs::Permissions::from_mode(0o755))?;
        write_program(&self.init(), INIT)?;
        SUBMISSIONS.iter().try_for_each(|(name, code)| write_program(&self.root().join(name), &elf(code)))
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(super) fn init(&self) -> PathBuf {
        self.root().join("init")
    }

    /// A program for each CPU that never sleeps.
    pub(super) fn busy_cpus(&self) -> Result<Vec<BusyProcess>, Error> {
        let path = self.root().join("spin");
        let start = || Command::new(&path).spawn().map(BusyProcess);
        (0..cpus()).map(|_| start()).collect::<io::Result<_>>().map_err(|error| Error::start(&path, error))
    }

    /// `init run` of one of the submissions, with the given options.
    pub(super) fn run(&self, options: &[&str], submission: &str) -> Command {
        let mut init = InitCommand::new(&self.init(), self.root());
        init.given(options.iter().map(OsString::from)).command([submission]);
        let mut process = init.to_process();
        process.stdin(Stdio::null());
        process
    }
}

/// CPUs that this process may use.
pub(super) fn cpus() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// A process that is killed when this value is dropped.
pub(super) struct BusyProcess(Child);

impl Drop for BusyProcess {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait()); // it has ended already
    }
}

fn write_program(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// The smallest static ELF file for `code`: file header and one program header (elf(5)), loaded as a whole.
fn elf(code: &[u8]) -> Vec<u8> {
    const HEADERS: u64 = 64 + 56;
    const BASE: u64 = 0x40_0000;
    let size = HEADERS + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(); // 64 bit, little-endian, version 1
    file.extend([2u16, 62].iter().flat_map(|half| half.to_le_bytes())); // ET_EXEC, EM_X86_64
    file.extend(1u32.to_le_bytes());
    file.extend([BASE + HEADERS, 64, 0].iter().flat_map(|word| word.to_le_bytes())); // entry, program headers, sections
    file.extend(0u32.to_le_bytes());
    file.extend([64u16, 56, 1, 0, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    file.extend([1u32, 5].iter().flat_map(|word| word.to_le_bytes())); // PT_LOAD, readable and executable
    file.extend([0, BASE, BASE, size, size, 4096].iter().flat_map(|word: &u64| word.to_le_bytes()));
    file.extend(code);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_is_an_elf_file_that_the_kernel_runs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("exit");
        write_program(&path, &elf(SUBMISSIONS[0].1)).unwrap();
        assert!(Command::new(path).status().unwrap().success());
    }
}
