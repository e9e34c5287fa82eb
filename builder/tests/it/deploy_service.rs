//! The service as `templates/deploy` starts it: systemd's units, and a script where there is no systemd.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::deploy::template;
use crate::scene::{HANG, Said, Scene, children, needs_root, wait_until};
use crate::service::bundle;

fn unit(name: &str) -> String {
    fs::read_to_string(template("systemd").join(name)).expect("there")
}

/// The value of a key of the service's unit.
fn setting(key: &str) -> String {
    let unit = unit("capsule-serve.service");
    let value = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.expect("the unit has this key").to_owned()
}

/// The example's settings, with a directory and an address of the scene's.
fn settings(scene: &Scene) -> String {
    let text = fs::read_to_string(template("serve.toml")).expect("there");
    let data = scene.path("data");
    text.replace("/var/lib/capsule", data.to_str().expect("text")).replace(":2000", ":0")
}

/// What `just test operate` installs.
#[test]
#[ignore = "needs systemd's and podman's packages: just test operate"]
fn units_are_valid() {
    needs_root!();
    let scene = Scene::new();
    // The program of a unit has to be there.
    let program = scene.file("capsule", "#!/bin/sh\n");
    let mut names = Vec::new();
    for entry in fs::read_dir(template("systemd")).expect("listed") {
        let name = entry.expect("read").file_name().into_string().expect("text");
        if name.ends_with(".sysusers") || name.ends_with(".tmpfiles") {
            continue;
        }
        let start = format!("ExecStart={} ", program.display());
        fs::write(scene.path(&name), unit(&name).replace("ExecStart=capsule ", &start)).expect("written");
        names.push(name.replace("@.", "@1."));
    }
    assert_eq!(names.len(), 5, "{names:?}");
    // A colon at the end stands for the system's own directories.
    let path = format!("{}:", scene.path("").display());
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).args(names);
    let said = Said::of(verify.current_dir(scene.path("")).env("SYSTEMD_UNIT_PATH", path));
    // Version 254 brought this key.
    let is_wrong = |line: &&str| line.contains("capsule") && !line.contains("'DelegateSubgroup'");
    assert_eq!(said.stderr.lines().filter(is_wrong).collect::<Vec<_>>(), [""; 0], "{}", said.stderr);
}

#[test]
#[ignore = "needs systemd's and podman's packages: just test operate"]
fn systemd_makes_the_group_and_the_directories() {
    needs_root!();
    let scene = Scene::new();
    scene.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    scene.file("etc/group", "root:x:0:\n");
    let root = format!("--root={}", scene.path("").display());
    for (program, option, file) in [
        ("systemd-sysusers", None, "capsule.sysusers"),
        ("systemd-tmpfiles", Some("--create"), "capsule.tmpfiles"),
    ] {
        let mut command = Command::new(program);
        command.arg(&root).args(option).arg(template("systemd").join(file));
        let said = Said::of(&mut command);
        assert_eq!(said.code, 0, "{said:?}");
    }
    assert!(fs::read_to_string(scene.path("etc/group")).expect("there").contains("\nisolate:x:"));
    assert!(scene.path("run/isolate/locks").is_dir() && scene.path("var/local/lib/isolate").is_dir());
}

/// A service that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        for child in children(Pid::from_child(&self.0)) {
            let _ended_already = kill_process(child, Signal::KILL);
        }
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn is_healthy(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    stream.set_read_timeout(Some(HANG)).expect("set");
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    let asked = stream.write_all(request).and_then(|()| stream.read_to_string(&mut answer));
    asked.is_ok() && answer.ends_with("ok\n")
}

#[test]
#[ignore = "needs systemd's and podman's packages: just test operate"]
fn systemd_starts_the_service_for_the_first_client() {
    needs_root!();
    let scene = Scene::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound").to_string();
    fs::create_dir(scene.path("data")).expect("made");
    let settings = scene.file("serve.toml", settings(&scene));
    let line = setting("ExecStart")
        .replace("/opt/capsule/current", bundle().to_str().expect("text"))
        .replace("/etc/capsule/serve.toml", settings.to_str().expect("text"));
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some("capsule"));
    let mut activate = Command::new("systemd-socket-activate");
    activate.args(["--listen", &free, env!("CARGO_BIN_EXE_capsule")]).args(words);
    activate.stderr(File::create(scene.path("said")).expect("made"));
    let running = Running(activate.spawn().expect("it starts"));
    wait_until("the service answers", || is_healthy(&free));
    assert!(fs::read_to_string(scene.path("said")).expect("there").contains("serving at"));
    drop(running);
}

