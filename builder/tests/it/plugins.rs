//! Libraries that a program opens with dlopen(3), and that need what only the program leads to.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::scene::{Said, Scene, needs_root};

const PROGRAM: &str = "#include <dlfcn.h>\n#include <stdio.h>\nint main(int argc, char **argv) {\n\
    void *plugin = dlopen(argv[1], RTLD_NOW);\n    if (!plugin) { puts(dlerror()); return 1; }\n\
    return ((int (*)(void))dlsym(plugin, \"answer\"))();\n}\n";

/// A scene with `app/bin/app`, whose RPATH leads to `app/private/libhelper.so`, which `app/plugins/p.so` needs.
fn scene() -> (Scene, PathBuf) {
    let scene = Scene::new();
    scene.file("app.c", PROGRAM);
    scene.file("helper.c", "int help(void) { return 42; }\n");
    scene.file("plugin.c", "int help(void); int answer(void) { return help(); }\n");
    for directory in ["app/bin", "app/private", "app/plugins"] {
        fs::create_dir_all(scene.path(directory)).unwrap();
    }
    let lines = [
        "helper.c -shared -fPIC -Wl,-soname,libhelper.so -o app/private/libhelper.so",
        "plugin.c -shared -fPIC -Lapp/private -lhelper -o app/plugins/p.so",
        "app.c -Wl,--disable-new-dtags -Wl,-rpath,$ORIGIN/../private -o app/bin/app",
    ];
    for line in lines {
        let said = Said::of(Command::new("gcc").args(line.split(' ')).current_dir(scene.path("")));
        assert_eq!(said.code, 0, "{said:?}");
    }
    let app = scene.path("app");
    (scene, app)
}

fn recipe(app: &str, include: &str) -> String {
    format!("binaries = ['{app}/bin/app']\ninclude = [\n{include}]\n[allow]\nunowned = ['{app}/**']\n")
}

#[test]
fn a_plugin_is_resolved_for_the_program_that_opens_it() {
    needs_root!();
    let (scene, app) = scene();
    let (app, plugin) = (app.display(), format!("{}/plugins/p.so", app.display()));
    let include = format!("{{ from = '{plugin}', for = '{app}/bin/app' }},\n");
    scene.file("alone.toml", recipe(&app.to_string(), &format!("'{plugin}',\n")));
    let error = scene.fails("build -r alone.toml -o B --format dir");
    let hint = format!("write {{ from = \"{plugin}\", for = \"PROGRAM\" }} under `include`\n");
    assert!(error.starts_with("error: `libhelper.so` not found") && error.ends_with(&hint), "{error}");

    scene.file("r.toml", recipe(&app.to_string(), &include));
    scene.succeeds("build -r r.toml -o B --format dir");
    let said = scene.capsule(&format!("run B -- {app}/bin/app {plugin}"));
    assert_eq!((said.code, said.stdout.as_str()), (42, ""), "{said:?}");
    let why = scene.succeeds(&format!("explain B {app}/private/libhelper.so")).stdout;
    assert!(why.contains(&format!("needed by {plugin} as libhelper.so (RPATH)")), "{why}");

    fs::remove_file(scene.path("app/private/libhelper.so")).unwrap();
    let error = scene.fails("build -r r.toml -o C --format dir");
    assert!(error.contains("`libhelper.so` not found") && !error.contains("PROGRAM"), "{error}");
}

#[test]
fn a_trace_says_which_program_opens_a_plugin() {
    needs_root!();
    let (scene, app) = scene();
    let (app, plugin) = (app.display(), format!("{}/plugins/p.so", app.display()));
    let said = scene.succeeds(&format!("trace --allow unowned={app}/** -o lines -- {app}/bin/app {plugin}"));
    assert_eq!(said.stdout, "");
    let lines = fs::read_to_string(scene.path("lines")).unwrap();
    let line = format!("    {{ from = \"{plugin}\", for = \"{app}/bin/app\" }},\n");
    assert!(lines.contains(&line), "{lines}");
    scene.file("r.toml", format!("binaries = ['{app}/bin/app']\n{lines}[allow]\nunowned = ['{app}/**']\n"));
    scene.succeeds("build -r r.toml -o B --format dir");
    assert_eq!(scene.capsule(&format!("run B -- {app}/bin/app {plugin}")).code, 42);
}

#[test]
fn a_table_under_include_has_a_place_or_an_opener() {
    let scene = Scene::new();
    let cases = [
        ("include = [{ from = '/a' }]", "this table has no `to`"),
        ("include = [{ for = '/a' }]", "this table has no `from`\n  hint: write the file and what opens it"),
        ("include = [{ from = '/a', for = 'a b' }]", "`a b` has white space in it"),
        ("binaries = [{ from = '/a', for = '/b' }]", "unknown key `for`"),
        (
            "binaries = ['bash']\ninclude = [{ from = '/bin/ls', for = 'nope-nope' }]",
            "`nope-nope` not found on PATH",
        ),
    ];
    for (text, expected) in cases {
        scene.file("r.toml", text);
        let error = scene.fails("build -r r.toml -o B --format tar");
        assert!(error.contains(expected), "{error}");
    }
}
