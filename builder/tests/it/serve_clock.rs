//! A service and workers whose machine's clock is stepped, by an hour and by days: `just vm-operate serve`. Nowhere else: the
//! clock is that of all programs.

use std::env;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime, clock_settime};
use serde_json::{Value, json};

use crate::fleet::{Fleet, Small};
use crate::scene::{Scene, wait_until};
use crate::service::Service;
use crate::workers::busy_one;

/// What builder/tests/machine/machine.sh puts into the machine: a bundle that has bash.
const BUNDLE: &str = "/judge";
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// After all of them the clock is as it was.
const STEPS: [i64; 4] = [HOUR, -2 * HOUR, 10 * DAY, HOUR - 10 * DAY];
/// Seconds that a submission runs during which the clock is stepped.
const LONG: u64 = 4;

/// Panics outside of the machine: no test may step the clock of another one.
fn only_in_the_machine() {
    let is_there = env::var_os("CAPSULE_MACHINE").is_some() && Path::new("/part").exists();
    assert!(is_there, "this steps the machine's clock: only `just vm-operate serve` may run it");
}

/// Steps the clock of the whole machine by seconds.
fn step(by: i64) {
    only_in_the_machine();
    let mut time = clock_gettime(ClockId::Realtime);
    time.tv_sec += by;
    clock_settime(ClockId::Realtime, time).unwrap();
}

fn bash(source: &str) -> Value {
    json!({"language": "bash", "source": source})
}

