//! Programs and files that have another path in the image than on the build host.

use std::fs;
use std::path::Path;
use std::process::Command;

use bundle::manifest::{Manifest, RecordKind};
use recipe::image_path::ImagePath;

use crate::scene::{Said, Scene, needs_root};

/// A scene below /tmp, where the sandbox mounts its own: nothing there can keep its path.
fn scene() -> (Scene, String) {
    let scene = Scene::below(Path::new("/tmp"));
    scene.file("prog", "");
    fs::copy("/bin/echo", scene.path("prog")).unwrap();
    let here = scene.path("prog").display().to_string();
    (scene, here)
}

#[test]
fn a_program_below_tmp_is_placed_with_a_colon() {
    needs_root!();
    let (scene, prog) = scene();
    let line = format!("{prog}:/usr/local/bin/prog");
    scene.succeeds(&format!("build {line} -o B"));
    assert_eq!(scene.succeeds("run B -- /usr/local/bin/prog hello").stdout, "hello\n");
    let manifest = Manifest::load(&scene.path("B")).unwrap();
    let record = manifest.get(&ImagePath::parse("/usr/local/bin/prog").unwrap()).unwrap();
    let RecordKind::File { origin, .. } = &record.kind else { panic!("{record:?}") };
    assert_eq!(origin.as_deref(), Some(prog.as_str()));
    assert!(!manifest.entries.iter().any(|record| record.path.as_str().starts_with("/tmp/")));
    let why = scene.succeeds("explain B /usr/local/bin/prog").stdout;
    assert!(why.contains("requested by its path; no package owns it\n"), "{why}");
    let why = scene.succeeds("explain B /usr/lib/x86_64-linux-gnu/libc.so.6").stdout;
    assert!(why.contains("needed by /usr/local/bin/prog as libc.so.6"), "{why}");
    // From the working directory, as a shell's user means it.
    scene.succeeds("build prog:/usr/local/bin/prog -o C");
    assert!(scene.path("C/rootfs/usr/local/bin/prog").exists());
}

#[test]
fn a_recipe_places_programs_and_directories() {
    needs_root!();
    let (scene, prog) = scene();
    scene.file("data/words", "a\n");
    std::os::unix::fs::symlink("words", scene.path("data/link")).unwrap();
    let data = scene.path("data").display().to_string();
    let recipe = format!(
        "binaries = ['bash', {{ from = '{prog}', to = '/usr/local/bin/prog' }}]\n\
         include = [{{ from = '{data}', to = '/opt/data' }}]\n[allow]\nunowned = ['/opt/data/**']\n"
    );
    scene.file("r.toml", recipe);
    scene.succeeds("build -r r.toml -o B");
    let said = scene.succeeds("run B -- /bin/bash -c /usr/local/bin/prog$IFS$(</opt/data/link)");
    assert_eq!(said.stdout, "a\n");
    scene.succeeds("verify B");
    // The script makes the same tree.
    let script = scene.succeeds("script -r r.toml").stdout;
    assert!(script.contains(&format!("{prog} ./usr/local/bin/prog")), "{script}");
}

#[test]
fn a_packaged_program_with_another_place_keeps_its_package() {
    let scene = Scene::new();
    scene.succeeds("build /usr/bin/env:/opt/env -o B --format tar");
    let manifest = Manifest::load(&scene.path("B")).unwrap();
    let record = manifest.get(&ImagePath::parse("/opt/env").unwrap()).unwrap();
    assert_eq!(record.package.as_deref(), Some("coreutils:amd64"));
    assert!(manifest.get(&ImagePath::parse("/usr/bin/env").unwrap()).is_none());
}

#[test]
fn a_program_that_the_sandbox_would_hide_is_refused_with_the_way_to_place_it() {
    let (scene, prog) = scene();
    let error = scene.fails(&format!("build {prog} -o B --format tar"));
    let expected = format!(
        "error: `{prog}` would be hidden: the sandbox mounts its own `/tmp`\n  hint: choose a path outside /proc, /dev, /tmp, /home/judge, \
         as in `{prog}:/usr/local/bin/prog` on the command line or {{ from = \"{prog}\", to = \"/usr/local/bin/prog\" }} in a recipe\n"
    );
    assert_eq!(error, expected);
}

#[test]
fn a_library_moves_along_with_the_program_that_needs_it() {
    needs_root!();
    let scene = Scene::below(Path::new("/tmp"));
    scene.file("app.c", "int help(void); int main(void) { return help(); }\n");
    scene.file("help.c", "int help(void) { return 42; }\n");
    fs::create_dir_all(scene.path("app/lib")).unwrap();
    let lines = [
        "help.c -shared -fPIC -Wl,-soname,libhelp.so.1 -o app/lib/libhelp.so.1.0",
        "app.c app/lib/libhelp.so.1.0 -Wl,-rpath,$ORIGIN/lib -o app/app",
    ];
    for line in lines {
        let said = Said::of(Command::new("gcc").args(line.split(' ')).current_dir(scene.path("")));
        assert_eq!(said.code, 0, "{said:?}");
    }
    std::os::unix::fs::symlink("libhelp.so.1.0", scene.path("app/lib/libhelp.so.1")).unwrap();
    let from = scene.path("app").display().to_string();
    scene.file(
        "r.toml",
        format!("include = [{{ from = '{from}', to = '/opt/app' }}]\n[allow]\nunowned = ['/opt/app/**']\n"),
    );
    scene.succeeds("build -r r.toml -o B --format dir");
    assert_eq!(scene.capsule("run B -- /opt/app/app").code, 42);
    let manifest = Manifest::load(&scene.path("B")).unwrap();
    let elsewhere = manifest.entries.iter().find(|record| record.path.as_str().starts_with("/tmp/"));
    assert_eq!(elsewhere, None);
    let why = scene.succeeds("explain B /opt/app/lib/libhelp.so.1.0").stdout;
    assert!(why.contains("needed by /opt/app/app as libhelp.so.1 (RUNPATH)"), "{why}");
}

#[test]
fn a_directory_below_tmp_is_refused_with_the_table_that_places_it() {
    let scene = Scene::below(Path::new("/tmp"));
    scene.file("data/x", "");
    let data = scene.path("data").display().to_string();
    let error = scene.fails(&format!("build bash --include {data} -o B --format tar"));
    assert!(error.contains(&format!("`{data}` would be hidden")), "{error}");
    let table = format!("{{ from = \"{data}\", to = \"/opt/data\" }} under `include`");
    assert!(error.contains(&table), "{error}");
}
