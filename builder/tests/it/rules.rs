//! docs/loader.md: every rule of the loaders has a test that is there, and every test of theirs stands for a rule.

use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../../docs/loader.md");
/// The modules that the document names. Of the first two, every test stands for a rule.
const MODULES: [(&str, &str); 5] = [
    ("loader", include_str!("loader.rs")),
    ("sysroot", include_str!("sysroot.rs")),
    ("closure", include_str!("closure.rs")),
    ("lints", include_str!("lints.rs")),
    ("resolve", include_str!("resolve.rs")),
];
const COMPLETE: usize = 2;

/// The tests of a module, as the document has them.
fn tests(&(module, text): &(&str, &str)) -> Vec<String> {
    let after = text.split("#[test]\n").skip(1);
    let names = after.filter_map(|rest| rest.split("fn ").nth(1)?.split('(').next());
    names.map(|name| format!("{module}::{name}")).collect()
}

#[test]
fn every_rule_has_its_fixture_and_every_fixture_its_rule() {
    let there: BTreeSet<String> = MODULES.iter().flat_map(tests).collect();
    let mut named = BTreeSet::new();
    let rows: Vec<&str> = DOCUMENT.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 34, "{} rules", rows.len());
    for row in rows {
        let (rule, fixtures) = row.trim_matches(['|', ' ']).split_once(" | ").unwrap_or((row, ""));
        let fixtures: Vec<&str> = fixtures.split('`').skip(1).step_by(2).collect();
        assert!(!fixtures.is_empty(), "no fixture for the rule: {rule}");
        for fixture in fixtures {
            assert!(there.contains(fixture), "`{fixture}` is no test, for the rule: {rule}");
            named.insert(fixture.to_owned());
        }
    }
    let unnamed: Vec<String> =
        MODULES[..COMPLETE].iter().flat_map(tests).filter(|test| !named.contains(test)).collect();
    assert!(unnamed.is_empty(), "tests without a rule in docs/loader.md: {unnamed:?}");
}
