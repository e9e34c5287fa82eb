//! `capsule explain`: why each file is in a bundle.

use crate::scene::{Scene, needs_root};

#[test]
fn a_library_names_the_program_that_needs_it() {
    needs_root!();
    let scene = Scene::with_bash();
    let said = scene.succeeds("explain B /lib/x86_64-linux-gnu/libtinfo.so.6").stdout;
    assert!(said.contains("link to libtinfo.so.6."), "{said}");
    assert!(said.contains("needed by /usr/bin/bash as libtinfo.so.6"), "{said}");
    assert!(said.ends_with("which is requested\n"), "{said}");
    assert!(said.contains(", libtinfo6:amd64 6."), "{said}");
}

#[test]
fn the_tree_shows_every_entry_but_plain_directories() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash ls -o B --format dir");
    let tree = scene.succeeds("explain B").stdout;
    let manifest = bundle::manifest::Manifest::load(&scene.path("B")).expect("a manifest");
    let shown: Vec<&str> =
        tree.lines().map(|line| line.trim_start_matches(['│', '├', '└', '─', ' ', '\u{a0}'])).collect();
    for record in &manifest.entries {
        let times = shown.iter().filter(|line| {
            line.split([' ']).next().map(|path| path.trim_end_matches('/')) == Some(record.path.as_str())
        });
        let expected = usize::from(record.why[0].kind != bundle::provenance::ProvenanceKind::Parent);
        assert_eq!(times.count(), expected, "{}", record.path);
    }
}

#[test]
fn json_and_dot_say_the_same() {
    needs_root!();
    let scene = Scene::with_bash();
    let json = scene.succeeds("explain B /usr/lib/x86_64-linux-gnu/libtinfo.so.6 --format json").stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("json");
    assert_eq!(json["chain"][0]["cause"]["by"], "/usr/bin/bash");
    assert_eq!(json["chain"][1]["cause"]["because"], "requested");
    let dot = scene.succeeds("explain B --format dot").stdout;
    assert!(
        dot.contains(
            "\"/usr/bin/bash\" -> \"/usr/lib/x86_64-linux-gnu/libtinfo.so.6\" [label=\"libtinfo.so.6\"];"
        ),
        "{dot}"
    );
}

#[test]
fn a_missing_path_is_reported_with_paths_of_the_same_name() {
    needs_root!();
    let scene = Scene::with_bash();
    let said = scene.fails("explain B /opt/bash");
    assert_eq!(said, "error: `/opt/bash` is not in `B`\n  hint: it has `/usr/bin/bash`\n");
    let said = scene.fails("explain nothing");
    assert!(said.starts_with("error: `nothing` is not a bundle: it has no `manifest.json`"), "{said}");
}
