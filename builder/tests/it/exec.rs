//! `capsule exec`: both steps, their limits and reports, what they leave behind, and attacks on the compiler.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::scene::{Said, Scene, SharedBundle, needs_root, wait_until};

/// A pack whose "compiler" is a shell script: the submission itself says what the compile step does.
const SCRIPTED: &str = r#"
packs = ["hello"]
binaries = ["sh", "cat", "ln", "sleep", "head", "ls", "id", "mkfifo"]
[language]
source = "main.scripted"
output = "made"
[compile]
argv = ["sh", "{source}"]
limits = { cpu-time = "20s", wall-time = "300s", memory = "64M", tmp = "8M" }
[run]
argv = ["cat", "{output}"]
env = { COLOUR = "blue" }
limits = { cpu-time = "10s", wall-time = "300s" }
"#;

fn bundle() -> &'static Path {
    static BUNDLE: SharedBundle = SharedBundle::new();
    BUNDLE.path(|scene| {
        scene.file("scripted.toml", SCRIPTED);
        "--pack c,cpp,./scripted.toml".to_owned()
    })
}

/// A source file, and the arguments of the `capsule exec` that runs it.
struct Submission {
    scene: Scene,
    words: Vec<String>,
    stdin: String,
}

impl Submission {
    fn new(name: &str, text: &str) -> Submission {
        let scene = Scene::new();
        fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).expect("set");
        scene.file(name, text);
        Submission { scene, words: vec![name.to_owned()], stdin: String::new() }
    }

    fn with(mut self, options: &str) -> Submission {
        self.words.extend(options.split_whitespace().map(str::to_owned));
        self
    }

    fn reads(mut self, text: &str) -> Submission {
        self.stdin = text.to_owned();
        self
    }

    fn command(&self) -> Command {
        let mut command = self.scene.command();
        let stdin = self.scene.file("stdin", &self.stdin);
        command.arg("exec").arg(bundle()).args(&self.words);
        command.stdin(fs::File::open(stdin).expect("opened"));
        command
    }

    fn said(&self) -> Said {
        Said::of(&mut self.command())
    }

    /// The report, and what else was printed.
    fn reported(self) -> (Value, Said) {
        let submission = self.with("--report report.json");
        let said = submission.said();
        let text = fs::read_to_string(submission.scene.path("report.json")).expect("a report");
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        (serde_json::from_str(&text).expect("JSON"), said)
    }
}

const ECHO: &str = r#"
#include <stdio.h>
int main(int count, char **words) {
    char line[100];
    while (fgets(line, sizeof line, stdin)) printf("%s: %s", count > 1 ? words[1] : "-", line);
    return 3;
}
"#;

#[test]
fn a_submission_is_compiled_and_run() {
    needs_root!();
    let said = Submission::new("a.c", ECHO).reads("x\ny\n").with("-- word").said();
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (3, "word: x\nword: y\n", ""));
}

#[test]
fn an_ordinary_user_can_do_the_same() {
    needs_root!();
    let submission = Submission::new("a.c", ECHO).reads("x\n");
    let said = Said::of(submission.command().uid(65534).gid(65534));
    assert_eq!((said.code, said.stdout.as_str()), (3, "-: x\n"), "{}", said.stderr);
}

/// Says who runs a file of whom.
const TELL: &str = r#"
    #include <stdio.h>
    #include <sys/stat.h>
    #include <unistd.h>
    int main(int count, char **words) {
        struct stat file;
        stat(words[0], &file);
        printf("%d runs what %d compiled\n", getuid(), file.st_uid);
    }
"#;

#[test]
fn both_steps_have_one_uid_that_no_other_run_has() {
    needs_root!();
    let (report, said) = Submission::new("a.c", TELL).reported();
    let uids =
        said.stdout.trim_end().strip_suffix(" compiled").and_then(|rest| rest.split_once(" runs what "));
    let (runs, compiled) = uids.unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!(runs, compiled);
    assert!(runs.parse().is_ok_and(|uid| bundle::layout::DEFAULT_UIDS.contains(&uid)), "{runs}");
    for step in ["compile", "run"] {
        assert_eq!(report[step]["guards"]["unique-uid"], "on", "{step}");
    }
    // Without a report the run step takes this process's place, and the lock with it.
    let said = Submission::new("a.c", TELL).with("--require unique-uid").said();
    assert_eq!(said.code, 0, "{}", said.stderr);
}