/// Hands one in, named by its number, and gives its id.
fn hand_in(service: &Service, number: usize, source: &str) -> String {
    let key = format!("idempotency-key: n{number}");
    let answer = service.request("POST", "/v1/submissions", &[&key], bash(source).to_string().as_bytes());
    assert!([200, 202].contains(&answer.status), "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn look(service: &Service, id: &str) -> Value {
    service.get(&format!("/v1/submissions/{id}")).json()
}

fn count(service: &Service, id: &str, kind: &str) -> usize {
    service.get(&format!("/v1/submissions/{id}/events")).text().matches(&format!("event: {kind}\n")).count()
}

/// One that runs and one that waits while the clock is stepped, and clients that wait for them.
fn both_get_their_results(service: &Service, number: usize, by: i64) {
    let long = format!("sleep {LONG}; echo {number}");
    let (first, second) = (2 * number, 2 * number + 1);
    let ids = [hand_in(service, first, &long), hand_in(service, second, &format!("echo {number}"))];
    wait_until("it runs", || look(service, &ids[0])["state"] == "running");
    thread::scope(|scope| {
        let clients = ids.each_ref().map(|id| {
            let wait = move || service.get(&format!("/v1/submissions/{id}?wait=250")).json();
            let follow = move || count(service, id, "done");
            (scope.spawn(wait), scope.spawn(follow))
        });
        // One that waits for less than the program takes is answered in its time.
        let impatient = scope.spawn(|| {
            let start = Instant::now();
            let found = service.get(&format!("/v1/submissions/{}?wait=1", ids[0])).json();
            (found["state"].clone(), start.elapsed())
        });
        thread::sleep(Duration::from_millis(300));
        step(by);
        for (waits, follows) in clients {
            let found = waits.join().unwrap();
            let seen = (&found["state"], &found["result"]["stdout"], &found["attempt"]);
            assert_eq!(seen, (&"done".into(), &format!("{number}\n").into(), &1.into()), "{by}: {found}");
            assert_eq!(follows.join().unwrap(), 1, "{by}");
        }
        let (_, waited) = impatient.join().unwrap();
        assert!((1..250).contains(&waited.as_secs()), "{by}: {waited:?}");
    });
    let wall_us = look(service, &ids[0])["result"]["run"]["wall_us"].as_u64().unwrap();
    assert!((LONG * 1_000_000..250_000_000).contains(&wall_us), "{by}: {wall_us}");
    // The names of before the step are known after it.
    assert_eq!(hand_in(service, first, &long), ids[0]);
}

#[test]
#[ignore = "just vm-operate serve"]
fn steps_of_the_clock_change_no_result_and_remove_none() {
    only_in_the_machine();
    let scene = Scene::new();
    let settings = format!("slots=1 queue=200 keep=150 data={}", scene.path("data").display());
    let service = Service::of_bundle(Path::new(BUNDLE), scene, "127.0.0.1:0", &settings);
    STEPS.iter().enumerate().for_each(|(number, by)| both_get_their_results(&service, number, *by));
    // Longer than `keep-time`.
    for (round, by) in [10 * DAY, -20 * DAY, 10 * DAY].into_iter().enumerate() {
        what_is_fresh_stays(&service, 1000 * (round + 1), by);
    }
    full_queues_say_when_to_come_back();
}

/// Neither is what was finished before the step old, nor what was finished after it. When there are a hundred more results,
/// those that are too old or too many are removed: this has as many.
fn what_is_fresh_stays(service: &Service, number: usize, by: i64) {
    let call_off = |id: &str| {
        assert_eq!(service.request("DELETE", &format!("/v1/submissions/{id}"), &[], b"").status, 204);
    };
    let fresh = hand_in(service, number, "echo fresh");
    assert_eq!(service.get(&format!("/v1/submissions/{fresh}?wait=250")).json()["state"], "done");
    step(by);
    let blocks = hand_in(service, number + 1, "sleep 100");
    let others = (2..102).map(|other| hand_in(service, number + other, "echo 1"));
    let others: Vec<String> = others.inspect(|id| call_off(id)).collect();
    call_off(&blocks);
    assert_eq!(look(service, &fresh)["result"]["stdout"], "fresh\n", "{by}");
    for id in &others {
        assert_eq!(look(service, id)["state"], "cancelled", "{by}");
    }
}

fn full_queues_say_when_to_come_back() {
    let service = Service::of_bundle(Path::new(BUNDLE), Scene::new(), "127.0.0.1:0", "slots=1 queue=1");
    hand_in(&service, 0, "sleep 100");
    wait_until("it runs", || service.get("/v1/status").json()["busy"] == 1);
    hand_in(&service, 1, "echo 1");
    for by in [HOUR, -HOUR] {
        step(by);
        let refused = service.post("/v1/submissions", &bash("echo 2"));
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(
            refused.head.contains("retry-after: 1\r\n") || refused.head.ends_with("retry-after: 1"),
            "{}",
            refused.head
        );
    }
}

#[test]
#[ignore = "just vm-operate serve"]
fn steps_of_the_clock_end_no_lease_and_keep_none() {
    only_in_the_machine();
    let lease = Duration::from_secs(20);
    let mut fleet = Fleet::with(Path::new(BUNDLE), Small::Nothing, 2, "lease=20s");
    STEPS.iter().enumerate().for_each(|(number, by)| both_get_their_results(fleet.service(), number, *by));
    // A worker that is gone, at whichever time the others believe that it is.
    for (round, by) in [-DAY, DAY].into_iter().enumerate() {
        let id = hand_in(fleet.service(), 100 + round, "sleep 5; echo 5");
        wait_until("it runs", || look(fleet.service(), &id)["state"] == "running");
        let held = busy_one(&fleet);
        step(by);
        fleet.workers[held].kill();
        let start = Instant::now();
        let found = fleet.service().get(&format!("/v1/submissions/{id}?wait=250")).json();
        let seen = (&found["state"], &found["result"]["stdout"], &found["attempt"]);
        assert_eq!(seen, (&"done".into(), &"5\n".into(), &2.into()), "{by}: {found}");
        assert!(start.elapsed() < 2 * lease, "{by}: {:?}", start.elapsed());
        fleet.workers[held] = fleet.new_worker();
    }
}
