//! Workers and their queue: `just test nats` runs these, and installs what they need.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::called_off::{LONG, SLEEP, problem, until_it_sleeps};
use crate::fleet::Fleet;
use crate::scene::{needs_root, wait_until};
use crate::service::{Service, bundle, inits};

/// A lease that ends while a test waits; the wide limits are for programs that outlast it.
const SHORT: &str = "lease=2s limit.wall-time=900s default.wall-time=850s";
/// A program that outlasts any test.
const SLEEPER: &str = "import time; time.sleep(800)";

pub(crate) fn python(source: &str) -> Value {
    json!({"language": "python", "source": source})
}

fn hand_in(fleet: &Fleet, body: &Value) -> String {
    let answer = fleet.service().post("/v1/submissions", body);
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn look(fleet: &Fleet, id: &str) -> Value {
    fleet.service().get(&format!("/v1/submissions/{id}")).json()
}

pub(crate) fn result(fleet: &Fleet, id: &str) -> Value {
    fleet.service().get(&format!("/v1/submissions/{id}?wait=250")).json()
}

fn runs(fleet: &Fleet, worker: usize) -> bool {
    inits(fleet.workers[worker].pid()) > 0
}

/// Which worker runs something, when one does.
pub(crate) fn busy_one(fleet: &Fleet) -> usize {
    wait_until("a worker runs it", || (0..fleet.workers.len()).any(|one| runs(fleet, one)));
    (0..fleet.workers.len()).find(|one| runs(fleet, *one)).unwrap()
}

#[test]
#[ignore = "just test nats"]
fn workers_do_the_submissions_and_each_is_named() {
    needs_root!();
    let fleet = Fleet::start(2, "");
    let ids: Vec<String> =
        (0..20).map(|number| hand_in(&fleet, &python(&format!("print({number})")))).collect();
    for (number, id) in ids.iter().enumerate() {
        let found = result(&fleet, id);
        assert_eq!(
            (&found["state"], &found["result"]["stdout"], &found["attempt"]),
            (&"done".into(), &format!("{number}\n").into(), &1.into()),
            "{found}"
        );
    }
    let started = fleet.events(&ids[0], "running");
    assert!(started[0]["worker"].as_str().is_some_and(|name| name.contains('-')), "{started:?}");
    // What is run at once needs no worker.
    let run = fleet.service().post("/v1/run", &python("print(6 * 7)")).json();
    assert_eq!(run["stdout"], "42\n");
    let status = fleet.service().get("/v1/status").json();
    assert_eq!((&status["slots"], &status["workers"]), (&3.into(), &2.into()));
}

#[test]
#[ignore = "just test nats"]
fn a_worker_gets_the_problem_and_tells_each_test() {
    needs_root!();
    let fleet = Fleet::start(1, "limit.cpu-time=20s limit.memory=4G");
    let zip = crate::serve_submissions::archive(&fleet.service().scene, "mean");
    let problem = fleet.service().request("POST", "/v1/problems", &[], &zip).json();
    let source = fs::read_to_string(crate::judge::own("mean").join("submissions/accepted/mean.py")).unwrap();
    let mut body = python(&source);
    body["problem"] = problem["id"].clone();
    for _ in 0..2 {
        let id = hand_in(&fleet, &body);
        let found = result(&fleet, &id);
        assert_eq!(
            (&found["state"], &found["judgement"]["verdict"]),
            (&"done".into(), &"AC".into()),
            "{found}"
        );
        assert_eq!(fleet.events(&id, "test").len(), 4);
    }
}

#[test]
#[ignore = "just test nats"]
fn what_a_killed_worker_had_is_done_by_another() {
    needs_root!();
    let mut fleet = Fleet::start(2, SHORT);
    let id = hand_in(&fleet, &python("import time; time.sleep(5); print(3)"));
    let busy = busy_one(&fleet);
    fleet.workers[busy].kill();
    let found = result(&fleet, &id);
    assert_eq!(
        (&found["state"], &found["result"]["stdout"], &found["attempt"]),
        (&"done".into(), &"3\n".into(), &2.into()),
        "{found}"
    );
    let (begun, lost) = (fleet.events(&id, "running"), fleet.events(&id, "queued"));
    assert_ne!(begun[0]["worker"], begun[1]["worker"]);
    assert_eq!(lost[1]["worker"], begun[0]["worker"], "{lost:?}");
}

#[test]
#[ignore = "just test nats"]
fn the_work_of_a_worker_that_is_gone_is_done_by_another_within_one_lease() {
    needs_root!();
    let lease = Duration::from_secs(8);
    for workers in [2, 3] {
        let mut fleet = Fleet::start(workers, "lease=8s");
        let id = hand_in(&fleet, &python("import time; time.sleep(1); print(3)"));
        let busy = busy_one(&fleet);
        let before = Instant::now();
        fleet.workers[busy].kill();
        let found = result(&fleet, &id);
        let after = before.elapsed();
        let seen = (&found["state"], &found["result"]["stdout"], &found["attempt"]);
        assert_eq!(seen, (&"done".into(), &"3\n".into(), &2.into()), "{found}");
        // Its lease, half a second until that is noticed, and the second attempt.
        assert!(after < lease * 3 / 2, "{workers} workers: {after:?} after its worker was killed");
        eprintln!(
            "{workers} workers: done {:.2} leases after a worker was killed",
            after.div_duration_f64(lease)
        );
    }
}

#[test]
#[ignore = "just test nats"]
fn a_worker_that_lost_its_lease_ends_its_program_and_its_result_does_not_count() {
    needs_root!();
    let fleet = Fleet::start(2, SHORT);
    let id = hand_in(&fleet, &python(SLEEPER));
    let busy = busy_one(&fleet);
    // As when its machine stands still: the other one gets the submission.
    fleet.workers[busy].signal(Signal::STOP);
    wait_until("the other one runs it", || runs(&fleet, 1 - busy));
    fleet.workers[busy].signal(Signal::CONT);
    wait_until("the first one ends it", || !runs(&fleet, busy));
    assert!(runs(&fleet, 1 - busy));
    let found = look(&fleet, &id);
    assert_eq!((&found["state"], &found["attempt"]), (&"running".into(), &2.into()), "{found}");
    // It is called off, and the worker hears of it.
    let path = format!("/v1/submissions/{id}");
    assert_eq!(fleet.service().request("DELETE", &path, &[], b"").status, 204);
    wait_until("nobody runs it", || !runs(&fleet, 0) && !runs(&fleet, 1));
    assert_eq!(look(&fleet, &id)["state"], "cancelled");
}

#[test]
#[ignore = "just test nats"]
fn a_worker_that_lost_its_lease_ends_what_a_judge_runs() {
    needs_root!();
    let fleet = Fleet::start(2, &format!("lease=2s {LONG}"));
    let accepts = "import sys; sys.exit(42)\n";
    for (source, sheet, judge) in
        [(SLEEP, "", accepts), ("print(1)", "", SLEEP), ("", "type: interactive\n", SLEEP)]
    {
        let mut body = python(source);
        body["problem"] = problem(fleet.service(), sheet, judge);
        let id = hand_in(&fleet, &body);
        let busy = busy_one(&fleet);
        until_it_sleeps(fleet.workers[busy].pid());
        fleet.workers[busy].signal(Signal::STOP);
        wait_until("the other one runs it", || runs(&fleet, 1 - busy));
        fleet.workers[busy].signal(Signal::CONT);
        wait_until("the first one ends it", || !runs(&fleet, busy));
        let found = look(&fleet, &id);
        assert_eq!((&found["state"], &found["attempt"]), (&"running".into(), &2.into()), "{found}");
        assert_eq!(fleet.service().request("DELETE", &format!("/v1/submissions/{id}"), &[], b"").status, 204);
        wait_until("no worker runs it", || !runs(&fleet, 0) && !runs(&fleet, 1));
    }
}

#[test]
#[ignore = "just test nats"]
fn a_worker_without_its_service_ends_what_it_runs() {
    needs_root!();
    let mut fleet = Fleet::start(1, SHORT);
    let id = hand_in(&fleet, &python(SLEEPER));
    // A sandbox that is being made has processes now and then, too: its end would look like that of the program.
    until_it_sleeps(fleet.workers[busy_one(&fleet)].pid());
    let scene = fleet.kill_service();
    wait_until("it ends", || !runs(&fleet, 0));
    fleet.resume_service(scene);
    wait_until("it begins again", || look(&fleet, &id)["attempt"] == 2 && runs(&fleet, 0));
}

#[test]
#[ignore = "just test nats"]
fn a_service_that_comes_back_in_time_finds_its_worker_at_work() {
    needs_root!();
    let mut fleet = Fleet::start(1, "lease=20s limit.wall-time=900s");
    let id = hand_in(&fleet, &python("import time; time.sleep(4); print(3)"));
    busy_one(&fleet);
    fleet.restart_service();
    let found = result(&fleet, &id);
    assert_eq!(
        (&found["state"], &found["result"]["stdout"], &found["attempt"]),
        (&"done".into(), &"3\n".into(), &1.into()),
        "{found}"
    );
}

#[test]
#[ignore = "just test nats"]
fn a_worker_ends_when_its_service_comes_back_with_another_bundle() {
    needs_root!();
    let mut fleet = Fleet::start(1, SHORT);
    let scene = fleet.kill_service();
    let other = scene.path("other");
    assert!(Command::new("cp").arg("-a").arg(bundle()).arg(&other).status().unwrap().success());
    let manifest = other.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text + "\n").unwrap();
    fleet.resume_service_with(&other, scene);
    let id = hand_in(&fleet, &python("print(3)"));
    assert_eq!(fleet.workers[0].wait(), Some(1));
    assert_eq!(look(&fleet, &id)["attempt"], 0);
}