/// The compiler's files belong to one uid, and another uid runs them. (No other test asks for these uids.)
#[test]
fn each_step_can_have_a_uid_of_its_own() {
    needs_root!();
    const UIDS: &str = "--compile-uid-range 61911-61911 --uid-range 61912-61912";
    let (report, said) = Submission::new("a.c", TELL).with(UIDS).reported();
    assert_eq!((said.code, said.stdout.as_str()), (0, "61912 runs what 61911 compiled\n"), "{}", said.stderr);
    for step in ["compile", "run"] {
        assert_eq!(report[step]["guards"]["unique-uid"], "on", "{step}");
    }
    // In user namespaces both see themselves as `judge`, and the other uid as the overflow uid (user_namespaces(7)).
    let both = Submission::new("a.c", TELL).with(UIDS).with("--userns --compile-userns").said();
    assert_eq!((both.code, both.stdout.as_str()), (0, "60000 runs what 65534 compiled\n"), "{}", both.stderr);
}

#[test]
fn the_report_has_both_steps() {
    needs_root!();
    let (report, said) = Submission::new("a.c", ECHO).with("--memory 32M --compile-memory 300M").reported();
    assert_eq!(said.code, 3);
    assert_eq!(report["version"], 1);
    assert_eq!((&report["status"], &report["language"]), (&"nonzero-exit".into(), &"c".into()));
    assert_eq!(report["run"]["limits"]["memory_bytes"]["limit"], 32 << 20);
    assert_eq!(report["compile"]["limits"]["memory_bytes"]["limit"], 300 << 20);
    assert_eq!((&report["compile"]["status"], &report["compile"]["text"]), (&"ok".into(), &"".into()));
}

#[test]
fn a_tree_that_has_changed_starts_nothing_when_it_is_verified() {
    needs_root!();
    let scene = Scene::new();
    scene.file("scripted.toml", SCRIPTED);
    scene.succeeds("build --pack ./scripted.toml -o B --format dir");
    scene.file("a.scripted", "echo made > made");
    let reported = |options: &str| {
        let said = scene.capsule(&format!("exec B a.scripted --report r.json {options}"));
        let report = fs::read_to_string(scene.path("r.json")).expect("a report");
        (said.code, serde_json::from_str::<Value>(&report).expect("JSON"))
    };
    let (code, report) = reported("--verify");
    assert_eq!((code, &report["verified"], &report["status"]), (0, &true.into(), &"ok".into()), "{report}");
    fs::write(scene.path("B/rootfs/etc/group"), "short").expect("written");
    let (code, report) = reported("");
    assert_eq!((code, &report["verified"]), (0, &false.into()), "without the option: {report}");
    let (code, report) = reported("--verify");
    assert_eq!((code, &report["verified"]), (125, &false.into()), "{report}");
    let error = report["error"].as_str().expect("an error");
    assert!(error.contains("B` has changed: /etc/group has 5 bytes, not "), "{error}");
    assert!(report.get("run").is_none() && report.get("compile").is_none(), "{report}");
}

#[test]
fn a_compile_error_is_a_status_with_the_compilers_text() {
    needs_root!();
    let said = Submission::new("a.c", "int main( {").said();
    assert_eq!(said.code, 122);
    assert!(said.stderr.contains("main.c:1:11: error") && said.stderr.ends_with("capsule: compile-error\n"));
    let (report, said) = Submission::new("a.c", "int main( {").reported();
    assert_eq!((said.code, &report["status"]), (122, &"compile-error".into()));
    assert_eq!(report["cause"], "nonzero-exit");
    assert!(report["compile"]["text"].as_str().expect("text").contains("main.c:1:11: error"), "{report}");
    assert!(report.get("run").is_none(), "nothing ran");
}

