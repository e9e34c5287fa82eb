//! Many boxes at one time, whose keepers are killed again and again.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::Host;
use crate::scene::{Said, needs_root, wait_until};

const BOXES: u32 = 8;
const ROUNDS: u64 = 25;

#[test]
#[ignore = "takes minutes on a busy machine: just test operate"]
fn many_boxes_at_one_time_give_right_answers_and_leave_nothing() {
    needs_root!();
    let host = Host::new();
    thread::scope(|scope| {
        for id in 0..BOXES {
            let host = &host;
            scope.spawn(move || use_box(host, id));
        }
    });
    for place in ["boxes", "locks"] {
        assert_eq!(fs::read_dir(host.scene.path(place)).expect("listed").count(), 0, "{place}");
    }
    let users: Vec<String> = (0..BOXES).map(|id| format!("Uid:\t{}\t", host.first_uid + id)).collect();
    let is_ours = |status: &str| users.iter().any(|user| status.contains(user));
    wait_until("no process of a box is left", || {
        let processes = fs::read_dir("/proc").expect("listed").flatten();
        let mut statuses = processes.filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok());
        !statuses.any(|status| is_ours(&status))
    });
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("there");
    assert!(!mounts.contains(host.scene.path("boxes").to_str().expect("text")), "{mounts}");
}

fn use_box(host: &Host, id: u32) {
    let id = format!("-b{id}");
    let isolate = |words: &[&str]| host.isolate(&[&[id.as_str(), "--cg", "-s"], words].concat());
    let code = |words: &[&str]| {
        let said = Said::of(&mut isolate(words));
        assert!(said.code < 2, "{words:?}: {said:?}");
        said.code
    };
    assert_eq!(code(&["--init"]), 0);
    for round in 0..ROUNDS {
        assert_eq!(code(&["--run", "--", "/bin/true"]), 0);
        let sleep = ["-p", "--run", "--", "/bin/sleep", "1000"];
        let mut killed = isolate(&sleep).stderr(Stdio::null()).spawn().expect("it starts");
        // At another moment each time.
        thread::sleep(Duration::from_millis(round * 7 % 100));
        killed.kill().expect("it runs");
        killed.wait().expect("it ends");
        assert_eq!(code(&["-p", "-w", "100", "--run", "--", "/bin/bash", "-c", "echo x > file; exit 3"]), 1);
    }
    assert_eq!(code(&["--cleanup"]), 0);
}
