//! go-judge's API, by the requests that its documents have.

use serde_json::{Value, json};

use crate::scene::{Scene, needs_root, wait_until};
use crate::service::Service;

const GCC: &str = "/usr/bin/gcc";
const HELLO: &str =
    "#include <stdio.h>\nint main(void) { int n; scanf(\"%d\", &n); printf(\"%d\\n\", n + 1); return 0; }\n";

/// A command with what go-judge's documents give each: its streams and its limits.
fn command(args: &[&str], stdin: &Value) -> Value {
    json!({
        "args": args,
        "env": ["PATH=/usr/bin:/bin"],
        "files": [stdin, {"name": "stdout", "max": 10240}, {"name": "stderr", "max": 10240}],
        "cpuLimit": 20_000_000_000u64,
        "clockLimit": 100_000_000_000u64,
        "memoryLimit": 512 << 20,
        "procLimit": 50,
    })
}

/// What a request's commands came to.
fn run(service: &Service, request: &Value) -> Vec<Value> {
    let answer = service.post("/run", request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().as_array().unwrap().clone()
}

fn with(mut command: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        command[name] = value.clone();
    }
    command
}

fn python(source: &str, stdin: &Value) -> Value {
    with(command(&["/usr/bin/python3", "a.py"], stdin), json!({"copyIn": {"a.py": {"content": source}}}))
}

#[test]
fn one_command_has_its_output_its_times_and_its_status() {
    needs_root!();
    let service = Service::start("slots=2");
    let text = json!({"content": "1 2"});
    let found = &run(&service, &json!({"cmd": [python("print(input()[::-1])", &text)]}))[0];
    assert_eq!((&found["status"], &found["exitStatus"]), (&"Accepted".into(), &0.into()), "{found}");
    assert_eq!(found["files"], json!({"stdout": "2 1\n", "stderr": ""}));
    assert!(found["time"].as_u64().unwrap() > 0 && found["memory"].as_u64().unwrap() > 0, "{found}");
    assert!(found["runTime"].as_u64().unwrap() > 0, "{found}");
    let nothing = json!({"content": ""});
    for (source, fields, status, exit) in [
        ("exit(3)", json!({}), "Nonzero Exit Status", 3),
        ("import os; os.abort()", json!({}), "Signalled", 6),
        ("while True: pass", json!({"cpuLimit": 100_000_000u64}), "Time Limit Exceeded", 9),
        ("import time; time.sleep(99)", json!({"clockLimit": 200_000_000u64}), "Time Limit Exceeded", 9),
        ("a = bytearray(1 << 30)", json!({"memoryLimit": 64 << 20}), "Memory Limit Exceeded", 9),
        ("print('x' * 20000)", json!({}), "Output Limit Exceeded", 0),
        ("print(1)", json!({"copyOut": ["stdout", "none"]}), "File Error", 0),
        ("print(1)", json!({"copyOut": ["stdout", "none?"]}), "Accepted", 0),
    ] {
        let found = &run(&service, &json!({"cmd": [with(python(source, &nothing), fields)]}))[0];
        assert_eq!(
            (&found["status"], &found["exitStatus"]),
            (&status.into(), &exit.into()),
            "{source}: {found}"
        );
    }
    let cut = with(python("print('x' * 20000)", &nothing), json!({"copyOutTruncate": true}));
    let found = &run(&service, &json!({"cmd": [cut]}))[0];
    assert_eq!(
        (&found["status"], found["files"]["stdout"].as_str().unwrap().len()),
        (&"Accepted".into(), 10240)
    );
}