#[test]
fn a_limit_in_the_compile_step_is_named() {
    needs_root!();
    for (script, options, cause) in [
        ("while :; do :; done", "--compile-cpu-time 200ms", "cpu-time-limit"),
        ("sleep 9", "--compile-wall-time 200ms", "wall-time-limit"),
        ("cat /dev/zero", "--compile-output 1M", "output-limit"),
        ("head -c 100M /dev/zero > /tmp/x", "--compile-tmp 128M --compile-output 128M", "memory-limit"),
    ] {
        let (report, said) = Submission::new("a.scripted", script).with(options).reported();
        assert_eq!((said.code, &report["status"]), (122, &"compile-error".into()), "{script}: {report}");
        assert_eq!(report["compile"]["status"], cause, "{script}");
        let said = Submission::new("a.scripted", script).with(options).said();
        assert!(said.stderr.ends_with(&format!("capsule: compile-error: {cause}\n")), "{}", said.stderr);
    }
}

#[test]
fn the_compilers_text_is_capped() {
    needs_root!();
    let script = "head -c 1M /dev/zero | cat -v; exit 1";
    let (report, said) = Submission::new("a.scripted", script).reported();
    assert_eq!(report["compile"]["text"].as_str().expect("text").len(), 64 << 10);
    assert!(said.stderr.len() <= (64 << 10) + 1, "{}", said.stderr.len());
}

#[test]
fn the_box_has_a_size_and_the_run_step_cannot_write_it() {
    needs_root!();
    let (report, _) = Submission::new("a.scripted", "head -c 9M /dev/zero > made").reported();
    assert_eq!(report["status"], "compile-error");
    assert!(report["compile"]["text"].as_str().expect("text").contains("No space left"), "{report}");
    let source = "#include <stdio.h>\nint main(void) { return fopen(\"/home/judge/box/x\", \"w\") != NULL; }";
    assert_eq!(Submission::new("a.c", source).said().code, 0);
}

#[test]
fn the_box_has_a_limit_of_files() {
    needs_root!();
    // One inode for 4 KiB of the pack's 8 MiB.
    let script = "i=0; while [ $i -lt 2100 ]; do : > $i || exit 1; i=$((i+1)); done";
    let (report, _) = Submission::new("a.scripted", script).reported();
    assert_eq!(report["status"], "compile-error");
    assert!(report["compile"]["text"].as_str().expect("text").contains("No space left"), "{report}");
}

#[test]
fn exec_opens_nothing_that_a_submission_left() {
    needs_root!();
    let submission = Submission::new("a.scripted", "echo x > made; ln -s /etc/passwd link; mkfifo pipe");
    let submission = submission.with("--report report.json");
    let command = submission.command();
    let mut words = vec![command.get_program().to_owned()];
    words.extend(command.get_args().map(ToOwned::to_owned));
    let output = submission.scene.path("stdout");
    let report = submission.scene.path("report.json");
    let mut line =
        vec!["/bin/sh".into(), "-c".into(), "out=$1; shift; exec \"$@\" > $out < /dev/null".into()];
    line.extend(["sh".into(), output.clone().into_os_string()]);
    // The tracer's own directory is not the scene's.
    line.extend(words.into_iter().map(|word| match word.to_str() {
        Some("a.scripted") => submission.scene.path("a.scripted").into_os_string(),
        Some("report.json") => report.clone().into_os_string(),
        _ => word,
    }));
    let trace = builder::tool::trace::trace(&line).expect("traced");
    assert_eq!(fs::read_to_string(&output).expect("written"), "x\n");
    let seen: Vec<&PathBuf> = trace.read.iter().chain(&trace.written).chain(&trace.missed).collect();
    let in_box = |path: &&&PathBuf| path.starts_with(bundle().join("box"));
    let ours: Vec<&&PathBuf> = seen.iter().filter(in_box).collect();
    assert_eq!(ours, [&&bundle().join("box/0/main.scripted")], "on the host, only the source is written");
    // What the sandbox does there is seen as well: this trace is not blind.
    assert!(seen.iter().any(|path| path.ends_with("home/judge/box/made")), "{seen:?}");
}

#[test]
fn the_box_is_in_no_other_mount_namespace() {
    needs_root!();
    // Where mounts are shared, as systemd has it, a mount spreads to the namespace that this one was made from.
    let submission = Submission::new("a.scripted", "echo x > made");
    let exec = submission.command();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "shared", "sh", "-c"]);
    command.arg("\"$@\"; grep -c capsule-box /proc/self/mountinfo").arg("sh");
    command.arg(exec.get_program()).args(exec.get_args()).current_dir(submission.scene.path(""));
    let said = Said::of(&mut command);
    assert_eq!(said.stdout, "x\n0\n", "{}", said.stderr);
}

