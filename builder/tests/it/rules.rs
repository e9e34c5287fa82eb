//! docs/loader.md: every rule of the loaders names a test that exists, and every test of the loaders belongs to a rule.

use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../../docs/loader.md");
/// The modules that the document names. Every test of the first two belongs to a rule.
const MODULES: [(&str, &str); 5] = [
    ("loader", include_str!("../../crates/closure/tests/it/loader.rs")),
    ("sysroot", include_str!("sysroot.rs")),
    ("closure", include_str!("closure.rs")),
    ("lints", include_str!("../../crates/closure/tests/it/lints.rs")),
    ("resolve", include_str!("../../crates/closure/tests/it/resolve.rs")),
];
const COMPLETE: usize = 2;

/// The tests of a module, as the document names them.
fn tests(&(module, text): &(&str, &str)) -> Vec<String> {
    let after = text.split("#[test]\n").skip(1);
    let names = after.filter_map(|rest| rest.split("fn ").nth(1)?.split('(').next());
    names.map(|name| format!("{module}::{name}")).collect()
}

#[test]
fn every_rule_has_a_test_and_every_test_a_rule() {
    let existing: BTreeSet<String> = MODULES.iter().flat_map(tests).collect();
    let mut named = BTreeSet::new();
    let rows: Vec<&str> = DOCUMENT.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 34, "{} rules", rows.len());
    for row in rows {
        let (rule, fixtures) = row.trim_matches(['|', ' ']).split_once(" | ").unwrap_or((row, ""));
        let fixtures: Vec<&str> = fixtures.split('`').skip(1).step_by(2).collect();
        assert!(!fixtures.is_empty(), "no fixture for the rule: {rule}");
        for fixture in fixtures {
            assert!(existing.contains(fixture), "no test `{fixture}`, for the rule: {rule}");
            named.insert(fixture.to_owned());
        }
    }
    let unnamed: Vec<String> =
        MODULES[..COMPLETE].iter().flat_map(tests).filter(|test| !named.contains(test)).collect();
    assert!(unnamed.is_empty(), "tests without a rule in docs/loader.md: {unnamed:?}");
}
