//! A cluster of Slurm: Debian's daemons, with two nodes that are this machine. `just test slurm` installs what it needs.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix::system::uname;
use serde_json::{Value, json};

use crate::deploy::template;
use crate::fleet::{Fleet, free_port};
use crate::scene::{Said, Scene, needs_root, wait_until};
use crate::service::bundle;

const NODES: [&str; 2] = ["n1", "n2"];

/// What has to be said on any machine, and what makes Slurm quick: a node is lost after `SlurmdTimeout`, and its tasks start
/// again when their credentials have ended (`cred_expire`, 120 s by default). CR_LLN spreads tasks over the nodes.
const SETTINGS: &str = "ClusterName=capsule
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=@/munge/socket,cred_expire=10
StateSaveLocation=@/state
SlurmctldPidFile=@/slurmctld.pid
SlurmdPidFile=@/slurmd.%n.pid
SlurmdSpoolDir=@/spool.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core,CR_LLN
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
MpiDefault=none
SwitchType=switch/none
SlurmdTimeout=10
SlurmctldTimeout=10
SlurmdParameters=config_overrides
PartitionName=judge Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
";

/// The daemons. They and all tasks are killed at the end.
struct Cluster {
    scene: Scene,
    /// munged, slurmctld, and the slurmd of each node.
    daemons: Vec<Child>,
}

impl Cluster {
    fn start() -> Cluster {
        let scene = Scene::new();
        // munged wants a way to its socket for everybody.
        fs::set_permissions(scene.path(""), Permissions::from_mode(0o755)).unwrap();
        let key = scene.file("munge/key", "no secret, as nobody else can reach this cluster");
        fs::set_permissions(key, Permissions::from_mode(0o600)).unwrap();
        for directory in ["state", "spool.n1", "spool.n2"] {
            fs::create_dir(scene.path(directory)).unwrap();
        }
        scene.file("slurm.conf", configuration(&scene));
        let mut cluster = Cluster { scene, daemons: Vec::new() };
        let place = cluster.scene.path("munge").display().to_string();
        let file = |(option, name)| format!("--{option}={place}/{name}");
        let files = [("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"), ("log-file", "log")];
        let mut options: Vec<String> = files.map(file).into();
        options.extend([file(("seed-file", "seed")), "--foreground".to_owned(), "--force".to_owned()]);
        cluster.launch("munged", &options);
        wait_until("munged listens", || cluster.scene.path("munge/socket").exists());
        cluster.launch("slurmctld", &["-D"]);
        for node in NODES {
            cluster.launch("slurmd", &["-D", "-c", "-N", node]);
        }
        wait_until("both nodes are idle", || {
            cluster.asks(&["sinfo", "-h", "-N", "-o", "%t"]) == "idle\nidle\n"
        });
        cluster
    }

