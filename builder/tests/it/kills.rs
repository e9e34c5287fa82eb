//! A service, its workers and its queue that are killed at random moments: `just test kills`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::scene::needs_root;
use crate::service::Service;
use crate::workers::{python, result};

/// Random numbers, the same ones for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// The submission of a number, and what must come of it: its status, and what it prints.
fn numbered(number: usize) -> (Value, &'static str, String) {
    match number % 50 {
        7 => {
            let mut body = python("while True: pass");
            body["limits"] = json!({"cpu_us": 100_000});
            (body, "cpu-time-limit", String::new())
        }
        13 | 33 => (python(&format!("print({number}); exit(3)")), "nonzero-exit", format!("{number}\n")),
        _ => (python(&format!("print({number})")), "ok", format!("{number}\n")),
    }
}

/// Hands a submission in until it is acknowledged, however often the service is killed.
fn hand_in_surely(port: u16, number: usize) -> String {
    let body = numbered(number).0.to_string();
    let head = [format!("idempotency-key: n{number}")];
    loop {
        let answer = Service::ask(port, "POST", "/v1/submissions", &head, body.as_bytes());
        let answer = answer.filter(|answer| answer.status == 202 || answer.status == 200);
        // A kill may cut an answer short.
        let whole = answer.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
        if let Some(answer) = whole {
            return answer["id"].as_str().unwrap().to_owned();
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// `COUNT` submissions (2000) while the service, the workers and nats-server are killed at random moments; `SEED` repeats the
/// moments.
#[test]
#[ignore = "just test kills"]
fn kills_at_random_moments_lose_nothing_and_change_no_result() {
    needs_root!();
    let number_of = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = number_of("COUNT").unwrap_or(2000) as usize;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let seed = number_of("SEED").unwrap_or(now).max(1);
    let mut random = Random(seed);
    let mut fleet = Fleet::start(2, "lease=3s queue=100000");
    let (port, acknowledged) = (fleet.port(), AtomicUsize::new(0));
    let mut kills = [0; 3];
    let ids: Vec<String> = thread::scope(|scope| {
        let client = |part: usize| {
            let acknowledged = &acknowledged;
            scope.spawn(move || {
                let hand_in = |number| {
                    let id = hand_in_surely(port, number);
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    (number, id)
                };
                (part..count).step_by(4).map(hand_in).collect::<Vec<_>>()
            })
        };
        let clients: Vec<_> = (0..4).map(client).collect();
        while acknowledged.load(Ordering::Relaxed) < count || open(&fleet) > 0 {
            thread::sleep(Duration::from_millis(300 + random.below(1500)));
            kill_one(&mut fleet, &mut random, &mut kills);
        }
        let mut ids: Vec<_> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        ids.sort();
        ids.into_iter().map(|(_, id)| id).collect()
    });
    eprintln!("seed {seed}: {count} submissions; killed service, workers, nats-server {kills:?} times");
    assert!(kills.iter().all(|kills| *kills > 0), "{kills:?}");
    let mut again = 0;
    for (number, id) in ids.iter().enumerate() {
        let ((_, status, printed), found) = (numbered(number), result(&fleet, id));
        let seen = (&found["state"], &found["result"]["status"], &found["result"]["stdout"]);
        assert_eq!(seen, (&"done".into(), &status.into(), &printed.into()), "seed {seed}: {number}: {found}");
        assert_eq!(fleet.events(id, "done").len(), 1, "seed {seed}: {number}");
        again += usize::from(found["attempt"] != 1);
        // The same key is the same submission, after all the kills.
        assert_eq!(*id, hand_in_surely(port, number));
    }
    eprintln!("{again} of them were begun more than once");
}

/// How many submissions are not finished.
fn open(fleet: &Fleet) -> u64 {
    let status = fleet.service().get("/v1/status").json();
    status["waiting"].as_u64().unwrap() + status["busy"].as_u64().unwrap()
}

fn kill_one(fleet: &mut Fleet, random: &mut Random, kills: &mut [u32; 3]) {
    let victim = [0, 1, 1, 2][random.below(4) as usize];
    kills[victim] += 1;
    let pause = Duration::from_millis(random.below(1000));
    match victim {
        0 => {
            let scene = fleet.kill_service();
            thread::sleep(pause);
            fleet.resume_service(scene);
        }
        1 => {
            let one = random.below(2) as usize;
            fleet.workers[one].kill();
            thread::sleep(pause);
            fleet.workers[one] = fleet.new_worker();
        }
        _ => {
            fleet.kill_nats();
            thread::sleep(pause);
            fleet.start_nats();
        }
    }
}
