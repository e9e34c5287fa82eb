//! Recipes: every mistake a person makes is answered with file, line, column and what to do.
//!
//! `golden/mistakes.txt` holds the recipes and the answers. After a wanted change of wording, run the test with
//! `GOLDEN=write` and read the difference.

use std::fs;
use std::path::Path;

use crate::scene::{Scene, needs_root};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden/mistakes.txt");
const RULE: &str = "--------";

#[test]
fn thirty_mistakes_are_answered_as_written_down() {
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

/// What the command says about a recipe, its temporary directory taken out.
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
