//! `capsule exec` with several files: where they are, which of them is compiled, and what cannot be a submission.
//! (What each language makes of several files is in `tests/packs`.)

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use run::exec::{Artifact, CompileResult, Ended, SourceFile, Submission, Workroom};

use crate::scene::{Said, Scene, SharedBundle, needs_root};

/// Its "compiler" is the script where the submission starts, with the other units as arguments.
const SCRIPTED: &str = r#"
packs = ["hello"]
binaries = ["sh", "cat", "ls", "pwd", "mkdir"]
[language]
source = "main.first"
units = ["*.first", "*.second"]
output = "made"
[compile]
argv = ["sh", "{source}", "{units}"]
[run]
argv = ["sh", "{output}"]
"#;

fn bundle() -> &'static Path {
    static BUNDLE: SharedBundle = SharedBundle::new();
    BUNDLE.path(|scene| {
        scene.file("scripted.toml", SCRIPTED);
        "--pack ./scripted.toml".to_owned()
    })
}

/// A directory with these files.
fn scene(files: &[(&str, &str)]) -> Scene {
    let scene = Scene::new();
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).expect("set");
    for (name, text) in files {
        scene.file(name, text);
    }
    scene
}

fn command(scene: &Scene, line: &str) -> Command {
    let mut command = scene.command();
    command.arg("exec").arg(bundle()).args(line.split_whitespace()).stdin(std::process::Stdio::null());
    command
}

fn exec(scene: &Scene, line: &str) -> Said {
    Said::of(&mut command(scene, line))
}

/// Tells the run step what the compile step had.
const TELL: &str = r#"echo "echo compiled: $0 $*; cat lib/data; pwd" > made"#;

#[test]
fn units_are_compiled_and_everything_else_is_there() {
    needs_root!();
    let scene =
        scene(&[("main.first", TELL), ("lib/b.second", ""), ("lib/a.first", ""), ("lib/data", "data\n")]);
    let expected = "compiled: /home/judge/box/main.first /home/judge/box/lib/a.first \
                    /home/judge/box/lib/b.second\ndata\n/home/judge/box\n";
    for line in [
        "main.first lib",
        "main.first lib/b.second lib/a.first lib/data",
        ".",
        "--entry main.first lib main.first",
    ] {
        let said = exec(&scene, line);
        assert_eq!((said.code, said.stdout.as_str()), (0, expected), "{line}: {}", said.stderr);
    }
}

#[test]
fn a_run_may_start_elsewhere() {
    needs_root!();
    let scene = scene(&[("main.first", "echo pwd > made"), ("data", "")]);
    assert_eq!(exec(&scene, "main.first").stdout, "/home/judge\n", "one file has no data");
    assert_eq!(exec(&scene, "main.first data --cwd /tmp").stdout, "/tmp\n");
}

#[test]
fn a_submission_starts_where_the_caller_says() {
    needs_root!();
    let scene =
        scene(&[("s/one.first", "echo echo one > made"), ("s/lib/two.first", "echo echo two > made")]);
    assert_eq!(exec(&scene, "s/one.first s/lib/two.first").stdout, "one\n", "the first file");
    assert_eq!(exec(&scene, "s --entry s/lib/two.first").stdout, "two\n", "a path");
    assert_eq!(exec(&scene, "s --entry one.first").stdout, "one\n", "a file's place in the submission");
    let said = exec(&scene, "s --entry three.first");
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (125, "error: `--entry three.first` is not a file of the submission\n")
    );
}

/// The compile step's uid is not the one that wrote the files, and the caller's umask is the caller's.
#[test]
fn the_compile_step_writes_next_to_the_files_whatever_the_umask() {
    needs_root!();
    let text = "mkdir lib/new && echo cat lib/data > made";
    let scene = scene(&[("main.first", text), ("lib/data", "data\n")]);
    let exec = command(&scene, "main.first lib");
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(exec.get_program()).args(exec.get_args());
    let said = Said::of(command.current_dir(scene.path("")));
    assert_eq!((said.code, said.stdout.as_str()), (0, "data\n"), "{}", said.stderr);
    let user = Said::of(exec_as_user(&scene, "main.first lib").current_dir(scene.path("")));
    assert_eq!((user.code, user.stdout.as_str()), (0, "data\n"), "{}", user.stderr);
}

fn exec_as_user(scene: &Scene, line: &str) -> Command {
    let mut command = command(scene, line);
    command.uid(65534).gid(65534);
    command
}

