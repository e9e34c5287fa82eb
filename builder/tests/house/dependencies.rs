//! The rules of deny.toml for all packages that this workspace is built from: licences, sources and versions.
//!
//! `just deny` has cargo-deny check the same rules, but takes five minutes to install it. This test takes a second. It
//! knows no other key of deny.toml, so an exception of another kind does not loosen it.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

/// What deny.toml says.
#[derive(Deserialize)]
pub(crate) struct Rules {
    graph: Scope,
    licenses: Licenses,
    sources: Sources,
    bans: Bans,
}

/// Which packages the rules are for.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Scope {
    targets: Vec<String>,
    all_features: bool,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    skip: Vec<Skip>,
}

/// A package that may be there in a second version.
#[derive(Deserialize)]
struct Skip {
    /// `NAME@VERSION`; the version may be only its first numbers.
    #[serde(rename = "crate")]
    spec: String,
}

/// What `cargo metadata` says.
#[derive(Deserialize)]
pub(crate) struct Graph {
    packages: Vec<Package>,
    /// The ids of our own packages.
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// `None` for a directory of this machine.
    source: Option<String>,
    dependencies: Vec<Requirement>,
}

/// What a package says about another one.
#[derive(Deserialize)]
struct Requirement {
    name: String,
    req: String,
    path: Option<String>,
}

impl Rules {
    pub(crate) fn parse(text: &str) -> Rules {
        toml::from_str(text).unwrap_or_else(|error| panic!("deny.toml: {error}"))
    }
}

impl Graph {
    /// Asks cargo. It may use the network: a build of one package fetches only what that one needs. If all is there,
    /// as after `just test`, it does not.
    pub(crate) fn load(root: &Path, rules: &Rules) -> Graph {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root);
        cargo.args(rules.graph.targets.iter().flat_map(|target| ["--filter-platform", target]));
        cargo.args(rules.graph.all_features.then_some("--all-features"));
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        Graph::parse(&output.stdout)
    }

    fn parse(json: &[u8]) -> Graph {
        serde_json::from_slice(json).unwrap_or_else(|error| panic!("cargo metadata: {error}"))
    }
}

/// What a package breaks, and what deny.toml excepts without need.
pub(crate) fn violations(rules: &Rules, graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for package in &graph.packages {
        let broken = [
            license(package, &rules.licenses),
            source(package, &rules.sources, &graph.workspace_members),
            duplicate(package, &rules.bans, &graph.packages),
            wildcard(package),
        ];
        found.extend(broken.into_iter().flatten().map(|what| format!("{}: {what}", title(package))));
    }
    found.extend(unneeded(&rules.bans, &graph.packages));
    found
}

fn title(package: &Package) -> String {
    let Package { name, version, license, .. } = package;
    format!("{name} {version} ({})", license.as_deref().unwrap_or("no licence"))
}

fn license(package: &Package, rules: &Licenses) -> Option<String> {
    let Some(text) = &package.license else { return Some("it names no licence".into()) };
    // Lax: old packages write `MIT/Apache-2.0`.
    match Expression::parse_mode(text, ParseMode::LAX) {
        Err(error) => Some(format!("its licence cannot be read: {}", error.reason)),
        Ok(expression) => {
            let allowed: Vec<Licensee> =
                rules.allow.iter().map(|name| Licensee::parse(name).unwrap()).collect();
            let met = expression.evaluate(|asked| allowed.iter().any(|licensee| licensee.satisfies(asked)));
            (!met).then(|| "deny.toml does not allow its licence".into())
        }
    }
}

/// A registry that deny.toml names, or the workspace.
fn source(package: &Package, rules: &Sources, ours: &[String]) -> Option<String> {
    let Some(source) = &package.source else {
        return (!ours.contains(&package.id)).then(|| format!("{} is outside of the workspace", package.id));
    };
    let registry = source.strip_prefix("registry+");
    let is_allowed = registry.is_some_and(|url| rules.allow_registry.iter().any(|allowed| allowed == url));
    (!is_allowed).then(|| format!("deny.toml does not allow its source, {source}"))
}

/// Of two versions the one that deny.toml does not name, or both.
fn duplicate(package: &Package, rules: &Bans, packages: &[Package]) -> Option<String> {
    let is_skipped = |package: &Package| rules.skip.iter().any(|skip| skip.names(package));
    if is_skipped(package) {
        return None;
    }
    let mut others = other_versions(package, packages).filter(|other| !is_skipped(other));
    others.next().map(|other| format!("version {} is there, too", other.version))
}

/// Cargo.toml says `*` for a version, or nothing.
fn wildcard(package: &Package) -> Option<String> {
    let is_any = |to: &&Requirement| to.req == "*" && to.path.is_none();
    package.dependencies.iter().find(is_any).map(|to| format!("it takes any version of {}", to.name))
}

/// The exceptions for a package that is gone, or that has one version left.
fn unneeded(rules: &Bans, packages: &[Package]) -> Vec<String> {
    let is_needed = |skip: &&Skip| {
        let mut skipped = packages.iter().filter(|package| skip.names(package));
        skipped.any(|package| other_versions(package, packages).next().is_some())
    };
    let unneeded = rules.skip.iter().filter(|skip| !is_needed(skip));
    unneeded
        .map(|skip| format!("deny.toml: `{}` has no second version: remove this skip", skip.spec))
        .collect()
}

