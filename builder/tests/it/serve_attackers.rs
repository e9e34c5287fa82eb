//! Programs that look for the service that runs them: its port, its socket, its files, its environment, its other runs.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::scene::{Scene, needs_root};
use crate::service::Service;

/// Says what it reaches, one word a line. Arguments: the port, a socket, a file of the store, a word that is in the service's
/// files and in no other, and where to look for that.
const PROBE: &str = r#"
import os, socket, sys
port, path, store, word, top = int(sys.argv[1]), *sys.argv[2:4], sys.argv[4].encode(), sys.argv[5]

def reaches(name, look):
    try:
        if look():
            print(name)
    except OSError:
        pass

def connects(family, address):
    with socket.socket(family) as one:
        one.settimeout(2)
        one.connect(address)
        return True

def has_word(file):
    with open(file, "rb") as one:
        return word in one.read(1 << 20)

reaches("port", lambda: connects(socket.AF_INET, ("127.0.0.1", port)))
reaches("port6", lambda: connects(socket.AF_INET6, ("::ffff:127.0.0.1", port)))
reaches("socket", lambda: connects(socket.AF_UNIX, path))
reaches("store", lambda: os.path.exists(store) or os.path.exists("/proc/1/root" + store))
for pid in filter(str.isdigit, os.listdir("/proc")):
    if int(pid) != os.getpid():
        reaches("environment", lambda: has_word(f"/proc/{pid}/environ"))
        reaches("descriptors", lambda: os.listdir(f"/proc/{pid}/fd"))
for number in range(3, 1024):
    reaches("inherited", lambda: os.fstat(number))
for root, _, files in os.walk(top):
    for file in files:
        name = os.path.join(root, file)
        if not root.startswith(("/proc", "/sys")) and os.path.isfile(name):
            reaches("word", lambda: has_word(name))
reaches("abstract", lambda: connects(socket.AF_UNIX, "\0capsule-tests-" + sys.argv[1]))
"#;

/// A word that no other test has.
const WORD: &str = "the-word-of-this-service-8c1f";

#[test]
fn a_program_reaches_nothing_of_the_service_that_runs_it() {
    needs_root!();
    let scene = Scene::new();
    let socket = scene.path("serve.sock");
    let data = scene.path("data");
    let config = format!("slots = 2\ndata = \"{}\"\n[tenants.a]\ntoken = \"{WORD}\"\n", data.display());
    scene.file("serve.toml", config);
    let service = Service::in_scene(scene, "127.0.0.1:0", "serve.toml");
    let head = format!("authorization: Bearer {WORD}");
    let ask = |path: &str, body: &serde_json::Value| {
        service.request("POST", path, &[&head], body.to_string().as_bytes())
    };
    // Another one of the same tenant is kept, and lies in the store with the word.
    let kept = json!({"language": "python", "source": format!("print('{WORD}')")});
    assert_eq!(ask("/v1/submissions?wait=100", &kept).json()["state"], "done");
    let store = data.join("capsule.db");
    assert!(store.exists());
    // Sockets as this host may have them, by a path and by a name.
    let name = format!("capsule-tests-{}", service.port());
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let _path = UnixListener::bind(&socket).unwrap();
    let args = |top: &Path| {
        let port = service.port().to_string();
        [&port, socket.to_str().unwrap(), store.to_str().unwrap(), WORD, top.to_str().unwrap()]
            .map(str::to_owned)
    };
    let probe = json!({"language": "python", "source": PROBE, "args": args(Path::new("/"))});
    let answer = ask("/v1/run", &probe).json();
    assert_eq!((&answer["status"], &answer["stdout"]), (&"ok".into(), &"".into()), "{answer}");

    // Outside of a sandbox the same program reaches each of them.
    let mut neighbour = Command::new("sleep").arg("1000").env("WORD", WORD).spawn().unwrap();
    let mut bare = Command::new("python3");
    bare.args(["-c", PROBE]).args(args(&data));
    let reached = bare.output().unwrap();
    neighbour.kill().unwrap();
    neighbour.wait().unwrap();
    let reached = String::from_utf8(reached.stdout).unwrap();
    for what in ["port", "socket", "store", "environment", "descriptors", "word", "abstract"] {
        assert!(
            reached.lines().any(|line| line == what),
            "the probe does not see this host's {what}: {reached}"
        );
    }
}
