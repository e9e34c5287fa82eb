//! What the command line says about itself: help, completions of init's options, manual pages, the first steps.

use std::process::Command;

use init::contract::{NOTES, OPTIONS};

use crate::scene::{Said, Scene};

#[test]
fn run_and_exec_list_every_option_of_init_that_they_pass_on() {
    let scene = Scene::new();
    for (command, set_by_us) in
        [("run", &["--root"][..]), ("exec", &["--root", "--rootfs-digest", "--known-bad"])]
    {
        let help = scene.succeeds(&format!("{command} --help")).stdout;
        for option in OPTIONS {
            let listed = help.lines().any(|line| line.split_whitespace().next() == Some(option.name));
            assert_eq!(listed, !set_by_us.contains(&option.name), "{command}: {}", option.name);
        }
        assert!(help.contains(NOTES.lines().next().unwrap()), "{help}");
    }
}

#[test]
fn no_help_points_to_another_help_that_points_back() {
    let scene = Scene::new();
    for command in ["build", "run", "exec", "shell", "explain", "closure", "doctor", "bench", "pack", "man"] {
        let help = scene.succeeds(&format!("{command} --help")).stdout;
        // exec explains itself by the options of run, which run lists.
        assert!(!help.contains("run --help") && !help.contains("init run --help"), "{command}: {help}");
    }
}

#[test]
fn bash_completes_options_of_init() {
    let scene = Scene::new();
    let script = scene.succeeds("completions bash").stdout;
    let complete = |words: &str| {
        let count = words.split(' ').count() - 1;
        let line = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={count}; \
             _capsule capsule \"${{COMP_WORDS[$COMP_CWORD]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        Said::of(Command::new("bash").args(["--norc", "-c", &line])).stdout
    };
    assert_eq!(complete("capsule run bundle --cpu-"), "--cpu-time\n--cpu-quota\n");
    let compile = complete("capsule exec bundle --compile-mem");
    assert_eq!(compile, "--compile-memory\n");
}

#[test]
fn every_command_has_a_manual_page_that_man_can_read() {
    let scene = Scene::new();
    let pages = scene.succeeds("man --output pages").stdout;
    for name in ["capsule", "capsule-run", "capsule-exec", "capsule-pack-trace"] {
        assert!(pages.contains(&format!("pages/{name}.1\n")), "{pages}");
    }
    let run = scene.succeeds("man run").stdout;
    assert!(run.contains(".TH capsule-run 1"), "{run}");
    assert!(run.contains("\\-\\-cpu\\-time"), "{run}");
    assert!(scene.fails("man no-such-command").contains("no command is called `no-such-command`"));
}

#[test]
fn a_caller_without_arguments_is_shown_the_first_steps() {
    let text = Scene::new().succeeds("").stdout;
    for step in ["capsule build ", "capsule run ", "capsule doctor"] {
        assert!(text.contains(step), "{text}");
    }
}

#[test]
fn a_misspelt_option_gets_a_suggestion() {
    let scene = Scene::new();
    assert!(scene.fails("shell B --memroy 1G").contains("'--memory'"));
    assert!(scene.fails("exec B --memroy 1G a.c").contains("did you mean `--memory`?"));
    assert!(scene.fails("exec B --compile-memroy 1G a.c").contains("did you mean `--compile-memory`?"));
}

#[test]
fn the_version_has_the_commit() {
    let version = Scene::new().succeeds("--version").stdout;
    let version = version.trim_end().strip_prefix("capsule ").unwrap();
    assert!(version.starts_with(env!("CARGO_PKG_VERSION")), "{version}");
    let head = Command::new("git").args(["rev-parse", "--short=10", "HEAD"]).output();
    if head.is_ok_and(|head| head.status.success()) {
        let commit = version.split_once(" (").map(|(_, rest)| rest.split(' ').next().unwrap());
        assert!(commit.is_some_and(|commit| commit.len() >= 10), "{version}");
    }
}
