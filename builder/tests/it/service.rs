//! A running service, and a client that sends bytes as they are.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::judge::runs;
use crate::scene::{HANG, Scene, SharedBundle, children, children_of_all};

/// What the services of these tests serve.
pub(crate) fn bundle() -> &'static Path {
    static BUNDLE: SharedBundle = SharedBundle::new();
    BUNDLE.path(|_| "--pack python,c".to_owned())
}

/// A service that is killed at the end.
pub(crate) struct Service {
    pub(crate) scene: Scene,
    child: Child,
    address: String,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In small letters.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Service {
    /// With settings such as `slots=1`.
    pub(crate) fn start(settings: &str) -> Service {
        Service::in_scene(Scene::new(), "127.0.0.1:0", settings)
    }

    /// In a directory that may have files of an earlier one.
    pub(crate) fn in_scene(scene: Scene, listen: &str, settings: &str) -> Service {
        Service::of_bundle(bundle(), scene, listen, settings)
    }

    /// With a bundle of the test's own.
    pub(crate) fn of_bundle(bundle: &Path, scene: Scene, listen: &str, settings: &str) -> Service {
        Service::launch(Service::command(bundle, &scene, listen, settings), scene)
    }

    /// The command line of one.
    pub(crate) fn command(bundle: &Path, scene: &Scene, listen: &str, settings: &str) -> Command {
        let mut command = scene.command();
        command.arg("serve").arg(bundle).args(["--listen", listen]);
        for setting in settings.split_whitespace() {
            let pair = if setting.ends_with(".toml") { ["--config", setting] } else { ["--set", setting] };
            command.args(pair);
        }
        command
    }

    /// Starts one by this command, which may go through another program (nsenter(1)).
    pub(crate) fn launch(mut command: Command, scene: Scene) -> Service {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let start = said.len();
            assert_ne!(lines.read_line(&mut said).unwrap(), 0, "the service ended: {said}");
            if let Some(address) = said[start..].trim().strip_prefix("capsule: serving at ") {
                break address.trim_start_matches("http://").to_owned();
            }
        };
        // The log must not fill its pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Service { scene, child, address }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Bytes of memory that it has had at the most (proc_pid_status(5)).
    pub(crate) fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid().as_raw_nonzero())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its end, and gives its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Where it listens, by TCP.
    pub(crate) fn port(&self) -> u16 {
        self.address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port")
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream
    }

    /// One request to a service that may be killed meanwhile; `None` without an answer.
    pub(crate) fn ask(port: u16, method: &str, path: &str, head: &[String], body: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(HANG)).ok()?;
        let mut lines = vec![format!("{method} {path} HTTP/1.1"), "host: localhost".to_owned()];
        lines.extend(["connection: close".to_owned(), format!("content-length: {}", body.len())]);
        lines.extend_from_slice(head);
        stream.write_all(&[lines.join("\r\n").as_bytes(), b"\r\n\r\n", body].concat()).ok()?;
        Some(Answer::read(stream)).filter(|answer| answer.status != 0 && !answer.body.is_empty())
    }

    /// Sends a request as it is, and reads to the end of the connection.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A service that refuses a request need not read all of it.
        let _refused_early = stream.write_all(request);
        Answer::read(stream)
    }

    /// One request with lines of its head, such as `content-type: text/plain`.
    pub(crate) fn request(&self, method: &str, path: &str, head: &[&str], body: &[u8]) -> Answer {
        let mut lines = vec![format!("{method} {path} HTTP/1.1"), format!("host: {}", self.address)];
        lines.extend(["connection: close".to_owned(), format!("content-length: {}", body.len())]);
        lines.extend(head.iter().map(|line| (*line).to_owned()));
        self.raw(&[lines.join("\r\n").as_bytes(), b"\r\n\r\n", body].concat())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &["content-type: application/json"], body.to_string().as_bytes())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Answer {
    /// Reads one that ends with its connection.
    pub(crate) fn read(mut from: impl Read) -> Answer {
        let mut bytes = Vec::new();
        let _reset_after_a_refusal = from.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
        Answer { status, head, body }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.head, self.text()))
    }
}

/// How many supervisors of a process are at work: all of its own, and of its pool's those whose sandbox has a program.
pub(crate) fn inits(of: Pid) -> usize {
    let own = children_of_all(of);
    let has_program = |slot: &Pid| children(*slot).into_iter().any(|first| !children(first).is_empty());
    let is_at_work = |run: &Pid| own.contains(run) || has_program(run);
    runs(of).iter().filter(|run| is_at_work(run)).count()
}
