//! A service with workers and Debian's nats-server, each of which can be killed and started again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::scene::{Scene, wait_until};
use crate::service::{Service, bundle};
use crate::small_disk::SmallDisk;

const TOKEN: &str = "0123456789abcdef";

/// A service, its queue, and its workers.
pub(crate) struct Fleet {
    bundle: PathBuf,
    small: Small,
    nats: Option<Child>,
    nats_port: u16,
    /// The port of nats-server's monitoring endpoint.
    nats_http_port: u16,
    service: Option<Service>,
    service_port: u16,
    settings: String,
    pub(crate) workers: Vec<Worker>,
    /// Where nats-server keeps its stream.
    place: Scene,
}

/// Which part of a fleet stores its files on a small disk.
pub(crate) enum Small {
    Nothing,
    Queue(SmallDisk),
    Service(SmallDisk),
}

/// A worker that is killed at the end.
pub(crate) struct Worker {
    child: Child,
}

impl Fleet {
    /// With so many workers that have one slot each; the settings are for all of them.
    pub(crate) fn start(workers: usize, settings: &str) -> Fleet {
        Fleet::with(bundle(), Small::Nothing, workers, settings)
    }

    /// The same with a bundle of the test's own, and a disk.
    pub(crate) fn with(bundle: &Path, small: Small, workers: usize, settings: &str) -> Fleet {
        let mut fleet = Fleet {
            bundle: bundle.to_owned(),
            small,
            nats: None,
            nats_port: free_port(),
            nats_http_port: free_port(),
            service: None,
            service_port: free_port(),
            settings: settings.to_owned(),
            workers: Vec::new(),
            place: Scene::new(),
        };
        fleet.start_nats();
        fleet.service = Some(fleet.new_service(Scene::new()));
        for _ in 0..workers {
            let worker = fleet.new_worker();
            fleet.workers.push(worker);
        }
        fleet
    }

    pub(crate) fn service(&self) -> &Service {
        self.service.as_ref().unwrap()
    }

    /// The service's.
    pub(crate) fn port(&self) -> u16 {
        self.service_port
    }

    /// Kills the service, and starts one with the same store at the same address.
    pub(crate) fn restart_service(&mut self) {
        let scene = self.kill_service();
        self.resume_service(scene);
    }

    pub(crate) fn kill_service(&mut self) -> Scene {
        let mut old = self.service.take().unwrap();
        old.signal(Signal::KILL);
        old.wait();
        std::mem::replace(&mut old.scene, Scene::new())
    }

    pub(crate) fn resume_service(&mut self, scene: Scene) {
        self.service = Some(self.new_service(scene));
    }

    /// The same with another bundle than the workers have.
    pub(crate) fn resume_service_with(&mut self, bundle: &Path, scene: Scene) {
        self.service = Some(self.service_of(bundle, scene));
    }

    fn new_service(&self, scene: Scene) -> Service {
        self.service_of(&self.bundle, scene)
    }

    fn service_of(&self, bundle: &Path, scene: Scene) -> Service {
        let (disk, data) = match &self.small {
            Small::Service(disk) => (Some(disk), disk.place().join("data")),
            _ => (None, scene.path("data")),
        };
        let settings = format!("data={} slots=1 {}", data.display(), self.common());
        let listen = format!("127.0.0.1:{}", self.service_port);
        let command = Service::command(bundle, &scene, &listen, &settings);
        Service::launch(disk.map(|disk| disk.has(&command)).unwrap_or(command), scene)
    }

    fn common(&self) -> String {
        let name = "judge";
        format!("nats=nats://127.0.0.1:{}/{name} worker-token={TOKEN} {}", self.nats_port, self.settings)
    }

    /// A worker that the service knows.
    pub(crate) fn new_worker(&self) -> Worker {
        let mut child = self.worker_command().stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("capsule: working for ") {
            assert_ne!(lines.read_line(&mut said).unwrap(), 0, "the worker ended: {said}");
        }
        // The log must not fill its pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Worker { child }
    }

    /// The command line of a worker.
    pub(crate) fn worker_command(&self) -> Command {
        let mut command = self.place.command();
        command.arg("worker").arg(&self.bundle).args(["--slots", "1"]);
        command.args(["--service", &format!("http://127.0.0.1:{}", self.service_port)]);
        self.common().split_whitespace().for_each(|setting| {
            command.args(["--set", setting]);
        });
        command
    }

    /// The settings of a worker, as a file has them.
    pub(crate) fn worker_file(&self) -> String {
        let service = format!("service=http://127.0.0.1:{}", self.service_port);
        let common = self.common();
        let pairs =
            common.split_whitespace().chain([service.as_str()]).filter_map(|pair| pair.split_once('='));
        pairs.map(|(key, value)| format!("{key} = '{value}'\n")).collect()
    }

    pub(crate) fn start_nats(&mut self) {
        let (disk, js) = match &self.small {
            Small::Queue(disk) => (Some(disk), disk.place().join("js")),
            _ => (None, self.place.path("js")),
        };
        let (port, http) = (self.nats_port, self.nats_http_port);
        let addresses = format!("listen: 127.0.0.1:{port}\nhttp: 127.0.0.1:{http}\n");
        let config = format!("{addresses}jetstream {{ store_dir: \"{}\" }}\n", js.display());
        let path = self.place.file("nats.conf", config);
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(path);
        let mut command = disk.map(|disk| disk.has(&command)).unwrap_or(command);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.nats = Some(command.spawn().expect("nats-server, which `just test nats` installs"));
        wait_until("nats-server listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    pub(crate) fn kill_nats(&mut self) {
        let mut child = self.nats.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// With all that it has kept.
    pub(crate) fn wipe_nats(&mut self) {
        self.kill_nats();
        fs::remove_dir_all(self.place.path("js")).unwrap();
        self.start_nats();
    }

    /// How many messages for the workers nats-server has received.
    pub(crate) fn messages(&self) -> u64 {
        let asked = Service::ask(self.nats_http_port, "GET", "/jsz?streams=1", &[], b"");
        let told = asked.expect("an answer").json();
        told["account_details"][0]["stream_detail"][0]["state"]["last_seq"].as_u64().expect("a stream")
    }

    /// The disk that is small.
    pub(crate) fn disk(&self) -> &SmallDisk {
        match &self.small {
            Small::Queue(disk) | Small::Service(disk) => disk,
            Small::Nothing => panic!("no disk is small"),
        }
    }

    /// The data of the events of a kind that a submission has had.
    pub(crate) fn events(&self, id: &str, kind: &str) -> Vec<Value> {
        let answer = self.service().get(&format!("/v1/submissions/{id}/events")).text();
        let mut found = Vec::new();
        let mut lines = answer.lines();
        while let Some(line) = lines.next() {
            if line.strip_prefix("event: ") == Some(kind) {
                let data = lines.next().and_then(|line| line.strip_prefix("data: ")).unwrap();
                found.push(serde_json::from_str(data).unwrap());
            }
        }
        found
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if let Some(child) = &mut self.nats {
            let _ended_already = child.kill();
            let _reaped = child.wait();
        }
    }
}

impl Worker {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn kill(&mut self) {
        let _ended_already = self.child.kill();
        self.child.wait().unwrap();
    }

    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One that nobody has now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
