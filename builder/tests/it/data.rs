//! Data that programs read by convention, and the choice of libraries: for each key, a program in the sandbox reads the
//! files that it brings.

use std::path::Path;

use crate::elf_file::ElfFile;
use crate::scene::{Scene, needs_root};

/// Builds with `options` and runs `script` in the sandbox; gives what it printed.
fn inside(options: &str, script: &str) -> String {
    let scene = Scene::new();
    scene.succeeds(&format!("build bash {options} -o B"));
    let mut run = scene.command();
    run.args(["run", "B", "--", "/bin/bash", "-c", script]);
    let said = crate::scene::Said::of(&mut run);
    assert_eq!(said.code, 0, "{script}: {said:?}");
    said.stdout
}

#[test]
fn accounts_and_hosts_are_found_by_the_name_service() {
    needs_root!();
    let script =
        "getent passwd judge; getent group judge; getent hosts localhost; getent passwd nobody || echo none";
    let said = inside("getent", script);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..2], ["judge:x:60000:60000:submission:/home/judge:/bin/sh", "judge:x:60000:"]);
    assert!(lines[2].ends_with(" localhost"), "{said}");
    assert_eq!(lines[3], "none", "no line of the build host's");
}

#[test]
fn iconv_converts_the_requested_character_sets() {
    needs_root!();
    let script = r"printf '\344\366' | iconv -f latin1 -t utf8; printf '\xc6\xfc' | iconv -f EUC-JP -t utf8
        iconv -f KOI8-R -t utf8 </dev/null 2>/dev/null || printf ' no'";
    assert_eq!(inside("iconv --charset Latin1,euc-jp", script), "äö日 no");
}

#[test]
fn time_zones_come_on_request() {
    needs_root!();
    let script = "TZ=Europe/Berlin date -d @0 +%R; TZ=Europe/Rome date -d @0 +%R";
    assert_eq!(inside("date --timezone Europe/Berlin", script), "01:00\n00:00\n");
}

#[test]
fn text_is_utf_8_by_default_and_bytes_without_the_locale() {
    needs_root!();
    let script = "x=日本; echo ${#x}; locale -a";
    assert_eq!(inside("locale", script), "2\nC\nC.utf8\nPOSIX\n");
    assert_eq!(inside("locale --locale none", script), "6\nC\nPOSIX\n");
}

#[test]
fn the_usual_terminals_are_known_by_default() {
    needs_root!();
    let script = "for t in xterm xterm-256color linux screen tmux vt100; do tput -T $t colors; done";
    assert_eq!(inside("tput", script), "8\n256\n8\n8\n8\n-1\n");
    let script = "tput -T xterm colors || echo none; tput -T vt100 cols";
    assert_eq!(inside("tput --terminfo vt100", script), "none\n80\n");
}

#[test]
fn openssl_finds_the_certificates_where_it_looks_by_itself() {
    needs_root!();
    // Verified against the default place: the bundle's certificates are self-signed.
    let script = "mapfile -t lines </etc/ssl/certs/ca-certificates.crt
        for line in \"${lines[@]}\"; do echo \"$line\"; [[ $line = *END* ]] && break; done | openssl verify";
    assert_eq!(inside("openssl --certificates", script), "stdin: OK\n");
}

#[test]
fn data_that_no_program_reads_is_left_out() {
    let scene = Scene::new();
    scene.succeeds("build --include /etc/debian_version -o B --format tar");
    let manifest = std::fs::read_to_string(scene.path("B/manifest.json")).unwrap();
    assert!(!manifest.contains("terminfo") && !manifest.contains("locale"), "{manifest}");
}

#[test]
fn explain_names_the_reader_of_data_or_the_request() {
    let scene = Scene::new();
    scene.succeeds("build bash --timezone UTC -o B --format tar");
    let why = |path: &str| scene.succeeds(&format!("explain B {path}")).stdout;
    let locale = why("/usr/lib/locale/C.utf8/LC_CTYPE");
    assert!(
        locale.contains("locale `C.UTF-8`, which /usr/lib/x86_64-linux-gnu/libc.so.6 reads\n"),
        "{locale}"
    );
    let zone = why("/usr/share/zoneinfo/UTC");
    assert!(zone.contains("time zone `UTC`, requested"), "{zone}");
    let tree = scene.succeeds("explain B").stdout;
    assert!(tree.contains("time zone `UTC`, requested\n"), "{tree}");
}