#[test]
fn the_unit_leaves_the_capabilities_that_sandboxes_need() {
    needs_root!();
    let capsule = env!("CARGO_BIN_EXE_capsule");
    let guards = |command: &mut Command| {
        let said = Said::of(command.args(["doctor", "--json"]));
        let json: serde_json::Value = serde_json::from_str(&said.stdout).expect(&said.stdout);
        json["guards"].clone()
    };
    let all = guards(&mut Command::new(capsule));
    let kept = |capabilities: &str| {
        let words: Vec<String> =
            capabilities.split(' ').map(|name| name.replace("CAP_", "+").to_lowercase()).collect();
        let mut setpriv = Command::new("setpriv");
        setpriv.arg(format!("--bounding-set=-all,{}", words.join(","))).arg(capsule);
        guards(&mut setpriv)
    };
    let bounding = setting("CapabilityBoundingSet");
    assert!(all.is_array() || all.is_object(), "{all}");
    assert_eq!(kept(&bounding), all);
    // Without this one, no sandbox can be made.
    assert_ne!(kept(&bounding.replace("CAP_SYS_ADMIN ", "")), all);
}

/// `serve.sh` with these settings, and where its messages are.
fn script(scene: &Scene, settings: &str) -> Command {
    scene.file("serve.toml", settings);
    let mut sh = Command::new("sh");
    sh.arg(template("serve.sh")).arg(bundle()).arg("serve.toml").current_dir(scene.path(""));
    sh.env("CAPSULE", env!("CARGO_BIN_EXE_capsule"));
    sh.stderr(File::create(scene.path("said")).expect("made"));
    sh
}

/// The addresses that services have said, one after the other.
fn addresses(said: &Path) -> Vec<String> {
    let text = fs::read_to_string(said).expect("there");
    let address = |line: &str| line.strip_prefix("capsule: serving at http://").map(str::to_owned);
    text.lines().filter_map(address).collect()
}

#[test]
fn a_script_keeps_the_service_alive_and_ends_with_it() {
    needs_root!();
    let scene = Scene::new();
    let mut running = Running(script(&scene, &settings(&scene)).spawn().expect("it starts"));
    let shell = Pid::from_child(&running.0);
    let said = scene.path("said");
    let serves = |times: usize| {
        wait_until("the service answers", || {
            addresses(&said).get(times - 1).is_some_and(|address| is_healthy(address))
        });
    };
    serves(1);
    // One that fails at once is not started again.
    thread::sleep(Duration::from_millis(2100));
    let service = children(shell);
    assert_eq!(service.len(), 1);
    kill_process(service[0], Signal::KILL).expect("it runs");
    serves(2);
    assert!(fs::read_to_string(&said).expect("there").contains("ended with 137, and is started again"));
    kill_process(shell, Signal::TERM).expect("it runs");
    assert_eq!(running.0.wait().expect("it ends").code(), Some(0));
    assert_eq!(addresses(&said).len(), 2);
    let data = fs::metadata(scene.path("data")).expect("made");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o777, 0o700);
}

#[test]
fn a_script_ends_with_a_service_that_cannot_start() {
    needs_root!();
    let scene = Scene::new();
    let fails = |sh: &mut Command, what: &str| {
        let code = sh.status().expect("it starts").code();
        let said = fs::read_to_string(scene.path("said")).expect("there");
        assert!(said.contains(what) && code.is_some_and(|code| code != 0), "{code:?}: {said}");
        assert_eq!(said.matches("error: ").count(), 1, "{said}");
    };
    fails(&mut script(&scene, "slots = 'many'\n"), "slots");
    let mut without = script(&scene, "");
    fs::remove_file(scene.path("serve.toml")).expect("there");
    fails(&mut without, "`serve.toml` does not exist");
}

#[test]
fn the_settings_in_the_manifest_are_those_of_a_service() {
    needs_root!();
    let scene = Scene::new();
    let manifest = fs::read_to_string(template("kubernetes-serve.yaml")).expect("there");
    let (_, block) = manifest.split_once("serve.toml: |\n").expect("it has settings");
    let lines = block.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    let settings = lines.map(str::trim).collect::<Vec<_>>().join("\n").replace("0.0.0.0:2000", "127.0.0.1:0");
    scene.file("serve.toml", settings);
    let mut serve = scene.command();
    serve.arg("serve").arg(bundle()).args(["--config", "serve.toml"]);
    serve.stderr(File::create(scene.path("said")).expect("made"));
    let _running = Running(serve.spawn().expect("it starts"));
    let said = scene.path("said");
    wait_until("the service answers", || addresses(&said).first().is_some_and(|address| is_healthy(address)));
    let mut stream = TcpStream::connect(&addresses(&said)[0]).expect("it listens");
    stream.set_read_timeout(Some(HANG)).expect("set");
    let mut answer = String::new();
    stream
        .write_all(b"GET /v1/problems HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .and_then(|()| stream.read_to_string(&mut answer))
        .expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}
