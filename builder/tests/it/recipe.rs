//! Recipes: every mistake is reported with file, line, column and what to do.
//!
//! `golden/mistakes.txt` holds the recipes and the messages. After an intended change of wording, run the test with
//! `GOLDEN=write` and read the difference.

use std::fs;
use std::path::Path;

use crate::scene::{Scene, needs_root};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden/mistakes.txt");
const RULE: &str = "--------";

#[test]
fn thirty_mistakes_have_the_messages_of_the_golden_file() {
    let golden = fs::read_to_string(GOLDEN).expect("the golden file");
    let mut written = String::new();
    let mut wrong = Vec::new();
    let mut cases = 0;
    for case in golden.split(&format!("{RULE}\n")).filter(|case| !case.is_empty()) {
        let recipe = case.split("\n=> ").next().expect("a recipe");
        let now = format!("{recipe}\n=> {}\n", answer(recipe));
        if now != case {
            wrong.push(format!("{now}instead of:\n{case}"));
        }
        written += &format!("{RULE}\n{now}");
        cases += 1;
    }
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        fs::write(GOLDEN, &written).expect("written");
    }
    assert!(cases >= 30, "{cases} mistakes");
    assert!(wrong.is_empty(), "{}", wrong.join(RULE));
}

/// The command's message about a recipe, without the temporary directory.
fn answer(recipe: &str) -> String {
    let scene = Scene::new();
    scene.file("recipe.toml", recipe.trim_end_matches('\n'));
    let said = scene.capsule("build -r recipe.toml -o B --format tar");
    assert_ne!(said.code, 0, "accepted:\n{recipe}");
    assert_eq!(scene.names(), ["recipe.toml"]);
    said.stderr.trim_end().replace(&scene.path("").display().to_string(), "HERE/")
}

#[test]
fn the_default_recipe_builds() {
    needs_root!();
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipes/default.toml");
    let scene = Scene::new();
    scene.succeeds(&format!("build -r {} -o B", recipe.display()));
    for path in [
        "usr/bin/vim.basic",
        "usr/bin/ps",
        "usr/bin/ip",
        "usr/lib/terminfo/s/screen",
        "usr/lib/terminfo/x/xterm-256color",
    ] {
        assert!(scene.path("B/rootfs").join(path).exists(), "{path}");
    }
    assert!(scene.succeeds("verify B").stdout.ends_with(" 0 differ\n"));
}

#[test]
fn limits_of_a_recipe_mean_what_they_mean_on_the_command_line() {
    needs_root!();
    let scene = Scene::new();
    scene.file("r.toml", "binaries = ['true']\n[limits]\ncpu-time = '1.5s'\nmemory = 'none'\n");
    scene.succeeds("build -r r.toml -o B");
    let limits = |options: &str| {
        let said = scene.succeeds(&format!("run B --report - {options} -- /bin/true"));
        let report: serde_json::Value = serde_json::from_str(&said.stdout).expect("a report");
        ["cpu_us", "memory_bytes"].map(|name| report["limits"][name]["limit"].as_u64())
    };
    assert_eq!(limits(""), [Some(1_500_000), None]);
    assert_eq!(limits("--cpu-time 2s --memory 64M"), [Some(2_000_000), Some(64 << 20)]);
}
