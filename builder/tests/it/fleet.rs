//! A service with workers and Debian's nats-server, each of which can be killed and started again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::scene::{Scene, wait_until};
use crate::service::{Service, bundle};

const TOKEN: &str = "0123456789abcdef";

/// A service, its queue, and its workers.
pub(crate) struct Fleet {
    nats: Option<Child>,
    nats_port: u16,
    service: Option<Service>,
    service_port: u16,
    settings: String,
    pub(crate) workers: Vec<Worker>,
    /// Where nats-server keeps its stream.
    place: Scene,
}

/// A worker that is killed at the end.
pub(crate) struct Worker {
    child: Child,
}

impl Fleet {
    /// With so many workers that have one slot each; the settings are for all of them.
    pub(crate) fn start(workers: usize, settings: &str) -> Fleet {
        let mut fleet = Fleet {
            nats: None,
            nats_port: free_port(),
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
        self.service_of(bundle(), scene)
    }

    fn service_of(&self, bundle: &Path, scene: Scene) -> Service {
        let data = scene.path("data");
        let settings = format!("data={} slots=1 {}", data.display(), self.common());
        Service::of_bundle(bundle, scene, &format!("127.0.0.1:{}", self.service_port), &settings)
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
        command.arg("worker").arg(bundle()).args(["--slots", "1"]);
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
        let js = self.place.path("js");
        let port = self.nats_port;
        let config = format!("listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\" }}\n", js.display());
        let path = self.place.file("nats.conf", config);
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(path).stdout(Stdio::null()).stderr(Stdio::null());
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
