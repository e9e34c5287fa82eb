//! The canaries: a file and a process outside of every sandbox that hold a secret. No run may ever print it.
//!
//! A file with random content, and a process with a random pid whose environment holds the same secret and which
//! answers every connection to its loopback port and its abstract socket with it. Their places are not secret:
//! the probes get them as arguments, since an attacker would find them.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, process, thread};

/// Where the secret is.
pub(crate) struct Canaries {
    /// What must not be seen.
    pub secret: String,
    file: PathBuf,
    port: u16,
    socket: String,
    /// What only two neighbours know.
    token: String,
    process: Child,
}

/// The environment variable of the process that carries the secret.
const VARIABLE: &str = "CANARY";

impl Canaries {
    /// Sets them out: the file below `directory`, the process by running `program canary`.
    pub(crate) fn set_out(directory: &Path, program: &Path) -> io::Result<Canaries> {
        let secret = format!("canary-{}", crate::random::hex(16)?);
        let file = directory.join(format!("canary-{}", crate::random::hex(4)?));
        fs::write(&file, format!("{secret}\n"))?;
        let mut process = Command::new(program)
            .arg("canary")
            .env(VARIABLE, &secret)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        BufReader::new(stdout).read_line(&mut line)?;
        let (port, socket) = line.trim().split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
        let port = port.parse().map_err(io::Error::other)?;
        let socket = socket.to_string();
        let token = crate::random::hex(8)?;
        Ok(Canaries { secret, file, port, socket, token, process })
    }

    /// Replaces `{canary}`, `{pid}`, `{port}`, `{socket}` and `{token}`.
    pub(crate) fn fill_in(&self, word: &str) -> String {
        word.replace("{canary}", &self.file.to_string_lossy())
            .replace("{pid}", &self.process.id().to_string())
            .replace("{port}", &self.port.to_string())
            .replace("{socket}", &self.socket)
            .replace("{token}", &self.token)
    }

    /// What has happened to them: nothing, unless a sandbox leaked.
    pub(crate) fn harm(&mut self) -> Vec<String> {
        let mut harm = Vec::new();
        if !matches!(self.process.try_wait(), Ok(None)) || self.is_stopped() {
            harm.push(format!("the canary process {} was killed or stopped", self.process.id()));
        }
        match fs::read_to_string(&self.file) {
            Ok(content) if content.trim_end() == self.secret => {}
            _ => harm.push(format!("the canary file {} was changed", self.file.display())),
        }
        harm
    }

    fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
    }
}

impl Drop for Canaries {
    fn drop(&mut self) {
        // Either may be gone already, by a sandbox that leaked: that was reported by `harm`.
        self.process.kill().ok();
        self.process.wait().ok();
        fs::remove_file(&self.file).ok();
    }
}

/// The canary process: prints where it listens, then answers every connection with the secret, for ever.
pub fn serve() -> io::Result<()> {
    let secret = env::var(VARIABLE).map_err(io::Error::other)?;
    let tcp = TcpListener::bind(("127.0.0.1", 0))?;
    let name = format!("capsule-canary-{}", process::id());
    let unix = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    println!("{} {name}", tcp.local_addr()?.port());
    io::stdout().flush()?;
    let answer = secret.clone();
    thread::spawn(move || {
        for mut peer in unix.incoming().flatten() {
            // A peer that hangs up early has seen enough.
            peer.write_all(answer.as_bytes()).ok();
        }
    });
    for mut peer in tcp.incoming().flatten() {
        peer.write_all(secret.as_bytes()).ok();
    }
    Ok(())
}