fn other_versions<'a>(package: &'a Package, packages: &'a [Package]) -> impl Iterator<Item = &'a Package> {
    packages.iter().filter(|other| other.name == package.name && other.version != package.version)
}

impl Skip {
    fn names(&self, package: &Package) -> bool {
        let (name, version) = self.spec.split_once('@').unwrap_or((&self.spec, ""));
        let rest = package.version.strip_prefix(version);
        let is_whole = |rest: &str| version.is_empty() || rest.is_empty() || rest.starts_with('.');
        name == package.name && rest.is_some_and(is_whole)
    }
}

/// What is said about packages by their name, version, licence and source, with `syn@2` as the only exception.
fn found(packages: &[(&str, &str, &str, &str)]) -> Vec<String> {
    let package = |&(name, version, license, source): &(&str, &str, &str, &str)| Package {
        id: format!("{name}@{version}"),
        name: name.into(),
        version: version.into(),
        license: (!license.is_empty()).then(|| license.into()),
        source: (!source.is_empty()).then(|| source.into()),
        dependencies: Vec::new(),
    };
    let packages = packages.iter().map(package).collect();
    violations(&rules(), &Graph { packages, workspace_members: vec!["ours@0.1.0".into()] })
}

fn rules() -> Rules {
    Rules::parse(
        r#"
        graph = { targets = ["x86_64-unknown-linux-gnu"], all-features = true }
        licenses.allow = ["MIT", "Apache-2.0"]
        sources.allow-registry = ["https://github.com/rust-lang/crates.io-index"]
        bans.skip = [{ crate = "syn@2", reason = "macros" }]
        "#,
    )
}

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// They need the exception.
const TWO_SYNS: [(&str, &str, &str, &str); 2] =
    [("syn", "2.0.1", "MIT", CRATES_IO), ("syn", "3.0.0", "MIT", CRATES_IO)];

/// What is said about one package.
fn found_of(name: &str, version: &str, license: &str, source: &str) -> Vec<String> {
    found(&[TWO_SYNS.as_slice(), &[(name, version, license, source)]].concat())
}

#[test]
fn a_licence_that_is_not_allowed_is_a_violation() {
    let found = |license| found_of("a", "1.0.0", license, CRATES_IO);
    for met in ["MIT", "GPL-3.0-only OR MIT", "MIT/Unlicense", "MIT AND Apache-2.0"] {
        assert_eq!(found(met), Vec::<String>::new(), "{met}");
    }
    for unmet in ["GPL-3.0-only", "MIT AND Zlib", "Apache-2.0 WITH LLVM-exception"] {
        assert_eq!(found(unmet), [format!("a 1.0.0 ({unmet}): deny.toml does not allow its licence")]);
    }
    assert_eq!(found(""), ["a 1.0.0 (no licence): it names no licence"]);
    assert_eq!(found("My own"), ["a 1.0.0 (My own): its licence cannot be read: unknown term"]);
}

#[test]
fn a_source_that_is_not_allowed_is_a_violation() {
    let found = |name, source| found_of(name, "0.1.0", "MIT", source);
    assert_eq!(found("a", CRATES_IO), Vec::<String>::new());
    assert_eq!(found("ours", ""), Vec::<String>::new());
    assert_eq!(found("theirs", ""), ["theirs 0.1.0 (MIT): theirs@0.1.0 is outside of the workspace"]);
    for other in ["git+https://git.example/a", "registry+https://registry.example/index"] {
        assert_eq!(
            found("a", other),
            [format!("a 0.1.0 (MIT): deny.toml does not allow its source, {other}")]
        );
    }
}

#[test]
fn a_second_version_is_a_violation_unless_it_is_skipped() {
    let two = |version| [("a", "1.0.0", "MIT", CRATES_IO), ("a", version, "MIT", CRATES_IO)];
    assert_eq!(
        found(&[TWO_SYNS, two("2.0.0")].concat()),
        ["a 1.0.0 (MIT): version 2.0.0 is there, too", "a 2.0.0 (MIT): version 1.0.0 is there, too"]
    );
    let third = found_of("syn", "20.0.0", "MIT", CRATES_IO);
    assert_eq!(
        third,
        ["syn 3.0.0 (MIT): version 20.0.0 is there, too", "syn 20.0.0 (MIT): version 3.0.0 is there, too"]
    );
}

#[test]
fn a_skip_without_a_second_version_is_a_violation() {
    let expected = ["deny.toml: `syn@2` has no second version: remove this skip"];
    assert_eq!(found(&[]), expected);
    assert_eq!(found(&TWO_SYNS[..1]), expected);
    assert_eq!(found(&TWO_SYNS[1..]), expected);
    assert_eq!(found(&TWO_SYNS), Vec::<String>::new());
}

#[test]
fn any_version_of_a_dependency_is_a_violation() {
    let graph = Graph::parse(
        br#"{
            "packages": [{
                "id": "ours@0.1.0", "name": "ours", "version": "0.1.0", "license": "MIT", "source": null,
                "dependencies": [
                    {"name": "closure", "req": "*", "path": "/demo/closure"},
                    {"name": "memchr", "req": "*"},
                    {"name": "toml", "req": "^1"}
                ]
            }],
            "workspace_members": ["ours@0.1.0"]
        }"#,
    );
    let mut rules = rules();
    rules.bans.skip.clear();
    assert_eq!(violations(&rules, &graph), ["ours 0.1.0 (MIT): it takes any version of memchr"]);
}