#[test]
fn what_cannot_be_a_submission_is_refused_on_one_line() {
    needs_root!();
    let scene = scene(&[
        ("main.first", "echo bad > made"),
        ("secret", "S3CRET"),
        ("empty/d/x", ""),
        ("c/made", ""),
        ("c/main.first", ""),
    ]);
    fs::remove_file(scene.path("empty/d/x")).expect("removed");
    fs::create_dir(scene.path("links")).expect("made");
    symlink(scene.path("secret"), scene.path("links/main.first")).expect("linked");
    scene.file("lines/a\nb.first", "");
    scene.file("none/a", "");
    scene.file("none/b", "");
    for number in 0..=1000 {
        scene.file(&format!("many/{number}"), "");
    }
    scene.file("large/a", vec![0; 9 << 20]);
    scene.file("large/b", vec![0; 9 << 20]);
    for (line, what) in [
        ("links", "links/main.first` is neither a file nor a directory"),
        ("lines main.first", "a\\nb.first` cannot name a file of a submission: it has a control character"),
        ("many main.first", "more than 1000 files"),
        ("large main.first", "larger than 16777216 bytes"),
        ("empty", "the submission has no file"),
        ("main.first main.first", "has `main.first` twice"),
        ("c", "`made` has the name of the file that the compile step makes"),
        ("nowhere main.first", "nowhere"),
        ("none --lang scripted", "no file of its language"),
    ] {
        let said = exec(&scene, &format!("{line} --report report.json"));
        assert_eq!((said.code, said.stdout.as_str()), (125, ""), "{line}: {}", said.stderr);
        assert!(
            said.stderr.contains(what) && said.stderr.matches('\n').count() == 1,
            "{line}: {}",
            said.stderr
        );
        let report = fs::read_to_string(scene.path("report.json")).expect("a report");
        assert!(
            report.contains("\"status\":\"sandbox-error\"") && !report.contains("S3CRET"),
            "{line}: {report}"
        );
    }
}

#[test]
fn the_language_is_told_by_the_files() {
    needs_root!();
    let scene = scene(&[
        ("a.second", "echo echo a > made"),
        ("s/notes.txt", ""),
        ("s/main.first", "echo echo s > made"),
    ]);
    assert_eq!(exec(&scene, "a.second").stdout, "a\n");
    assert_eq!(exec(&scene, "s").stdout, "s\n");
    let said = exec(&scene, "s/notes.txt s/main.first");
    assert!(said.stderr.contains("has files like `notes.txt`; say which with `--lang`"), "{}", said.stderr);
}

/// A program that judges: one compile step, and many runs of what it made.
#[test]
fn what_is_compiled_once_runs_many_times_and_at_once() {
    needs_root!();
    // This thread's mount namespace is another one from here on, and so is that of the threads that it starts.
    let room = Workroom::open(bundle()).expect("opened").with_digest().expect("hashed");
    let script = "echo 'read word; echo \"$1 $word\"; test $word != 3' > made";
    let files = [("main.first", script), ("lib/x", "")];
    let files = files.map(|(path, text)| SourceFile { path: path.into(), content: text.into() });
    let submission = Submission::new(files.into(), None).expect("good");
    let compilation = room.compile(&submission, Some("scripted"), &[]).expect("no fault of the sandbox");
    let CompileResult::Ready(artifact) = compilation.result else { panic!("{:?}", compilation.result) };
    let artifact = &*artifact;
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|n| scope.spawn(move || run_with_input(artifact, n))).collect();
        for (n, run) in runs.into_iter().enumerate() {
            let (stdout, ended) = run.join().expect("no panic");
            assert_eq!(stdout, format!("arg {n}\n"));
            assert_eq!(
                (ended.code, ended.report.contains("\"rootfs\":\"")),
                (u8::from(n == 3), true),
                "{ended:?}"
            );
        }
    });
    let endless = artifact.start(&[], &["arg".into()], [None; 3]).expect("started");
    endless.kill();
    assert_eq!(endless.wait().expect("waited for").report, "");
}

fn run_with_input(artifact: &Artifact, n: usize) -> (String, Ended) {
    let ((stdin, mut input), (mut output, stdout)) =
        (io::pipe().expect("a pipe"), io::pipe().expect("a pipe"));
    let streams = [Some(stdin.as_fd()), Some(stdout.as_fd()), None];
    let running = artifact.start(&[], &["arg".into()], streams).expect("started");
    drop((stdin, stdout));
    writeln!(input, "{n}").expect("written");
    drop(input);
    let mut said = String::new();
    output.read_to_string(&mut said).expect("read");
    (said, running.wait().expect("waited for"))
}

#[test]
fn what_an_artifact_had_is_given_back() {
    needs_root!();
    let room = Workroom::open(bundle()).expect("opened");
    let mounts =
        || fs::read_to_string("/proc/thread-self/mountinfo").expect("read").matches("capsule-box ").count();
    for script in ["echo : > made", "exit 1"] {
        let file = SourceFile { path: "main.first".into(), content: script.into() };
        let submission = Submission::new(vec![file], None).expect("good");
        for _ in 0..3 {
            let compilation = room.compile(&submission, None, &[]).expect("no fault of the sandbox");
            let is_ready = matches!(compilation.result, CompileResult::Ready(_));
            assert_eq!((is_ready, mounts()), (script != "exit 1", usize::from(is_ready)));
        }
    }
    assert_eq!((mounts(), fs::read_dir(bundle().join("box")).expect("listed").count()), (0, 0));
}
