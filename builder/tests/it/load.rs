//! The service under load: `just test load` runs these and prints what they cost; `COUNT` and `CLIENTS` are variables.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use rustix::process::Pid;
use serde_json::{Value, json};

use crate::scene::{Scene, children_of_all, needs_root, wait_until};
use crate::service::{Service, inits};

const CPP: &str =
    "#include <iostream>\nint main() { int n; std::cin >> n; std::cout << \"hello \" << n << '\\n'; }\n";
const JAVA: &str = "public class Main { public static void main(String[] a) { System.out.println(\"hello \" + new java.util.Scanner(System.in).nextInt()); } }\n";
const PYTHON: &str = "print('hello', int(input()))";

fn number_of(name: &str, otherwise: usize) -> usize {
    env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// CPU time of a process, and of all that it has waited for, in ticks; nothing of one that has ended.
fn ticks(of: Pid) -> [f64; 2] {
    let stat = fs::read_to_string(format!("/proc/{}/stat", of.as_raw_nonzero())).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    // proc_pid_stat(5): utime is field 14, and the first one here is field 3.
    let mut times = fields.split_whitespace().skip(11).map(|field| field.parse().unwrap_or(0.0));
    let mut both = || times.by_ref().take(2).sum();
    [both(), both()]
}

/// CPU time of a service, and of its runs, in ticks; and its memory in KiB. The server of its pool has waited for the runs.
fn cost(of: Pid) -> (f64, f64, u64) {
    let [own, waited_for] = ticks(of);
    let below: f64 = children_of_all(of).into_iter().flat_map(ticks).sum();
    let status = fs::read_to_string(format!("/proc/{}/status", of.as_raw_nonzero())).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let memory = memory.trim().trim_end_matches(" kB").trim().parse().unwrap();
    (own, waited_for + below, memory)
}

/// Says what it cost. The share is that of a debug build; `just bench serve` has the release's.
fn report(what: &str, service: &Service, count: usize, start: Instant, memory: u64) {
    let (own, runs, now) = cost(service.pid());
    let share = own / (own + runs);
    let seconds = start.elapsed().as_secs_f64();
    eprintln!(
        "{what}: {:.1} a second; the service's own share of CPU time {:.1} %; memory {memory} KiB at first, {now} KiB at the end",
        count as f64 / seconds,
        100.0 * share,
    );
    assert!(now < 2 * memory + (64 << 10), "{memory} KiB became {now} KiB");
}

#[test]
#[ignore = "just test load"]
fn many_clients_are_all_answered_once_and_rightly() {
    needs_root!();
    let (count, clients) = (number_of("COUNT", 5000), number_of("CLIENTS", 200));
    let scene = Scene::new();
    scene.succeeds("build --pack python,cpp,java -o B --format dir");
    let settings = format!("slots=2 queue=100000 data={}", scene.path("data").display());
    let bundle = scene.path("B");
    let service = Service::of_bundle(&bundle, scene, "127.0.0.1:0", &settings);
    let body = |number: usize| {
        let (language, source) = [("cpp", CPP), ("python", PYTHON), ("java", JAVA)][number % 3];
        json!({"language": language, "source": source, "stdin": number.to_string()})
    };
    let (next, first_memory) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ids = Mutex::new(Vec::new());
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    if number == count / 5 {
                        first_memory.store(cost(service.pid()).2 as usize, Ordering::Relaxed);
                    }
                    let mut found = service.post("/v1/submissions?wait=200", &body(number)).json();
                    while found["state"] == "queued" || found["state"] == "running" {
                        let path = format!("/v1/submissions/{}?wait=200", found["id"].as_str().unwrap());
                        found = service.get(&path).json();
                    }
                    assert_eq!(found["result"]["stdout"], format!("hello {number}\n"), "{found}");
                    ids.lock().unwrap().push(found["id"].as_str().unwrap().to_owned());
                }
            });
        }
    });
    let mut ids = ids.into_inner().unwrap();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let what = format!("{count} submissions of {clients} clients");
    report(&what, &service, count, start, first_memory.into_inner() as u64);
}

#[test]
#[ignore = "just test load"]
fn a_batch_as_of_a_training_run_leaves_nothing() {
    needs_root!();
    let count = number_of("COUNT", 20_000);
    let service = Service::start("slots=2 limit.pids=64 default.memory=64M");
    let limits = json!({"cpu_us": 200_000, "wall_us": 10_000_000});
    let line = move |number: usize| {
        let source = match number % 10 {
            0..3 => "while True: pass".to_owned(),
            3 => "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass".to_owned(),
            _ => format!("print({number})"),
        };
        json!({"language": "python", "source": source, "limits": limits}).to_string() + "\n"
    };
    let (start, mut stream) = (Instant::now(), service.connect());
    let mut writer = stream.try_clone().unwrap();
    let head = "POST /v1/batch HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let sender = thread::spawn(move || {
        for number in 0..count {
            let line = line(number);
            write!(writer, "{:x}\r\n{line}\r\n", line.len()).unwrap();
        }
        writer.write_all(b"0\r\n\r\n").unwrap();
    });
    let (mut seen, mut memory) = (vec![false; count], 0);
    let mut answered = 0;
    for line in BufReader::new(stream).lines().map(Result::unwrap).filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(&line).unwrap();
        let index = line["index"].as_u64().unwrap() as usize;
        assert!(!std::mem::replace(&mut seen[index], true), "{index} twice");
        let status = line["answer"]["status"].as_str().unwrap_or_default();
        match index % 10 {
            0..=3 => assert!(["cpu-time-limit", "wall-time-limit"].contains(&status), "{line}"),
            _ => assert_eq!(
                (status, &line["answer"]["stdout"]),
                ("ok", &format!("{index}\n").into()),
                "{line}"
            ),
        }
        answered += 1;
        if answered == count / 5 {
            memory = cost(service.pid()).2;
        }
    }
    sender.join().unwrap();
    assert_eq!(answered, count);
    wait_until("nothing is left", || inits(service.pid()) == 0);
    report(&format!("a batch of {count} programs"), &service, count, start, memory);
}