#[test]
fn a_program_is_compiled_once_and_run_from_what_was_kept() {
    needs_root!();
    let service = Service::start("slots=1");
    let nothing = json!({"content": ""});
    let compile = with(
        command(&[GCC, "a.c", "-o", "a"], &nothing),
        json!({"copyIn": {"a.c": {"content": HELLO}}, "copyOut": ["stdout", "stderr"], "copyOutCached": ["a"]}),
    );
    let found = &run(&service, &json!({"cmd": [compile]}))[0];
    assert_eq!(found["status"], "Accepted", "{found}");
    let id = found["fileIds"]["a"].as_str().unwrap().to_owned();
    assert!(found["files"]["a"].is_null());
    assert_eq!(service.get("/file").json(), json!({id.as_str(): "a"}));
    for (args, number) in [("a", 1), ("./a", 41)] {
        let stdin = json!({"content": number.to_string()});
        let cmd = with(command(&[args], &stdin), json!({"copyIn": {"a": {"fileId": id}}}));
        let found = &run(&service, &json!({"cmd": [cmd]}))[0];
        assert_eq!(found["files"]["stdout"], format!("{}\n", number + 1), "{found}");
    }
    let bytes = service.get(&format!("/file/{id}"));
    assert!(bytes.body.starts_with(b"\x7fELF") && bytes.head.contains("attachment"), "{}", bytes.head);
    let path = format!("/file/{id}");
    assert_eq!(service.request("DELETE", &path, &[], b"").status, 200);
    assert_eq!((service.get(&path).status, service.request("DELETE", &path, &[], b"").status), (404, 404));
    let gone = json!({"cmd": [with(command(&["a"], &nothing), json!({"copyIn": {"a": {"fileId": id}}}))]});
    assert_eq!(service.post("/run", &gone).status, 500);
}

#[test]
fn two_programs_talk_through_pipes_and_the_transcript_is_kept() {
    needs_root!();
    let service = Service::start("slots=1");
    let asks = "print(20, flush=True)\nprint(int(input()) * 2, file=__import__('sys').stderr)";
    let answers = "print(int(input()) + 1, flush=True)";
    let piped = |source: &str| {
        with(python(source, &Value::Null), json!({"files": [null, null, {"name": "stderr", "max": 100}]}))
    };
    let pipe = |from: usize, to: usize| {
        json!({
            "in": {"index": from, "fd": 1}, "out": {"index": to, "fd": 0}, "proxy": true, "name": format!("talk{from}"), "max": 100,
        })
    };
    for is_proxied in [true, false] {
        let mut pipes = json!([pipe(0, 1), pipe(1, 0)]);
        if !is_proxied {
            pipes.as_array_mut().unwrap().iter_mut().for_each(|pipe| pipe["name"] = "".into());
        }
        let found = run(&service, &json!({"cmd": [piped(asks), piped(answers)], "pipeMapping": pipes}));
        let states: Vec<_> = found.iter().map(|one| one["status"].clone()).collect();
        assert_eq!(states, ["Accepted", "Accepted"], "{found:?}");
        assert_eq!(found[0]["files"]["stderr"], "42\n");
        let talk = [&found[0]["files"]["talk0"], &found[1]["files"]["talk1"]];
        match is_proxied {
            true => assert_eq!(talk, ["20\n", "21\n"]),
            false => assert!(talk.iter().all(|talk| talk.is_null())),
        }
    }
    // One that goes away ends the talk: the other one reads the end, and does not wait for ever.
    let left = run(
        &service,
        &json!({"cmd": [piped("exit(0)"), piped("input()")], "pipeMapping": [pipe(0, 1), pipe(1, 0)]}),
    );
    assert_eq!((&left[0]["status"], &left[1]["status"]), (&"Accepted".into(), &"Nonzero Exit Status".into()));
}

