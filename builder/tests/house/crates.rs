//! Which crate may depend on which other one: the crates stand in an order, and each knows only lower ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::{Spanned, Value};

/// From the lowest to the highest.
const ORDER: [&str; 9] =
    ["closure", "recipe", "bundle", "image", "run", "isolate", "judge", "serve", "builder"];
/// To make a bundle and to run one are apart: neither needs the other.
const APART: [&str; 2] = ["image", "run"];
/// What runs init, what checks the options that it will get, and what prints its help.
const MAY_USE_INIT: [&str; 3] = ["run", "recipe", "builder"];
/// These depend on no other package of ours: init, and the tests, which take only a bundle as it ships.
const ALONE: [&str; 2] = ["init", "vm-tests"];

/// What a Cargo.toml says about other packages.
pub(crate) struct Manifest {
    package: String,
    /// Relative to the workspace.
    path: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    package: String,
    line: usize,
}

#[derive(Deserialize)]
struct Document {
    package: Package,
    #[serde(default)]
    dependencies: BTreeMap<String, Spanned<Value>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

impl Manifest {
    pub(crate) fn load(root: &Path, package: &str) -> Manifest {
        let path = format!("{package}/Cargo.toml");
        let text = fs::read_to_string(root.join(&path)).unwrap();
        Manifest::parse(path, &text)
    }

    fn parse(path: String, text: &str) -> Manifest {
        let document: Document = toml::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let dependency = |(key, value): (String, Spanned<Value>)| Dependency {
            line: text[..value.span().start].matches('\n').count() + 1,
            package: package_of(&key, value.get_ref()),
        };
        let dependencies = document.dependencies.into_iter().map(dependency).collect();
        Manifest { package: document.package.name, path, dependencies }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        let Manifest { package: from, path, .. } = self;
        if !ORDER.contains(&&**from) && !ALONE.contains(&&**from) {
            return vec![format!("{path}: `{from}` has no place in the order of crates")];
        }
        let forbidden = self.dependencies.iter().filter(|dependency| !may_depend(from, &dependency.package));
        forbidden.map(|to| format!("{path}:{}: {from} -> {}", to.line, to.package)).collect()
    }
}

/// `name = { package = "other" }` gives a package another name.
fn package_of(key: &str, value: &Value) -> String {
    value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()
}

fn may_depend(from: &str, to: &str) -> bool {
    let height = |package: &str| ORDER.iter().position(|other| *other == package);
    if to == "init" {
        return MAY_USE_INIT.contains(&from);
    }
    match (height(from), height(to)) {
        (_, None) => !ALONE.contains(&to),
        (None, Some(_)) => false,
        (Some(lower), Some(higher)) => higher < lower && !(APART.contains(&from) && APART.contains(&to)),
    }
}

/// What is said about a crate with these dependencies.
fn found(package: &str, dependencies: &str) -> Vec<String> {
    let text = format!("[package]\nname = \"{package}\"\n\n[dependencies]\n{dependencies}");
    Manifest::parse("demo/Cargo.toml".into(), &text).violations()
}

#[test]
fn a_lower_crate_must_not_depend_on_a_higher_one() {
    assert_eq!(
        found("closure", "memchr = \"2\"\nbundle = { path = \"../bundle\" }"),
        ["demo/Cargo.toml:6: closure -> bundle"]
    );
    assert_eq!(found("recipe", "serve.path = \"../serve\""), ["demo/Cargo.toml:5: recipe -> serve"]);
    assert_eq!(
        found("recipe", "x = { path = \"../run\", package = \"run\" }"),
        ["demo/Cargo.toml:5: recipe -> run"]
    );
    assert_eq!(
        found("run", "bundle.path = \"../bundle\"\nrecipe = { path = \"../recipe\" }"),
        Vec::<String>::new()
    );
}

#[test]
fn image_and_run_do_not_know_each_other() {
    assert_eq!(found("run", "image.path = \"../image\""), ["demo/Cargo.toml:5: run -> image"]);
    assert_eq!(found("image", "run.path = \"../run\""), ["demo/Cargo.toml:5: image -> run"]);
}

#[test]
fn only_some_depend_on_init_and_init_on_none() {
    assert_eq!(found("bundle", "init.path = \"../init\""), ["demo/Cargo.toml:5: bundle -> init"]);
    assert_eq!(found("vm-tests", "init.path = \"../init\""), ["demo/Cargo.toml:5: vm-tests -> init"]);
    assert_eq!(found("init", "closure.path = \"../x\""), ["demo/Cargo.toml:5: init -> closure"]);
    assert_eq!(found("run", "init.path = \"../../../init\""), Vec::<String>::new());
}

#[test]
fn a_new_crate_needs_a_place_in_the_order() {
    assert_eq!(found("helpers", ""), ["demo/Cargo.toml: `helpers` has no place in the order of crates"]);
}
