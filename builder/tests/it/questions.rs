//! Questions about finished bundles: sizes, report, bill of materials, differences, missing libraries.

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
    let manifest = bundle::manifest::Manifest::load(&scene.path("B")).expect("a manifest");
    let files = manifest.entries.iter().filter(|record| record.size() > 0);
    let wide = page.split("</svg>").next().expect("a treemap");
    assert_eq!(wide.matches("<rect style").count(), files.clone().count());
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
    let scene = Scene::with_bash();
    let text = fs::read(scene.path("B/sbom.cdx.json")).expect("there");
    let bill = cyclonedx_bom::prelude::Bom::parse_from_json_v1_5(&text[..]).expect("CycloneDX 1.5");
    let components = bill.components.expect("components").0;
    let bash =
        components.iter().find(|component| component.name.to_string() == "bash").expect("bash is there");
    let purl = bash.purl.as_ref().expect("a purl").to_string();
    assert!(purl.starts_with("pkg:deb/debian/bash@"), "{purl}");
    assert!(purl.contains("?arch=amd64&distro=debian-"), "{purl}");
    let libc =
        components.iter().find(|component| component.name.to_string() == "libc6").expect("libc6 is there");
    let purl = libc.purl.as_ref().expect("a purl").to_string();
    assert!(purl.ends_with("&upstream=glibc"), "{purl}");
    assert!(components.iter().any(|component| component.name.to_string() == "debian"), "the distribution");
    let needs = |of: &str| {
        let all = &bill.dependencies.as_ref().expect("dependencies").0;
        all.iter().find(|one| one.dependency_ref == of).expect("in the graph").dependencies.clone()
    };
    assert!(needs("rootfs").contains(&"bash:amd64".to_owned()), "{:?}", needs("rootfs"));
    assert_eq!(needs("bash:amd64"), ["libc6:amd64", "libtinfo6:amd64"]);
    // libc opens libgcc to end a thread (dlopen).
    assert!(needs("libc6:amd64").contains(&"libgcc-s1:amd64".to_owned()), "{:?}", needs("libc6:amd64"));
    let manifest = bundle::manifest::Manifest::load(&scene.path("B")).expect("a manifest");
    let digests = manifest.entries.iter().filter_map(|record| match &record.kind {
        bundle::manifest::RecordKind::File { sha256, .. } => Some(sha256.as_str()),
        _ => None,
    });
    let text = String::from_utf8(text).expect("text");
    assert!(digests.clone().count() > 5);
    assert!(digests.into_iter().all(|digest| text.contains(digest)));
}

#[test]
fn a_difference_is_printed_and_fails() {
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
    fs::write(scene.path("A/rootfs/opt/x"), "now").expect("written");
    let said = scene.capsule("diff A A");
    let line = "! A differs from its manifest: /opt/x has different content\n";
    assert_eq!((said.code, said.stdout.matches(line).count()), (1, 1), "{said:?}");
    let said = scene.capsule("diff A B").stdout;
    assert!(said.starts_with(line) && said.contains("content, 3 B -> 5 B"), "{said}");
}

#[test]
fn why_not_lists_every_path_that_was_tried() {
    needs_root!();
    let scene = Scene::with_bash();
    let said = scene.succeeds("explain B --why-not libnope.so.1").stdout;
    assert!(said.contains("/usr/lib/x86_64-linux-gnu/libnope.so.1: ENOENT (default directory)\n"), "{said}");
    assert!(said.ends_with(" paths tried for `libnope.so.1`\n"), "{said}");
}

#[test]
fn an_image_for_scanners_has_the_control_files_of_its_packages() {
    needs_root!();
    let scene = Scene::new();
    scene.file("r.toml", "binaries = ['bash']\nscan = true\n");
    scene.succeeds("build -r r.toml -o B --format dir");
    let read = |path: &str| fs::read_to_string(scene.path("B/rootfs").join(path)).expect("there");
    assert!(read("etc/os-release").contains("ID=debian\n"));
    let control = read("var/lib/dpkg/status.d/libc6");
    assert!(control.starts_with("Package: libc6\n") && control.contains("\nSource: glibc\n"), "{control}");
    assert!(!control.contains("Status:") && !control.contains("Conffiles"), "{control}");
    let why = scene.succeeds("explain B /var/lib/dpkg/status.d/bash").stdout;
    assert!(why.contains("status of a package, for scanners, requested"), "{why}");
    scene.succeeds("verify B");
    scene.succeeds("build bash --scan -o C --format dir");
    assert_eq!(read("var/lib/dpkg/status.d/bash").lines().next(), Some("Package: bash"));
    scene.succeeds("build bash -o D --format dir");
    assert!(!scene.path("D/rootfs/var").exists() && !scene.path("D/rootfs/etc/os-release").exists());
    fs::create_dir(scene.path("T")).expect("made");
    scene.file("T/opt/x", "");
    let error = scene.fails("build --sysroot T --include /opt/x --scan -o E --format tar");
    assert!(error.starts_with("error: no file `os-release` on the build host\n  searched: "), "{error}");
}