#[test]
fn options_override_the_limits_and_the_environment_of_the_pack() {
    needs_root!();
    let script = "printf 'x' > made";
    let (report, _) = Submission::new("a.scripted", script).reported();
    assert_eq!(report["run"]["limits"]["cpu_us"]["limit"], 10_000_000);
    let (report, _) = Submission::new("a.scripted", script).with("--cpu-time 3s").reported();
    assert_eq!(report["run"]["limits"]["cpu_us"]["limit"], 3_000_000);
    let environment = "ln -s /proc/self/environ made";
    assert!(Submission::new("a.scripted", environment).said().stdout.contains("COLOUR=blue\0"));
    let said = Submission::new("a.scripted", environment).with("--env COLOUR=red").said().stdout;
    assert!(said.contains("COLOUR=red\0") && !said.contains("blue"), "{said:?}");
}

#[test]
fn a_link_as_the_output_leads_nowhere_on_the_host() {
    needs_root!();
    let secret = Scene::new();
    let path = secret.file("secret", "S3CRET");
    for script in [
        format!("ln -s {} made", path.display()),
        format!("ln -s ../../../../../../../../..{} made", path.display()),
        format!("ln -s /proc/1/root{} made", path.display()),
        "ln -s /etc/shadow made".to_owned(),
    ] {
        let (report, said) = Submission::new("a.scripted", &script).reported();
        assert_eq!(report["status"], "nonzero-exit", "{script}: {report}");
        assert!(!said.stdout.contains("S3CRET") && said.stdout.is_empty(), "{script}");
    }
    // A pipe without a writer stops the run step only, and only until its limit.
    let (report, _) = Submission::new("a.scripted", "mkfifo made").with("--wall-time 200ms").reported();
    assert_eq!(report["status"], "wall-time-limit");
}

#[test]
fn nothing_of_the_compile_step_outlives_it() {
    needs_root!();
    let script = "sleep 97531 & sleep 97531 & printf done > made";
    let said = Submission::new("a.scripted", script).said();
    assert_eq!((said.code, said.stdout.as_str()), (0, "done"));
    assert_eq!(living("97531"), 0);
}

#[test]
fn a_killed_exec_leaves_no_process_and_no_mount() {
    needs_root!();
    for (text, marker) in [("sleep 86421", "86421"), ("mkfifo made", "/home/judge/box/made")] {
        let submission =
            Submission::new("a.scripted", text).with("--wall-time 300s --compile-wall-time 300s");
        let mut child = submission.command().stdout(Stdio::null()).spawn().expect("started");
        wait_until("the step runs", || living(marker) > 0);
        child.kill().expect("killed");
        child.wait().expect("waited for");
        wait_until("nothing is left", || living(marker) == 0);
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("readable");
    assert!(!mounts.contains("capsule-box"), "{mounts}");
    assert_eq!(fs::read_dir(bundle().join("box")).expect("listed").count(), 0);
}

/// Processes with `word` among their arguments.
fn living(word: &str) -> usize {
    let has = |entry: fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.any(|argument| argument == word.as_bytes())
    };
    fs::read_dir("/proc")
        .expect("listed")
        .filter(|entry| entry.as_ref().is_ok_and(|e| e.path().is_dir()))
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|entry| fs::read_link(entry.path().join("exe")).is_ok())
        .map(has)
        .filter(|has| *has)
        .count()
}

#[test]
fn a_mistake_of_the_caller_is_not_a_verdict() {
    needs_root!();
    for (options, what) in [
        ("--lang cobol", "no language `cobol`"),
        ("--bogus 1", "unknown option `--bogus`"),
        ("--compile-bogus 1", "unknown option `--compile-bogus`"),
        ("--compile-memory much", "`--compile-memory` takes a size"),
        ("b.c", "`b.c`"),
    ] {
        let said = Submission::new("a.c", "int main(void) { return 0; }").with(options).said();
        assert_eq!(said.code, 125, "{options}: {}", said.stderr);
        assert!(said.stderr.contains(what), "{options}: {}", said.stderr);
    }
    let (report, said) =
        Submission::new("a.c", "int main(void) { return 0; }").with("--lang cobol").reported();
    assert_eq!((said.code, &report["status"]), (125, &"sandbox-error".into()));
    let scene = Scene::new();
    let said = scene.capsule("exec nowhere a.c");
    assert_eq!(said.code, 125);
    assert!(said.stderr.starts_with("error: `"), "{}", said.stderr);
}