    /// A program of Slurm's that works for this cluster.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.scene.path("slurm.conf")).current_dir(self.scene.path(""));
        command
    }

    fn launch(&mut self, program: &str, options: &[impl AsRef<OsStr>]) {
        let log = fs::File::create(self.scene.path(&format!("log{}", self.daemons.len()))).unwrap();
        let mut command = self.command(program);
        command.args(options).stdout(Stdio::null()).stderr(log);
        self.daemons.push(command.spawn().expect("what `just test slurm` installs"));
    }

    /// What a program answers, and nothing while the controller does not.
    fn asks(&self, words: &[&str]) -> String {
        let said = Said::of(self.command(words[0]).args(&words[1..]));
        if said.code == 0 { said.stdout } else { String::new() }
    }

    /// How many tasks run on a node.
    fn tasks(&self, node: &str) -> usize {
        self.asks(&["squeue", "-h", "-r", "-t", "running", "-w", node, "-o", "%i"]).lines().count()
    }

    /// Ends a node as a power cut does: its daemon, what watches its tasks, and the tasks.
    fn lose(&mut self, node: usize) {
        let daemon = &mut self.daemons[2 + node];
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        self.kill_tasks(NODES[node]);
    }

    fn kill_tasks(&self, node: &str) {
        let configuration = format!("SLURM_CONF={}", self.scene.path("slurm.conf").display());
        let named = format!("SLURMD_NODENAME={node}");
        for pid in processes() {
            let has = |wanted: &str| environment(pid).split('\0').any(|variable| variable == wanted);
            if has(&configuration) && has(&named) {
                let watcher = parent(pid).filter(|watcher| name(*watcher).starts_with("slurmstepd"));
                for victim in watcher.into_iter().chain([pid]) {
                    let _ended_already = kill_process(victim, Signal::KILL);
                }
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The nodes first, which would start tasks again.
        for daemon in self.daemons.iter_mut().rev() {
            let _ended_already = daemon.kill();
            let _reaped = daemon.wait();
        }
        NODES.iter().for_each(|node| self.kill_tasks(node));
    }
}

fn configuration(scene: &Scene) -> String {
    let host = uname().nodename().to_string_lossy().split('.').next().unwrap_or_default().to_owned();
    let settings = SETTINGS.replace('@', scene.path("").to_str().unwrap().trim_end_matches('/'));
    let nodes = NODES.map(|name| {
        let port = free_port();
        format!("NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=1000 State=UNKNOWN\n")
    });
    format!("SlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={}\n{}{settings}", free_port(), nodes.concat())
}

fn processes() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// A file of a process; nothing of one that has ended.
fn fact(pid: Pid, file: &str) -> String {
    let bytes = fs::read(format!("/proc/{}/{file}", pid.as_raw_nonzero())).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn environment(pid: Pid) -> String {
    fact(pid, "environ")
}

fn name(pid: Pid) -> String {
    fact(pid, "comm")
}

fn parent(pid: Pid) -> Option<Pid> {
    let status = fact(pid, "status");
    Pid::from_raw(status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?)
}

fn hand_in(fleet: &Fleet, source: &str) -> String {
    let answer = fleet.service().post("/v1/submissions", &json!({"language": "python", "source": source}));
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn runs(fleet: &Fleet, id: &str) -> bool {
    fleet.service().get(&format!("/v1/submissions/{id}")).json()["state"] == "running"
}

fn status(fleet: &Fleet, what: &str) -> u64 {
    fleet.service().get("/v1/status").json()[what].as_u64().unwrap()
}

/// Two nodes with two workers each. One is lost in the middle; what its workers had is done by others, and Slurm starts the
/// workers on the other node.
#[test]
#[ignore = "just test slurm"]
fn a_thousand_submissions_outlive_a_node_and_each_has_one_result() {
    needs_root!();
    let fleet = Fleet::start(0, "lease=5s queue=2000 limit.wall-time=900s default.wall-time=850s");
    let mut cluster = Cluster::start();
    let settings = cluster.scene.file("worker.toml", fleet.worker_file());
    let mut submit = cluster.command("sbatch");
    submit.env("CAPSULE", env!("CARGO_BIN_EXE_capsule")).args(["--array=0-3", "--output=worker.%a.log"]);
    let said = Said::of(submit.arg(template("slurm-worker.sh")).arg(bundle()).arg(settings));
    assert_eq!(said.code, 0, "{said:?}");
    wait_until("all workers are there", || status(&fleet, "workers") == 4);
    assert_eq!(NODES.map(|node| cluster.tasks(node)), [2, 2]);

    let mut ids: Vec<String> = (0..496).map(|number| hand_in(&fleet, &format!("print({number})"))).collect();
    // Each worker has one of these when the node goes.
    ids.extend(
        (496..500).map(|number| hand_in(&fleet, &format!("import time; time.sleep(20); print({number})"))),
    );
    wait_until("each worker has a long one", || ids[496..].iter().all(|id| runs(&fleet, id)));
    cluster.lose(0);
    ids.extend((500..900).map(|number| hand_in(&fleet, &format!("print({number})"))));
    wait_until("its tasks are on the other node", || cluster.tasks(NODES[1]) == 4);
    wait_until("their workers are there", || status(&fleet, "workers") == 4);
    ids.extend((900..1000).map(|number| hand_in(&fleet, &format!("print({number})"))));

    let mut workers = BTreeSet::new();
    let mut again = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        let found = fleet.service().get(&format!("/v1/submissions/{id}?wait=250")).json();
        assert_eq!(
            (&found["state"], &found["result"]["stdout"]),
            (&"done".into(), &Value::from(format!("{number}\n"))),
            "{number}: {found}"
        );
        assert_eq!(fleet.events(id, "done").len(), 1, "{number}");
        workers.extend(fleet.events(id, "running").iter().map(|event| event["worker"].to_string()));
        if found["attempt"] != 1 {
            assert_eq!(found["attempt"], 2, "{number}");
            again.push(number);
        }
    }
    // Nothing but what the two had that were lost.
    assert!(again.len() == 2 && again.iter().all(|number| (496..500).contains(number)), "{again:?}");
    assert_eq!(workers.len(), 6, "two workers were started anew: {workers:?}");
}
