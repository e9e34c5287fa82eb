//! `capsule serve` with programs whose language has got ready: the same answers, nothing shared, and nothing left.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::pool::{below, cgroups};
use crate::scene::{HANG, children, children_of_all, needs_root, wait_until};
use crate::service::Service;
use crate::warm::state;

fn ask(service: &Service, body: &Value) -> Value {
    let answer = service.request("POST", "/v1/run", &[], body.to_string().as_bytes());
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The processes that have got ready, and wait.
fn waiting(service: &Service) -> Vec<Pid> {
    processes(service).into_iter().filter(|pid| state(*pid) == Some('T')).collect()
}

/// All below the service, whose pool is a thread's child.
fn processes(service: &Service) -> Vec<Pid> {
    children_of_all(service.pid())
        .into_iter()
        .flat_map(|child| [vec![child], below(child)].concat())
        .collect()
}

/// Asks again until what stands ready was used.
fn ask_warm(service: &Service, body: &Value) -> Value {
    let begin = Instant::now();
    loop {
        let answer = ask(service, body);
        assert_eq!(answer["status"], "ok", "{answer}");
        if answer["run"]["warm"] == true && answer["compile"]["warm"] == true {
            return answer;
        }
        assert!(begin.elapsed() < HANG, "nothing gets ready: {answer}");
        sleep(Duration::from_millis(20));
    }
}

/// What a process is given at random: a seed, a hash, and an address.
const RANDOM: &str = "import random\nprint(random.random(), hash('a'), [l for l in open('/proc/self/maps') if '[stack]' in l][0].split('-')[0])";

#[test]
fn what_gets_ready_serves_once_and_shares_nothing() {
    needs_root!();
    let service = Service::start("slots=1 warm=1");
    let body = json!({"language": "python", "source": RANDOM, "stdin": "x"});
    let answers: Vec<String> =
        (0..3).map(|_| ask_warm(&service, &body)["stdout"].as_str().unwrap().to_owned()).collect();
    for at in 0..3 {
        let words: HashSet<&str> =
            answers.iter().filter_map(|answer| answer.split_whitespace().nth(at)).collect();
        assert_eq!(words.len(), 3, "{answers:?}");
    }
}

#[test]
fn a_warm_program_sees_what_a_cold_one_sees() {
    needs_root!();
    let service = Service::start("slots=1 warm=1");
    let source = "import os, sys\n\
        print(sys.argv, sys.path, __name__, __file__, sorted(k for k in os.environ), os.getcwd(), os.listdir('.'))\n\
        print(sys.stdin.read(), os.fstat(0).st_size, os.lseek(0, 0, 1), sorted(p for p in os.listdir('/proc') if p.isdigit()))\n\
        print(sorted(os.listdir('/proc/self/fd')), open('/dev/stdin').read(), file=sys.stderr)\n\
        raise ValueError('told')";
    let body = json!({"language": "python", "source": source, "stdin": "said\n", "args": ["a", "b c"]});
    let what = |answer: &Value| ["status", "exit_code", "stdout", "stderr"].map(|name| answer[name].clone());
    let cold = ask(&service, &body);
    assert_eq!((&cold["run"]["warm"], &cold["status"]), (&Value::Null, &json!("nonzero-exit")), "{cold}");
    let begin = Instant::now();
    let warm = loop {
        let answer = ask(&service, &body);
        if answer["run"]["warm"] == true {
            break answer;
        }
        assert!(begin.elapsed() < HANG, "{answer}");
        sleep(Duration::from_millis(20));
    };
    assert_eq!(what(&warm), what(&cold));
}

#[test]
fn what_does_not_fit_starts_cold() {
    needs_root!();
    let service = Service::start("slots=1 warm=1");
    let plain = json!({"language": "python", "source": "print(input())", "stdin": "one"});
    ask_warm(&service, &plain);
    wait_until("another stands ready", || !waiting(&service).is_empty());
    let others = [
        json!({"language": "python", "source": "print(input())", "stdin": "one", "limits": {"cpu_us": 3_000_000}}),
        json!({"language": "python", "files": {"main.py": "import a", "a.py": "print('one')"}, "entry": "main.py"}),
        json!({"language": "c", "source": "#include <stdio.h>\nint main(void) { puts(\"one\"); }"}),
    ];
    for other in others {
        let answer = ask(&service, &other);
        assert_eq!((&answer["stdout"], &answer["run"]["warm"]), (&json!("one\n"), &Value::Null), "{answer}");
    }
}

#[test]
fn no_more_get_ready_than_the_operator_says() {
    needs_root!();
    let service = Service::start("slots=1 warm=1");
    for argument in ["a", "b"] {
        let body =
            json!({"language": "python", "source": "import sys\nprint(sys.argv[1])", "args": [argument]});
        assert_eq!(ask_warm(&service, &body)["stdout"], format!("{argument}\n"));
        wait_until("one kind has made room for the other", || {
            // Of both steps.
            waiting(&service).len() == 2
        });
    }
    sleep(Duration::from_secs(1));
    assert_eq!(waiting(&service).len(), 2);
}

#[test]
fn many_at_a_time_do_not_make_it_keep_more() {
    needs_root!();
    let service = Service::start("slots=4 warm=2");
    let body = json!({"language": "python", "source": "print('here')"});
    for _ in 0..2 {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(ask(&service, &body)["stdout"], "here\n"));
            }
        });
    }
    wait_until("as many stand ready as may", || waiting(&service).len() >= 4);
    // The last of them have not asked for more, which would come now.
    sleep(Duration::from_secs(1));
    assert_eq!(waiting(&service).len(), 4, "two steps of two programs");
}

#[test]
fn one_that_is_killed_while_it_waits_does_no_harm() {
    needs_root!();
    let service = Service::start("slots=1 warm=1");
    let body = json!({"language": "python", "source": "print('here')"});
    for _ in 0..2 {
        ask_warm(&service, &body);
        wait_until("another stands ready", || waiting(&service).len() == 2);
        for pid in waiting(&service) {
            kill_process(pid, Signal::KILL).unwrap();
        }
        let answer = ask(&service, &body);
        assert_eq!((&answer["status"], &answer["stdout"]), (&json!("ok"), &json!("here\n")), "{answer}");
    }
}

#[test]
fn nothing_that_waits_outlives_the_service() {
    needs_root!();
    for signal in [Signal::TERM, Signal::KILL] {
        let mut service = Service::start("slots=1 warm=2");
        ask_warm(&service, &json!({"language": "python", "source": "print(1)"}));
        wait_until("another stands ready", || !waiting(&service).is_empty());
        let all = processes(&service);
        let supervisors: Vec<Pid> = children_of_all(service.pid()).into_iter().flat_map(children).collect();
        assert!(!cgroups(&supervisors).is_empty());
        service.signal(signal);
        service.wait();
        wait_until("its processes end", || all.iter().all(|pid| matches!(state(*pid), None | Some('Z'))));
        wait_until("its cgroups go", || cgroups(&supervisors).is_empty());
    }
}