#[test]
fn an_invalid_option_is_refused_before_anything_starts() {
    needs_root!();
    for (options, what) in [
        ("--nonsense 1", "error: unknown option `--nonsense`\n"),
        ("--memory 12Q", "error: `--memory` takes a size in bytes such as"),
        ("--net", "error: `--net` needs a value\n"),
        ("--compile-uid 0", "error: `--compile-uid` takes a number from 1"),
    ] {
        // If the compiler were asked, the answer would be a compile error.
        let said = Submission::new("a.c", "int main(").with(options).said();
        assert_eq!((said.code, said.stdout.as_str()), (125, ""), "{options}: {}", said.stderr);
        assert!(said.stderr.starts_with(what), "{options}: {}", said.stderr);
    }
}

/// An attack: its name, the submission's file, its text, options, and the statuses that are correct.
type Attack = (&'static str, &'static str, String, &'static str, &'static [&'static str]);

#[test]
fn attacks_on_the_compiler_hit_a_limit_or_an_error() {
    needs_root!();
    let secret = Scene::new();
    let path = secret.file("secret", "\"S3CRET\"\n").display().to_string();
    let error: &[&str] = &["nonzero-exit"];
    let limit: &[&str] = &["cpu-time-limit", "memory-limit", "output-limit", "nonzero-exit", "signaled"];
    let deep = |line: &str| {
        let lines =
            (1..30).map(|n| line.replace("NEXT", &format!("A{}", n - 1)).replace("THIS", &format!("A{n}")));
        lines.collect::<String>()
    };
    let attacks: Vec<Attack> = vec![
        ("include of the host's file", "a.c", format!("#include \"{path}\"\n"), "", error),
        ("include of /etc/shadow", "a.c", "#include \"/etc/shadow\"\n".into(), "", error),
        ("include of a file through /proc", "a.c", format!("#include \"/proc/1/root{path}\"\n"), "", error),
        ("include of the memory of init", "a.c", "#include \"/proc/1/environ\"\n".into(), "", error),
        ("include of /dev/random", "a.c", "#include </dev/random>\n".into(), "--compile-cpu-time 1s", limit),
        ("include of /dev/zero", "a.c", "#include </dev/zero>\n".into(), "--compile-cpu-time 1s", limit),
        ("include of the terminal", "a.c", "#include \"/dev/tty\"\n".into(), "", error),
        ("include of stdin", "a.c", "#include \"/dev/stdin\"\n".into(), "", error),
        ("include of itself", "a.c", "#include __FILE__\n".into(), "", error),
        ("include of itself, twice", "a.c", "#include __FILE__\n#include __FILE__\n".into(), "--compile-cpu-time 1s", limit),
        ("incbin of the host's file", "a.c", format!("__asm__(\".incbin \\\"{path}\\\"\");\nint main(void) {{ return 0; }}\n"), "", error),
        ("incbin of a device", "a.c", "__asm__(\".incbin \\\"/dev/zero\\\"\");\nint main(void) { return 0; }\n".into(), "--compile-cpu-time 1s", limit),
        ("assembler macro bomb", "a.c", "__asm__(\".rept 2000000000\\n.quad 1\\n.endr\");\nint main(void) { return 0; }\n".into(), "--compile-cpu-time 1s", limit),
        ("a gigabyte of initialiser", "a.c", "char a[1 << 30] = {1};\nint main(void) { return a[1]; }\n".into(), "--compile-cpu-time 2s", limit),
        ("macro bomb", "a.c", format!("#define A0 x x x x\n{}int A29;\n", deep("#define THIS NEXT NEXT NEXT NEXT\n")), "--compile-cpu-time 1s", limit),
        ("template bomb", "a.cpp", "template <int N, class T> struct B { typename B<N - 1, T*>::X a; typename B<N - 1, T&>::X b; using X = B; };\n\
            template <class T> struct B<0, T> { using X = T*; };\nB<500, int> b;\nint main() {}\n".into(), "--compile-cpu-time 1s", limit),
        ("constexpr bomb", "a.cpp", "constexpr int f(int n) { return n < 2 ? 1 : f(n - 1) + f(n - 2); }\nconstexpr int x = f(60);\nint main() {}\n".into(), "--compile-cpu-time 1s", limit),
        ("error bomb", "a.cpp", "#include <map>\nstd::map<int, int> m;\nint main() {\n".to_owned() + &"m << m;\n".repeat(2000), "--compile-cpu-time 2s --compile-output 1M", limit),
        ("a wrapper by pragma", "a.c", "#pragma GCC optimize(\"-wrapper,/usr/bin/id\")\nint main(void) { return 0; }\n".into(), "", &["ok", "nonzero-exit"]),
        ("a plugin by pragma", "a.c", "#pragma GCC optimize(\"-fplugin=/home/judge/box/x.so\")\nint main(void) { return 0; }\n".into(), "", &["ok", "nonzero-exit"]),
    ];
    for (name, file, text, options, right) in attacks {
        let (report, said) = Submission::new(file, &text).with(options).reported();
        let status = report["compile"]["status"].as_str().expect("a status");
        assert!(right.contains(&status), "{name}: {status}, {report}");
        let wanted = if status == "ok" { 0 } else { 122 };
        assert_eq!(said.code, wanted, "{name}: {report}");
        let all = format!("{}{}{report}", said.stdout, said.stderr);
        for word in ["S3CRET", "root:", "uid="] {
            assert!(!all.contains(word), "{name}: `{word}` in {all}");
        }
    }
}

#[test]
fn a_pack_of_ones_own_is_one_file() {
    needs_root!();
    let scene = Scene::new();
    let pack = "apt = [\"dash\"]\nbinaries = [\"dash\"]\n\n[language]\nsource = \"main.sh\"\n\n[run]\nargv = [\"dash\", \"{source}\"]\n";
    scene.file("shell.toml", pack);
    scene.file("hello.sh", "read word; echo \"Hello, $word!\"");
    scene.succeeds("build --pack ./shell.toml -o B --format dir");
    let mut command = scene.command();
    command.args(["exec", "B", "hello.sh"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("started");
    child.stdin.take().expect("piped").write_all(b"World\n").expect("written");
    let output = child.wait_with_output().expect("ended");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello, World!\n");
    assert!(scene.succeeds("pack check ./shell.toml").stdout.contains("ok, "));
    assert_eq!(scene.succeeds("pack show ./shell.toml").stdout, pack);
    // A recipe next to it can name it too.
    scene.file("recipe.toml", "packs = [\"./shell.toml\"]\n");
    scene.succeeds("build -r recipe.toml -o C --format dir");
}

#[test]
fn a_slice_of_what_is_not_installed_is_named_with_its_place() {
    needs_root!();
    let scene = Scene::new();
    scene.file("my.toml", "apt = [\"no-such-package\"]\n[[slice]]\npackage = \"no-such-*\"\n");
    let said = scene.fails("build --pack ./my.toml -o B");
    assert!(said.contains("my.toml:2:1: no installed package is called `no-such-*`"), "{said}");
    let said = scene.capsule("pack check ./my.toml");
    assert_eq!(said.code, 1);
    assert!(
        said.stdout.contains("apt-get install --no-install-recommends no-such-package"),
        "{}",
        said.stdout
    );
}

#[test]
fn trace_finds_what_is_missing_and_what_is_never_used() {
    needs_root!();
    let scene = Scene::new();
    // Debian's own example of a file that a program reads by name: without it dash says so.
    let pack = |more: &str| {
        format!(
            "binaries = [\"dash\", \"cat\"]\ninclude = [\"/usr/share/common-licenses/BSD\"{more}]\n\
             [language]\nsource = \"main.sh\"\n[run]\nargv = [\"dash\", \"{{source}}\"]\n\
             [[test]]\nname = \"reads\"\nsource = 'cat /usr/share/common-licenses/Artistic > /tmp/x || true; echo ok'\nstdout = \"ok\\n\"\n"
        )
    };
    scene.file("lacks.toml", pack(""));
    let said = scene.capsule("pack trace ./lacks.toml --all");
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout.contains("1 tests, 0 failed\n1 files that the tests look for are missing"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains("\n  /usr/share/common-licenses/Artistic  (package base-files)\n"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("  /usr/share/common-licenses/BSD  1."), "{}", said.stdout);
    scene.file("has.toml", pack(", \"/usr/share/common-licenses/Artistic\""));
    let mut command = scene.command();
    let child = command.args(["pack", "trace", "./has.toml", "--all"]).stdout(Stdio::piped()).spawn();
    let child = child.expect("started");
    let mark = format!("capsule-{}-", child.id());
    let said = String::from_utf8(child.wait_with_output().expect("ended").stdout).expect("text");
    assert!(
        said.contains("\n0 files that the tests look for are missing") && !said.contains("Artistic"),
        "{said}"
    );
    let left = fs::read_dir("/var/tmp").expect("listed").flatten();
    let left: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(&mark)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_check_searches_libraries_where_the_pack_says() {
    needs_root!();
    let said = Scene::new().succeeds("pack check java terminal").stdout;
    let verdicts: Vec<&str> = said.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(verdicts, ["ok,", "ok,"], "{said}");
}

/// A newcomer's way: the packs of docs/packs.md, word for word but for directories that no machine has and a wheel from a registry.
#[test]
fn the_packs_that_the_document_shows_work_as_they_stand() {
    needs_root!();
    let document = include_str!("../../../docs/packs.md");
    let packs = document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    // Those with Rust want what its own installer or cargo leaves (`just test fetch` has one).
    let mut packs = packs.filter(|pack| !pack.contains("rust"));
    let hellos = [
        ("lua", "lua", "print(\"Hello, World!\")"),
        ("tcl", "tcl", "puts \"Hello, World!\""),
        ("science", "py", "print(\"Hello, World!\")"),
        ("tool", "c", "#include <stdio.h>\nint main() { puts(\"Hello, World!\"); }"),
        ("sorted", "py", "import sortedcontainers\nprint(\"Hello, World!\")"),
        ("headers", "cpp", "#include <atcoder/hello>\nint main() { puts(HELLO); }"),
    ];
    for (name, ending, hello) in hellos {
        let pack = packs.next().expect("one for each");
        let scene = Scene::new();
        fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).expect("set");
        scene.file("atcoder/hello", "#include <cstdio>\n#define HELLO \"Hello, World!\"\n");
        scene.file("toolchain/bin/README", "");
        std::os::unix::fs::symlink("/usr/bin/gcc", scene.path("toolchain/bin/cc")).expect("linked");
        let wheel = scene.path("sortedcontainers-1.0-py3-none-any.whl");
        crate::toolchain::zip(&wheel, &[("sortedcontainers.py", "", false)]);
        let here = scene.path("").display().to_string();
        let here = here.trim_end_matches('/');
        let pack =
            pack.replace("/opt/ac-library", here).replace("/opt/toolchain", &format!("{here}/toolchain"));
        let pack = pack.replace("pypi:sortedcontainers", &format!("file:{}", wheel.display()));
        scene.file(&format!("{name}.toml"), &pack);
        scene.file(&format!("hello.{ending}"), hello);
        if pack.contains("fetch = ") {
            let mut fetch = scene.command();
            fetch
                .args(["pack", "fetch", &format!("./{name}.toml")])
                .env("XDG_CACHE_HOME", scene.path("cache"));
            assert_eq!(Said::of(&mut fetch).code, 0);
        }
        scene.succeeds(&format!("pack check ./{name}.toml"));
        scene.succeeds(&format!("build --pack ./{name}.toml -o bundle"));
        assert_eq!(scene.succeeds(&format!("exec bundle hello.{ending}")).stdout, "Hello, World!\n");
        if pack.contains("[[test]]") {
            scene.succeeds(&format!("pack trace ./{name}.toml"));
        }
    }
    assert!(packs.next().is_none(), "a pack of the document is not tested");
}
