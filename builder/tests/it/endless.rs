//! Files without an end, wherever a command line names one that is read whole: an error that names it, and not all of the
//! machine's memory.

use std::os::unix::fs::symlink;

use crate::scene::Scene;

#[test]
fn what_is_read_whole_may_not_be_endless() {
    let scene = Scene::new();
    symlink("/dev/zero", scene.path("zero.toml")).expect("linked");
    scene.file("B/other", "");
    symlink("/dev/zero", scene.path("B/manifest.json")).expect("linked");
    for (line, said) in [
        ("build -r /dev/zero -o out", "/dev/zero:1:1: is longer than 1048576 bytes"),
        ("build --pack ./zero.toml -o out", "./zero.toml:1:1: is longer than 1048576 bytes"),
        ("build bash --init /dev/zero -o out --format tar", "`/dev/zero` cannot be read: it is longer than"),
        ("build --include /dev/zero -o out --format tar", "`/dev/zero` is not a file, a directory or a link"),
        ("seccomp compile /dev/zero -o out", "`/dev/zero` cannot be read: it is longer than 1048576 bytes"),
        ("verify B", "`B/manifest.json` cannot be read: it is longer than"),
        ("closure /dev/zero", "`/dev/zero` is neither an ELF file nor a script"),
        ("problem show /dev/zero", "`/dev/zero`: it is neither a directory nor a zip archive"),
    ] {
        let error = scene.fails(line);
        assert!(error.starts_with(&format!("error: {said}")), "{line}: {error}");
    }
}
