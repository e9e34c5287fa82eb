//! A service or its queue runs out of disk space: it finishes every acknowledged submission once there is space again.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::fleet::{Fleet, Small};
use crate::scene::{Scene, needs_root, wait_until};
use crate::service::{Answer, Service, bundle};
use crate::small_disk::SmallDisk;
use crate::workers::{python, result};

/// Of the small file system, and of the part that is made free again.
const DISK: usize = 8 << 20;
const RESERVE: usize = 3 << 20;
/// More refusals in a row than a disk that has room somewhere gives.
const REFUSALS: usize = 3;

/// What was acknowledged: the number that each submission prints, by its id.
type Taken = BTreeMap<String, usize>;

/// Hands submissions of a size in until the disk is full.
fn hand_in_until_full(service: &Service, taken: &mut Taken, padding: usize) {
    let mut refusals = 0;
    for number in taken.len().. {
        let body = python(&format!("print({number})\n#{}", "x".repeat(padding)));
        let key = format!("idempotency-key: n{number}-{padding}");
        let answer = service.request("POST", "/v1/submissions", &[&key], body.to_string().as_bytes());
        if answer.status == 202 {
            taken.insert(answer.json()["id"].as_str().unwrap().to_owned(), number);
            refusals = 0;
            continue;
        }
        refused_for_want_of_room(&answer);
        refusals += 1;
        if refusals == REFUSALS {
            return;
        }
    }
}

/// The refusal says what is wrong, and nothing of this host.
fn refused_for_want_of_room(answer: &Answer) {
    let text = answer.text();
    assert_eq!(answer.status, 507, "{text}");
    assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{text}");
    assert!(!text.contains("/data"), "{text}");
}

/// Every result that is there is the right one.
fn no_result_is_wrong(service: &Service, taken: &Taken) {
    for (id, number) in taken {
        let found = service.get(&format!("/v1/submissions/{id}")).json();
        if found["result"].is_object() {
            assert_eq!(found["result"]["stdout"], format!("{number}\n"), "{found}");
        }
    }
}

/// Calls submissions off, the last one first, until the disk is too full for it; gives those that were.
fn call_off_until_full(service: &Service, taken: &Taken) -> BTreeSet<String> {
    let mut called_off = BTreeSet::new();
    for id in taken.keys() {
        let answer = service.request("DELETE", &format!("/v1/submissions/{id}"), &[], b"");
        match answer.status {
            204 => drop(called_off.insert(id.clone())),
            // It was finished before.
            409 => {}
            _ => {
                refused_for_want_of_room(&answer);
                return called_off;
            }
        }
    }
    panic!("all could be called off: {called_off:?}");
}

fn other_doors_are_shut_as_clearly(service: &Service) {
    let judge0 = json!({"language_id": 71, "source_code": "print(1)"});
    let refused =
        (0..1000).map(|_| service.post("/submissions", &judge0)).find(|answer| answer.status != 201);
    let refused = refused.expect("no room for so many");
    assert_eq!(refused.status, 507, "{}", refused.text());
    let upload = service.request("POST", "/v1/problems", &[], &vec![b'x'; 100_000]);
    refused_for_want_of_room(&upload);
    // What is kept nowhere needs no room.
    assert_eq!(service.post("/v1/run", &python("print(6 * 7)")).json()["stdout"], "42\n");
}

#[test]
fn a_full_disk_refuses_what_is_new_and_loses_nothing_that_was_taken() {
    needs_root!();
    let (scene, disk) = (Scene::new(), SmallDisk::new(DISK, RESERVE));
    let settings = format!("slots=2 limit.wall-time=900s data={}", disk.place().join("data").display());
    let command = Service::command(bundle(), &scene, "127.0.0.1:0", &settings);
    let service = Service::launch(disk.has(&command), scene);
    let mut taken = Taken::new();
    hand_in_until_full(&service, &mut taken, 60_000);
    disk.fill();
    hand_in_until_full(&service, &mut taken, 0);
    let called_off = call_off_until_full(&service, &taken);
    other_doors_are_shut_as_clearly(&service);
    // Some are tried again, in vain.
    thread::sleep(Duration::from_secs(5));
    no_result_is_wrong(&service, &taken);
    disk.make_room();
    for (id, number) in &taken {
        let found = service.get(&format!("/v1/submissions/{id}?wait=250")).json();
        let events = service.get(&format!("/v1/submissions/{id}/events")).text();
        if called_off.contains(id) {
            assert_eq!(found["state"], "cancelled", "{found}");
            continue;
        }
        let seen = (&found["state"], &found["result"]["stdout"]);
        assert_eq!(seen, (&"done".into(), &format!("{number}\n").into()), "{found}");
        assert_eq!(events.matches("event: done").count(), 1, "{events}");
    }
    let again = service.post("/v1/submissions?wait=250", &python("print(3)")).json();
    assert_eq!(again["result"]["stdout"], "3\n", "{again}");
}

/// All that were taken have their results, and each of them one.
fn all_are_done(fleet: &Fleet, taken: &Taken) {
    for (id, number) in taken {
        let found: Value = result(fleet, id);
        let seen = (&found["state"], &found["result"]["stdout"]);
        assert_eq!(seen, (&"done".into(), &format!("{number}\n").into()), "{found}");
        assert_eq!(fleet.events(id, "done").len(), 1, "{number}");
    }
}

/// With workers that have something in hand when the disk is full, and with workers that come then.
#[test]
#[ignore = "just test nats"]
fn a_full_disk_of_a_service_with_workers_loses_nothing_and_floods_no_queue() {
    needs_root!();
    for workers in [2, 0] {
        let disk = SmallDisk::new(DISK, RESERVE);
        let mut fleet = Fleet::with(bundle(), Small::Service(disk), workers, "lease=2s");
        let mut taken = Taken::new();
        hand_in_until_full(fleet.service(), &mut taken, 60_000);
        fleet.disk().fill();
        hand_in_until_full(fleet.service(), &mut taken, 0);
        for _ in workers..2 {
            let worker = fleet.new_worker();
            fleet.workers.push(worker);
        }
        // Three leases, in which the workers bring what they have, and ask for more.
        thread::sleep(Duration::from_secs(6));
        no_result_is_wrong(fleet.service(), &taken);
        let (messages, most) = (fleet.messages(), 2 * taken.len() as u64);
        assert!(messages <= most, "{messages} messages for {} submissions", taken.len());
        fleet.disk().make_room();
        all_are_done(&fleet, &taken);
    }
}

#[test]
#[ignore = "just test nats"]
fn a_full_disk_of_the_queue_only_delays() {
    needs_root!();
    let disk = SmallDisk::new(DISK, RESERVE);
    let fleet = Fleet::with(bundle(), Small::Queue(disk), 2, "lease=2s");
    let hand_in = |number: usize| {
        let answer = fleet.service().post("/v1/submissions", &python(&format!("print({number})")));
        assert_eq!(answer.status, 202, "{}", answer.text());
        (answer.json()["id"].as_str().unwrap().to_owned(), number)
    };
    all_are_done(&fleet, &Taken::from([hand_in(0)]));
    fleet.disk().fill();
    let taken: Taken = (1..=30).map(hand_in).collect();
    let waiting = || fleet.service().get("/v1/status").json()["waiting"].as_u64().unwrap();
    // What still fits is done.
    thread::sleep(Duration::from_secs(4));
    no_result_is_wrong(fleet.service(), &taken);
    assert!(waiting() > 0);
    fleet.disk().make_room();
    all_are_done(&fleet, &taken);
    wait_until("nothing waits", || waiting() == 0);
}
