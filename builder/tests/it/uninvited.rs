//! Libraries that the loader loads though no object needs them: auditors (rtld-audit(7)) and /etc/ld.so.preload. Each
//! prints its name when the loader loads it in the sandbox.

use std::process::Command;

use crate::scene::{Said, Scene, needs_root};

/// Compiles `name` from C in the scene's directory.
fn compile(scene: &Scene, name: &str, source: &str, options: &str) {
    let file = scene.file(&format!("{name}.c"), source);
    let mut gcc = Command::new("gcc");
    gcc.arg("-o").arg(scene.path(name)).arg(file);
    gcc.args(options.replace('@', scene.path("").to_str().unwrap()).split_whitespace());
    let said = Said::of(&mut gcc);
    assert_eq!(said.code, 0, "{}", said.stderr);
}

/// An auditor, and a library that it needs, which prints the name.
fn auditor(scene: &Scene, name: &str) {
    let (voice, file) = (format!("lib{name}-voice.so"), format!("lib{name}.so"));
    let speak = format!(
        "#include <unistd.h>\nvoid speak_{name}(void) {{ if (write(1, \"{name}\\n\", {}) < 0) _exit(1); }}",
        name.len() + 1
    );
    compile(scene, &voice, &speak, &format!("-shared -fPIC -Wl,-soname,{voice}"));
    let listen =
        format!("void speak_{name}(void); unsigned la_version(unsigned v) {{ speak_{name}(); return v; }}");
    compile(scene, &file, &listen, &format!("-shared -fPIC @{voice} -Wl,-rpath,$ORIGIN"));
}

fn run(scene: &Scene, program: &str) -> Said {
    scene.capsule(&format!("run B -- {}", scene.path(program).display()))
}

const NOTHING: &str = "int main(void) { return 0; }";

#[test]
fn auditors_of_a_program_come_with_what_they_need() {
    needs_root!();
    let scene = Scene::new();
    auditor(&scene, "first");
    auditor(&scene, "second");
    auditor(&scene, "third");
    // The program's own library of that name is not the auditor's: their link-map lists are separate (dlmopen(3)).
    scene.file("own/none", "");
    compile(&scene, "own/libfirst-voice.so", "int own;", "-shared -fPIC -Wl,-soname,libfirst-voice.so");
    let options = "-Wl,--audit=@libfirst.so:libsecond.so -Wl,--depaudit=@libthird.so -Wl,--disable-new-dtags \
                   -Wl,-rpath,@own:@ -Wl,--no-as-needed @own/libfirst-voice.so";
    compile(&scene, "p", NOTHING, options);
    let program = scene.path("p").display().to_string();
    scene.succeeds(&format!(
        "build {program} --allow unowned={program} --allow unowned={}** -o B",
        scene.path("").display()
    ));
    let said = run(&scene, "p");
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("first\nsecond\nthird\n", ""));
    let why = scene.succeeds(&format!("explain B {}", scene.path("libfirst.so").display())).stdout;
    assert!(
        why.contains(&format!("opened by {program} at run time as")) && why.contains("(DT_AUDIT)"),
        "{why}"
    );
}

#[test]
fn a_missing_auditor_is_skipped_as_the_loader_does() {
    let scene = Scene::new();
    compile(&scene, "p", NOTHING, "-Wl,--audit=libnowhere.so");
    scene.succeeds(&format!("build {0} --allow unowned={0} -o B --format tar", scene.path("p").display()));
}

#[test]
fn preloads_of_the_image_come_along_and_those_of_the_build_host_do_not() {
    needs_root!();
    let scene = Scene::new();
    let speak = "#include <unistd.h>\n__attribute__((constructor)) void speak(void) { if (write(1, \"preloaded\\n\", 10) < 0) _exit(1); }";
    compile(&scene, "libvoice.so", speak, "-shared -fPIC");
    compile(&scene, "p", NOTHING, "");
    let here = scene.path("").display().to_string();
    let recipe = format!(
        "binaries = ['{here}p']\n[files]\n'/etc/ld.so.preload' = \"# ours\\n{here}libvoice.so\\n\"\n[allow]\nunowned = ['{here}*']\n"
    );
    scene.file("recipe.toml", recipe);
    scene.succeeds("build -r recipe.toml -o B");
    assert_eq!(run(&scene, "p").stdout, "preloaded\n");
    scene.succeeds(&format!("build {here}p --allow unowned={here}* -o B --replace"));
    assert_eq!(run(&scene, "p").stdout, "");
}