#[test]
fn the_images_own_nsswitch_conf_says_which_modules_come_along() {
    let scene = Scene::new();
    scene.file(
        "recipe.toml",
        "binaries = ['getent']\n[files]\n'/etc/nsswitch.conf' = \"hosts: files compat nosuch\\n\"\n",
    );
    let said = scene.succeeds("build -r recipe.toml -o B --format tar");
    let module = scene.succeeds("explain B /usr/lib/x86_64-linux-gnu/libnss_compat.so.2").stdout;
    assert!(module.contains("name service `compat`"), "{module}");
    let warning = "warning: /etc/nsswitch.conf names the service `nosuch`, but its module libnss_nosuch.so.2 was not found\n";
    assert!(said.stderr.contains(warning), "{}", said.stderr);
    let plain = Scene::new();
    let said = plain.succeeds("build getent -o B --format tar");
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    assert_ne!(plain.capsule("explain B /usr/lib/x86_64-linux-gnu/libnss_compat.so.2").code, 0);
}

/// A tree with one library in every hardware directory.
fn levels(scene: &Scene) {
    let root = scene.path("R");
    for loader in ["lib64", "lib"] {
        std::fs::create_dir_all(root.join(loader)).unwrap();
    }
    std::fs::copy("/lib64/ld-linux-x86-64.so.2", root.join("lib64/ld-linux-x86-64.so.2")).unwrap();
    ElfFile::program().needs("liba.so").write(&root.join("usr/bin/p"));
    for level in ["", "glibc-hwcaps/x86-64-v2/", "glibc-hwcaps/x86-64-v3/", "glibc-hwcaps/x86-64-v4/"] {
        ElfFile::library().soname("liba.so").write(&root.join(format!("lib/{level}liba.so")));
    }
    std::fs::set_permissions(root.join("usr/bin/p"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
}

#[test]
fn libraries_for_better_cpus_are_taken_up_to_the_level_and_never_without_the_portable_one() {
    let scene = Scene::new();
    levels(&scene);
    scene.file("v3.toml", "binaries = ['p']\ncpu = 'x86-64-v3'\n");
    let libraries = |options: &str| {
        scene.succeeds(&format!("build --sysroot R {options} -o B --format tar --replace"));
        let tree = scene.succeeds("explain B").stdout;
        let words = tree.split_whitespace().filter(|word| word.ends_with("/liba.so")).map(str::to_owned);
        let mut words: Vec<String> = words.collect();
        words.sort();
        words
    };
    let (plain, v2, v3) =
        ("/lib/liba.so", "/lib/glibc-hwcaps/x86-64-v2/liba.so", "/lib/glibc-hwcaps/x86-64-v3/liba.so");
    assert_eq!(libraries("p"), [plain]);
    assert_eq!(libraries("p --cpu x86-64-v2"), [v2, plain]);
    let at_v3 = libraries("-r v3.toml");
    assert!(
        at_v3.contains(&plain.to_owned()) && at_v3.contains(&v3.to_owned()) && at_v3.len() <= 3,
        "{at_v3:?}"
    );
    assert_eq!(libraries("p --cpu x86-64-v3"), at_v3, "one meaning");
    assert_eq!(libraries("-r v3.toml --cpu x86-64"), [plain], "the command line wins");
}

#[test]
fn a_recipe_means_the_same_as_the_command_line() {
    let scene = Scene::new();
    scene.file(
        "recipe.toml",
        "binaries = ['bash', 'iconv']\npacks = ['hello']\nterminfo = ['vt100']\nlocales = []\ntimezones = ['Asia/T*']\n\
         charsets = ['latin2']\ncertificates = true\ndlopen = 'none'\nlibrary_path = ['/usr/lib/x86_64-linux-gnu']\n",
    );
    scene.succeeds("build -r recipe.toml -o R --format tar");
    scene.succeeds(
        "build bash iconv --terminfo vt100 --locale none --timezone Asia/T* --charset latin2 --certificates \
         --dlopen none --library-path /usr/lib/x86_64-linux-gnu -o C --format tar",
    );
    let manifest = |bundle: &str| std::fs::read_to_string(scene.path(bundle).join("manifest.json")).unwrap();
    assert_eq!(manifest("R"), manifest("C"));
    assert!(!manifest("R").contains("libgcc_s"), "dlopen = none");
    assert!(Path::new("/usr/share/zoneinfo/Asia/Tokyo").exists() && manifest("R").contains("Asia/Tokyo"));
}