#[test]
fn files_come_and_go_by_their_ids_and_belong_to_their_tenant() {
    needs_root!();
    let scene = Scene::new();
    let tenants = "[tenants.a]\ntoken = \"aaaaaaaaaaaaaaaa\"\n[tenants.b]\ntoken = \"bbbbbbbbbbbbbbbb\"\n";
    scene.file("serve.toml", format!("slots = 1\nfiles = \"1K\"\n{tenants}"));
    let service = Service::in_scene(scene, "127.0.0.1:0", "serve.toml");
    let token = |who: &str| format!("authorization: Bearer {}", who.repeat(16));
    let form = |content: &str| {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"n.txt\"\r\n\r\n{content}\r\n--x--\r\n"
        )
    };
    let upload = |who: &str, content: &str| {
        let head = [&*token(who), "content-type: multipart/form-data; boundary=x"];
        service.request("POST", "/file", &head, form(content).as_bytes())
    };
    let id = upload("a", "hello").json().as_str().unwrap().to_owned();
    let path = format!("/file/{id}");
    let asked = |method: &str, path: &str, who: &str| service.request(method, path, &[&token(who)], b"");
    let own = asked("GET", &path, "a");
    assert_eq!((own.status, own.text().as_str()), (200, "hello"));
    assert!(own.head.contains("filename=\"n.txt\""), "{}", own.head);
    assert_eq!(asked("GET", "/file", "b").json(), json!({}));
    assert_eq!((asked("GET", &path, "b").status, asked("DELETE", &path, "b").status), (404, 404));
    let stolen = json!({"cmd": [command(&["/bin/cat"], &json!({"fileId": id}))]}).to_string();
    assert_eq!(service.request("POST", "/run", &[&token("b")], stolen.as_bytes()).status, 500);
    assert_eq!((service.get("/file").status, service.post("/run", &json!({})).status), (401, 401));
    let full = upload("a", &"x".repeat(1100));
    assert!(full.status == 500 && full.text().contains("may have 1024 bytes"), "{}", full.text());
    assert_eq!(upload("b", "other").status, 200);
    let nothing = service.request(
        "POST",
        "/file",
        &[&token("a"), "content-type: multipart/form-data; boundary=x"],
        b"--x--\r\n",
    );
    assert!(nothing.status == 400 && nothing.text().contains("no field `file`"), "{}", nothing.text());
}

/// axum has a limit of its own, of 2 MiB, which is no setting.
#[test]
fn an_upload_is_as_long_as_the_setting_body_allows() {
    needs_root!();
    let service = Service::start("slots=1 body=4M");
    let upload = |bytes: usize| {
        let form = format!(
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"n\"\r\n\r\n{}\r\n--x--\r\n",
            "a".repeat(bytes)
        );
        let head = ["content-type: multipart/form-data; boundary=x"];
        service.request("POST", "/file", &head, form.as_bytes())
    };
    let taken = upload(3 << 20);
    assert_eq!(taken.status, 200, "{}", taken.text());
    let id = taken.json().as_str().unwrap().to_owned();
    assert_eq!(service.get(&format!("/file/{id}")).body.len(), 3 << 20);
    assert_eq!(upload(4 << 20).status, 413);
}

#[test]
fn nothing_of_the_host_comes_out_and_nothing_runs_on() {
    needs_root!();
    let service = Service::start("slots=1 default.wall-time=850s limit.wall-time=900s");
    let nothing = json!({"content": ""});
    let links =
        "import os; os.symlink('/etc/passwd', 'a'); os.mkdir('d'); os.symlink('/etc', 'd/e'); os.mkfifo('p')";
    let cmd = with(
        python(links, &nothing),
        json!({"copyOut": ["a", "d/e/passwd", "p", "d", "../etc/passwd", "/etc/passwd"]}),
    );
    let found = &run(&service, &json!({"cmd": [cmd]}))[0];
    assert_eq!(
        (&found["status"], found["fileError"].as_array().unwrap().len()),
        (&"File Error".into(), 6),
        "{found}"
    );
    let host = json!({"cmd": [command(&["/bin/cat"], &json!({"src": "/etc/passwd"}))]});
    assert_eq!(service.post("/run", &host).status, 400);
    let version = service.get("/version").json();
    assert_eq!((&version["copyOutOptional"], &version["buildVersion"]), (&true.into(), &"v1.9.0".into()));
    let config = service.get("/config").json();
    assert_eq!(config["fixSymlinkEscape"], true);
    // Both of a group end with their client.
    let sleeper = || python("import time; time.sleep(800)", &nothing);
    let body = json!({"cmd": [sleeper(), sleeper()]}).to_string();
    let mut stream = service.connect();
    let head =
        format!("POST /run HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    wait_until("both run", || crate::service::inits(service.pid()) == 2);
    drop(stream);
    wait_until("both end", || crate::service::inits(service.pid()) == 0);
    wait_until("the slot is free", || service.get("/v1/status").json()["busy"] == 0);
}
