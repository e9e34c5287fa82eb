//! Questions about finished bundles: sizes, report, bill of materials, differences, libraries that are not there.

use std::fs;

use crate::scene::{Scene, needs_root};

#[test]
fn sizes_add_up_to_the_whole() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash ls -o B --format dir");
    let table = scene.succeeds("explain B --sizes").stdout;
    let files =
        |line: &str| line.split_whitespace().rev().nth(3).and_then(|count| count.parse::<usize>().ok());
    let rows: Vec<&str> = table.lines().skip(1).collect();
    let (total, packages) = rows.split_last().expect("rows");
    assert_eq!(packages.iter().filter_map(|row| files(row)).sum::<usize>(), files(total).expect("a number"));
    assert!(table.lines().any(|line| line.starts_with("bash:amd64 ")), "{table}");
}

#[test]
fn the_report_is_one_page_that_names_every_file() {
    needs_root!();
    let scene = Scene::new();
    scene.file("r.toml", "binaries = ['bash']\n[files]\n'/opt/<b>&x' = 'tricky'\n");
    scene.succeeds("build -r r.toml -o B --format dir");
    scene.succeeds("explain B --report page.html");
    let page = fs::read_to_string(scene.path("page.html")).expect("there");
    let manifest = builder::manifest::Manifest::load(&scene.path("B")).expect("a manifest");
    let files = manifest.entries.iter().filter(|record| record.size() > 0);
    assert_eq!(page.matches("<rect ").count(), files.clone().count());
    assert!(
        files
            .filter(|record| !record.path.as_str().contains('<'))
            .all(|record| page.contains(record.path.as_str()))
    );
    assert!(page.contains("/opt/&#60;b&#62;&#38;x") && !page.contains("<b>"), "names are escaped");
    assert!(!page.contains("http") && !page.contains("<script"), "the page needs nothing from elsewhere");
}

#[test]
fn the_bill_of_materials_is_valid_and_names_packages_and_digests() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash -o B --format dir");
    let text = fs::read(scene.path("B/sbom.cdx.json")).expect("there");
    let bill = cyclonedx_bom::prelude::Bom::parse_from_json_v1_5(&text[..]).expect("CycloneDX 1.5");
    let components = bill.components.expect("components").0;
    let bash =
        components.iter().find(|component| component.name.to_string() == "bash").expect("bash is there");
    let purl = bash.purl.as_ref().expect("a purl").to_string();
    assert!(purl.starts_with("pkg:deb/debian/bash@") && purl.ends_with("?arch=amd64"), "{purl}");
    let manifest = builder::manifest::Manifest::load(&scene.path("B")).expect("a manifest");
    let digests = manifest.entries.iter().filter_map(|record| match &record.kind {
        builder::manifest::RecordKind::File { sha256, .. } => Some(sha256.as_str()),
        _ => None,
    });
    let text = String::from_utf8(text).expect("text");
    assert!(digests.clone().count() > 5);
    assert!(digests.into_iter().all(|digest| text.contains(digest)));
}

#[test]
fn a_difference_is_told_and_fails() {
    needs_root!();
    let scene = Scene::new();
    let recipe = |content: &str, mode: &str| {
        format!("binaries = ['bash']\n[files]\n'/opt/x' = {{ content = '{content}', mode = '{mode}' }}\n")
    };
    scene.file("a.toml", recipe("one", "0644"));
    scene.file("b.toml", recipe("three", "0755").replace("'bash'", "'bash', 'cat'"));
    scene.succeeds("build -r a.toml -o A --format dir");
    scene.succeeds("build -r b.toml -o B --format dir");
    let said = scene.capsule("diff A B");
    assert_eq!(said.code, 1);
    assert!(said.stdout.contains("\n~ /opt/x  content, 3 B -> 5 B; mode 0644 -> 0755\n"), "{}", said.stdout);
    assert!(said.stdout.contains("\n+ /usr/bin/cat  "), "{}", said.stdout);
    assert!(said.stdout.contains("~ package coreutils:amd64: none -> "), "{}", said.stdout);
    let same = scene.succeeds("diff A A").stdout;
    assert!(same.starts_with("0 paths differ, "), "{same}");
}

#[test]
fn why_not_lists_every_path_that_was_tried() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash -o B --format dir");
    let said = scene.succeeds("explain B --why-not libnope.so.1").stdout;
    assert!(said.contains("/usr/lib/x86_64-linux-gnu/libnope.so.1: ENOENT (default directory)\n"), "{said}");
    assert!(said.ends_with(" paths tried for `libnope.so.1`\n"), "{said}");
}
