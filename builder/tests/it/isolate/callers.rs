//! Calls as CMS, Judge0, Piston and camisole make them, with the files and meta keys that they read.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Stdio;

use super::Host;
use crate::scene::{Said, needs_root};

/// CMS's Sandbox.py: its own directory as /tmp, streams in there, everything reported in a meta file of its own.
#[test]
fn cms_evaluates_a_submission() {
    needs_root!();
    // What CMS has in /tmp; the test's directory is elsewhere.
    let host = Host::new();
    let outer = tempfile::Builder::new().prefix("cms-").tempdir_in("/tmp").expect("a directory");
    let home = outer.path().join("home");
    fs::create_dir(&home).expect("made");
    fs::set_permissions(outer.path(), Permissions::from_mode(0o755)).expect("set");
    fs::set_permissions(&home, Permissions::from_mode(0o777)).expect("set");
    chown(&home, Some(1234), Some(1234)).expect("given");
    fs::write(home.join("input.txt"), "41\n").expect("written");
    fs::write(home.join("solution"), "#!/bin/bash\nread -r n; echo $((n + 1)); echo note >&2\n")
        .expect("written");
    fs::set_permissions(home.join("solution"), Permissions::from_mode(0o755)).expect("set");
    let cms = |words: &[&str]| Said::of(&mut host.isolate(&[&["--box-id=64001"], words].concat()));
    assert_eq!(cms(&["--cg", "--cleanup"]).code, 0);
    assert_eq!(cms(&["--cg", "--init"]).code, 0);
    let meta = outer.path().join("run.meta.0");
    let directory = format!("--dir=/tmp={}:rw", home.display());
    let option = format!("--meta={}", meta.display());
    let options = [
        "--cg",
        "--chdir=/tmp",
        &directory,
        "--dir=/dev/shm:tmp",
        "--dir=/etc=/etc",
        "--full-env",
        "--env=HOME=/tmp",
        "--fsize=1048576",
        "--stdin=/tmp/input.txt",
        "--stack=262144",
        "--cg-mem=262144",
        "--stdout=/tmp/stdout.txt",
        "--processes",
        "--stderr=/tmp/stderr.txt",
        "--time=5",
        "--wall-time=20",
        "--extra-time=0.5",
        &option,
        "--run",
        "--",
    ];
    let said = cms(&[&options[..], &["./solution"]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(fs::read_to_string(home.join("stdout.txt")).expect("there"), "42\n");
    assert_eq!(fs::read_to_string(home.join("stderr.txt")).expect("there"), "note\n");
    let text = fs::read_to_string(&meta).expect("there");
    for key in ["time:", "time-wall:", "cg-mem:", "exitcode:0\n"] {
        assert!(text.contains(key), "{key}: {text}");
    }
    assert!(!text.contains("status:"), "{text}");
    // Files of the box's user that its owner may not remove by itself.
    let said = cms(&["--cg", &directory, "--run", "--", "/bin/chmod", "777", "-R", "/tmp"]);
    assert_eq!(
        fs::metadata(home.join("stdout.txt")).expect("there").permissions().mode() & 0o777,
        0o777,
        "{said:?}"
    );
    assert_eq!(cms(&["--cg", "--cleanup"]).code, 0);
}

/// CMS's Communication tasks: two boxes at once, joined by FIFOs.
#[test]
fn two_boxes_talk_over_fifos() {
    needs_root!();
    let host = Host::new();
    let shared = tempfile::Builder::new().prefix("cms-").tempdir_in("/tmp").expect("a directory");
    fs::set_permissions(shared.path(), Permissions::from_mode(0o755)).expect("set");
    let fifos = ["in", "out"].map(|name| {
        let path = shared.path().join(name);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o666.into(), 0)
            .expect("made");
        fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("set");
        path
    });
    assert!(fifos.iter().all(|fifo| fifo.exists()));
    for line in ["-b 1 --cg", "-b 2 --cg"] {
        host.init(line);
    }
    let directory = format!("--dir=/fifo0={}:rw", shared.path().display());
    let talk = |id: u32, streams: &str, line: &str| {
        let words = format!("-b {id} --cg {directory} {streams} --wall-time=120 -s --run -- /bin/bash -c");
        host.isolate(&words.split_whitespace().chain([line]).collect::<Vec<_>>())
    };
    let user = "for i in 1 2 3; do read -r n; echo $((n * 2)); done";
    let mut solution = talk(1, "--stdin=/fifo0/in --stdout=/fifo0/out", user);
    let solution = solution.stdin(Stdio::null()).spawn().expect("it starts");
    let manager =
        "exec 3> /fifo0/in 4< /fifo0/out; for i in 1 2 3; do echo $i >&3; read -r n <&4; echo $n; done";
    let said = Said::of(&mut talk(2, "", manager));
    assert_eq!((said.code, said.stdout.as_str()), (0, "2\n4\n6\n"), "{said:?}");
    assert_eq!(solution.wait_with_output().expect("it ends").status.code(), Some(0));
}

/// Judge0's isolate_job.rb: streams by the shell, files in the work directory, options of isolate 1.
#[test]
fn judge0_compiles_and_runs_a_submission() {
    needs_root!();
    let host = Host::with("num_boxes = 2147483646\nfirst_uid = 2147483649");
    let config = fs::read_to_string(host.scene.path("isolate.toml")).expect("there");
    let lines = config
        .lines()
        .filter(|line| !line.ends_with("= 66000") && !line.contains(&host.first_uid.to_string()));
    host.scene.file("isolate.toml", lines.collect::<Vec<_>>().join("\n"));
    let id = (2_147_483_000 + std::process::id() % 600).to_string();
    let work = Said::of(&mut host.isolate(&["--cg", "-b", &id, "--init"])).stdout;
    let work = std::path::Path::new(work.trim_end());
    for name in ["stdin.txt", "stdout.txt", "stderr.txt", "metadata.txt"] {
        fs::write(work.join(name), if name == "stdin.txt" { "world\n" } else { "" }).expect("written");
    }
    fs::write(work.join("box/main.sh"), "read -r x; echo hello $x; echo oops >&2; echo $JUDGE0_X\n")
        .expect("written");
    fs::write(work.join("box/compile"), "echo compiled; echo warning >&2; cat main.sh > program\n")
        .expect("written");
    fs::write(work.join("box/run"), "/bin/bash program\n").expect("written");
    let meta = work.join("metadata.txt");
    let meta = meta.to_str().expect("text");
    let common = [
        "-s",
        "-b",
        &id,
        "-M",
        meta,
        "-t",
        "15",
        "-x",
        "0",
        "-w",
        "20",
        "-k",
        "128000",
        "-p120",
        "--cg-timing",
        "--cg-mem=512000",
        "-f",
        "4096",
        "-E",
        "HOME=/tmp",
        "-E",
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "-E",
        "LANG",
        "-E",
        "LANGUAGE",
        "-E",
        "LC_ALL",
        "-E",
        "JUDGE0_X=7",
        "-d",
        "/etc:noexec",
    ];
    let out = || File::create(work.join("compile_output.txt")).expect("made");
    let compile = [
        &["--cg"][..],
        &common,
        &["-i", "/dev/null", "--stderr-to-stdout", "--run", "--", "/bin/bash", "compile"],
    ]
    .concat();
    let status = host.isolate(&compile).stdout(out()).status().expect("it starts");
    assert_eq!(status.code(), Some(0));
    assert_eq!(fs::read_to_string(work.join("compile_output.txt")).expect("there"), "compiled\nwarning\n");
    let run = [&["--cg"][..], &common, &["--run", "--", "/bin/bash", "run"]].concat();
    let mut command = host.isolate(&run);
    command.stdin(File::open(work.join("stdin.txt")).expect("there"));
    command.stdout(File::create(work.join("stdout.txt")).expect("made"));
    command.stderr(File::create(work.join("stderr.txt")).expect("made"));
    assert_eq!(command.status().expect("it starts").code(), Some(0));
    let read = |name: &str| fs::read_to_string(work.join(name)).expect(name);
    assert_eq!((read("stdout.txt").as_str(), read("stderr.txt").as_str()), ("hello world\n7\n", "oops\n"));
    for key in ["time:", "time-wall:", "cg-mem:", "max-rss:", "exitcode:0"] {
        assert!(read("metadata.txt").contains(key), "{key}: {}", read("metadata.txt"));
    }
    fs::remove_dir_all(work.join("box")).expect("removed");
    assert_eq!(Said::of(&mut host.isolate(&["--cg", "-b", &id, "--cleanup"])).code, 0);
    assert!(!work.exists());
}

/// Piston's job.js: the command after `--`, files moved from one box to another, packages of the operator's.
#[test]
fn piston_compiles_in_one_box_and_runs_in_another() {
    needs_root!();
    let host = Host::new();
    let packages = host.scene.path("packages");
    let config = fs::read_to_string(host.scene.path("isolate.toml")).expect("there");
    host.scene.file("isolate.toml", format!("{config}directories = ['{}']\n", packages.display()));
    host.scene.file("packages/shell/1.0/compile", "cat \"$@\" > program; echo $PISTON_LANGUAGE\n");
    let run = "/bin/bash program; exec sleep 0\n";
    let runner = host.scene.file("packages/shell/1.0/run", run);
    let package = runner.parent().expect("below").to_path_buf();
    let [first, second] = ["-b7", "-b8"].map(|id| {
        let said = Said::of(&mut host.isolate(&["--init", "--cg", id]));
        assert!(said.code == 0 && !said.stdout.is_empty(), "{said:?}");
        said.stdout.trim_end().to_owned()
    });
    fs::create_dir(format!("{first}/box/submission")).expect("made");
    fs::write(format!("{first}/box/submission/main.sh"), "echo answer; exit 3\n").expect("written");
    let meta = host.scene.path("7-metadata.txt");
    let call = |id: &str, script: &str, argument: &str| {
        let words = [
            "--run",
            id,
            &format!("--meta={}", meta.display()),
            "--cg",
            "-s",
            "-c",
            "/box/submission",
            "-E",
            "HOME=/tmp",
            "-E",
            "PISTON_LANGUAGE=shell",
            &format!("--dir={}", package.display()),
            "--dir=/etc:noexec",
            "--processes=64",
            "--open-files=2048",
            "--fsize=10000",
            "--wall-time=30",
            "--time=30",
            "--extra-time=0",
            "--",
            "/bin/bash",
            &package.join(script).display().to_string(),
            argument,
        ]
        .map(str::to_owned);
        let said = Said::of(&mut host.isolate(&words.each_ref().map(String::as_str)));
        (said, fs::read_to_string(&meta).expect("there"))
    };
    let (said, text) = call("-b7", "compile", "main.sh");
    assert_eq!((said.code, said.stdout.as_str()), (0, "shell\n"), "{said:?}");
    assert!(text.contains("exitcode:0\n") && text.contains("cg-mem:"), "{text}");
    fs::rename(format!("{first}/box/submission"), format!("{second}/box/submission"))
        .expect("one file system");
    let (said, text) = call("-b8", "run", "");
    assert_eq!((said.code, said.stdout.as_str()), (0, "answer\n"), "{said:?}");
    assert!(text.contains("time-wall:") && !text.contains("status:"), "{text}");
    for id in ["-b7", "-b8"] {
        assert_eq!(Said::of(&mut host.isolate(&["--cleanup", "--cg", id])).code, 0);
    }
}

/// camisole's isolate.py: streams in the box by relative names.
#[test]
fn camisole_reads_the_streams_from_the_box() {
    needs_root!();
    let host = Host::new();
    let path = host.init("--box-id 3 --cg");
    let meta = host.scene.path("camisole.meta");
    let option = format!("--meta={}", meta.display());
    fs::write(path.join("box/code.sh"), "echo out; echo err >&2; x=aaaaaaaa; while :; do x=$x$x; done\n")
        .expect("written");
    let words = [
        "--box-id",
        "3",
        "--cg",
        "-d",
        "/etc",
        "--extra-time=0.2",
        "--fsize=65536",
        "--cg-mem=32768",
        "--processes=20",
        "--stack=65536",
        "--time=20",
        "--wall-time=60",
        "--env",
        "PATH=/usr/bin:/bin",
        "--env",
        "HOME=/box",
        &option,
        "--stdout=._stdout",
        "--stderr=._stderr",
        "--run",
        "--",
        "/bin/bash",
        "code.sh",
    ];
    let said = Said::of(&mut host.isolate(&words));
    assert_eq!(said.code, 1, "{said:?}");
    let read = |name: &str| fs::read_to_string(path.join("box").join(name)).expect(name);
    assert_eq!((read("._stdout").as_str(), read("._stderr").as_str()), ("out\n", "err\n"));
    let text = fs::read_to_string(&meta).expect("there");
    assert!(text.contains("cg-oom-killed:1\n") && text.contains("status:SG\n"), "{text}");
    // It lists the directory of boxes to see which ids are free.
    assert!(host.scene.path("boxes/3").is_dir());
    assert_eq!(host.says("--box-id 3 --cg --cleanup").code, 0);
    assert_eq!(fs::read_dir(host.scene.path("boxes")).expect("listed").count(), 0);
}