#[test]
#[ignore = "just test nats"]
fn a_queue_that_forgets_everything_loses_nothing() {
    needs_root!();
    let mut fleet = Fleet::start(0, "lease=2s");
    let ids: Vec<String> =
        (0..10).map(|number| hand_in(&fleet, &python(&format!("print({number})")))).collect();
    fleet.wipe_nats();
    let worker = fleet.new_worker();
    fleet.workers.push(worker);
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(result(&fleet, id)["result"]["stdout"], format!("{number}\n"));
    }
}

#[test]
#[ignore = "just test nats"]
fn a_submission_that_ends_its_workers_becomes_a_dead_letter_and_blocks_nobody() {
    needs_root!();
    let mut fleet = Fleet::start(2, "lease=1s limit.wall-time=900s default.wall-time=850s");
    let poison = hand_in(&fleet, &python(SLEEPER));
    let others: Vec<String> =
        (0..5).map(|number| hand_in(&fleet, &python(&format!("print({number})")))).collect();
    let start = Instant::now();
    while look(&fleet, &poison)["state"] != "dead" {
        assert!(start.elapsed() < crate::scene::HANG, "{}", look(&fleet, &poison));
        for one in 0..2 {
            // Only what outlasts a moment is the poison.
            if runs(&fleet, one) && {
                thread::sleep(Duration::from_millis(400));
                runs(&fleet, one)
            } {
                fleet.workers[one].kill();
                fleet.workers[one] = fleet.new_worker();
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    let found = look(&fleet, &poison);
    let why = found["result"]["error"].as_str().unwrap();
    assert!(why.contains("the worker was lost at each of 10 attempts"), "{found}");
    assert_eq!(fleet.events(&poison, "running").len(), 10);
    for (number, id) in others.iter().enumerate() {
        assert_eq!(result(&fleet, id)["result"]["stdout"], format!("{number}\n"));
    }
}

#[test]
#[ignore = "just test nats"]
fn a_judge_that_fails_is_tried_by_another_worker_and_then_on_record() {
    needs_root!();
    let fleet = Fleet::start(2, LONG);
    let mut body = python("print(1)");
    body["problem"] = problem(fleet.service(), "", "import sys; sys.exit(7)\n");
    let id = hand_in(&fleet, &body);
    let found = result(&fleet, &id);
    assert_eq!((&found["state"], &found["attempt"]), (&"dead".into(), &3.into()), "{found}");
    assert_eq!(found["judgement"]["verdict"], "JE", "{found}");
    let workers: Vec<String> =
        fleet.events(&id, "running").iter().map(|event| event["worker"].to_string()).collect();
    assert!(workers[0] != workers[1] && workers[1] != workers[2], "{workers:?}");
    let why = fleet.events(&id, "queued");
    assert!(why[1]["error"].is_string() && why[2]["error"].is_string(), "{why:?}");
}

#[test]
#[ignore = "just test nats"]
fn a_worker_with_a_wrong_token_or_none_is_told_so() {
    needs_root!();
    let fleet = Fleet::start(0, "");
    let said = |change: &[&str]| {
        let output = fleet.worker_command().args(change).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let wrong = said(&["--set", "worker-token=fedcba9876543210"]);
    assert!(wrong.contains("this is for workers, and needs their token"), "{wrong}");
    let none = said(&["--set", "worker-token="]);
    assert!(none.contains("a worker needs `worker-token`"), "{none}");
    let asked = fleet.service().post("/worker/begin", &json!({"worker": "w", "id": "x"}));
    assert_eq!(asked.status, 401);
    let without = Service::start("slots=1").post("/worker/begin", &json!({"worker": "w", "id": "x"}));
    assert_eq!(without.status, 401);
}

#[test]
#[ignore = "just test nats"]
fn a_worker_that_is_asked_to_end_finishes_what_it_does() {
    needs_root!();
    let mut fleet = Fleet::start(1, "limit.wall-time=900s");
    let id = hand_in(&fleet, &python("import time; time.sleep(3); print(3)"));
    busy_one(&fleet);
    fleet.workers[0].signal(Signal::TERM);
    assert_eq!(fleet.workers[0].wait(), Some(0));
    let found = look(&fleet, &id);
    assert_eq!((&found["state"], &found["attempt"]), (&"done".into(), &1.into()), "{found}");
}

/// A program that computes for this many milliseconds, however busy the machine is.
fn computing(millis: u32) -> Value {
    python(&format!("import time\nwhile time.process_time() < {millis} / 1000: pass\nprint({millis})"))
}

/// Submissions a second with one, two and three workers of one slot each. What they mean depends on the machine: they are
/// printed, and nothing is demanded of them but that each worker has done some.
#[test]
#[ignore = "just test nats"]
fn more_workers_do_more() {
    needs_root!();
    let mut fleet = Fleet::start(0, "queue=1000");
    for workers in 1..=3 {
        let worker = fleet.new_worker();
        fleet.workers.push(worker);
        let start = Instant::now();
        let ids: Vec<String> = (0..60).map(|_| hand_in(&fleet, &computing(100))).collect();
        let mut busy = BTreeSet::new();
        for id in &ids {
            assert_eq!(result(&fleet, id)["result"]["stdout"], "100\n");
            busy.insert(fleet.events(id, "running")[0]["worker"].to_string());
        }
        let each_second = ids.len() as f64 / start.elapsed().as_secs_f64();
        eprintln!("{workers} workers: {each_second:.1} submissions of 100 ms a second");
        assert_eq!(busy.len(), workers);
    }
}
