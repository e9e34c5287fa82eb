//! Trees of other machines: what needs no runner is right for them, and what needs one is refused or left out.

use std::fs;
use std::process::Command;

use bundle::manifest::Manifest;
use serde_json::Value;

use crate::elf_file::ElfFile;
use crate::scene::{Said, Scene, needs_root};

/// A machine: ELF class and number, loader, our name, OCI's name and variant, Debian's name.
struct Machine {
    elf: (u8, u16),
    loader: &'static str,
    name: &'static str,
    oci: (&'static str, Option<&'static str>),
    debian: &'static str,
}

const ARM64: Machine = Machine {
    elf: (2, 183),
    loader: "/lib/ld-linux-aarch64.so.1",
    name: "aarch64",
    oci: ("arm64", Some("v8")),
    debian: "arm64",
};

const MACHINES: [Machine; 4] = [
    ARM64,
    Machine {
        elf: (1, 40),
        loader: "/lib/ld-linux-armhf.so.3",
        name: "armhf",
        oci: ("arm", Some("v7")),
        debian: "armhf",
    },
    Machine { elf: (1, 3), loader: "/lib/ld-linux.so.2", name: "i386", oci: ("386", None), debian: "i386" },
    Machine {
        elf: (2, 243),
        loader: "/lib/ld-linux-riscv64-lp64d.so.1",
        name: "riscv64",
        oci: ("riscv64", None),
        debian: "riscv64",
    },
];

/// A tree `T` with a program, its library and its loader, all of one package.
fn tree(machine: &Machine) -> Scene {
    let scene = Scene::new();
    let file = |file: ElfFile| file.machine(machine.elf.0, machine.elf.1);
    let put = |path: &str, file: ElfFile| file.write(&scene.path(&format!("T{path}")));
    put(machine.loader, file(ElfFile::library()));
    put(
        "/usr/bin/prog",
        file(ElfFile::program()).interpreter(machine.loader).runpath("/usr/lib").needs("libx.so.1"),
    );
    put("/usr/lib/libx.so.1", file(ElfFile::library()));
    let architecture = machine.debian;
    scene.file(
        "T/var/lib/dpkg/status",
        format!("Package: base\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: 1\n"),
    );
    scene.file(
        "T/var/lib/dpkg/info/base.list",
        format!("{}\n/usr/bin/prog\n/usr/lib/libx.so.1\n", machine.loader),
    );
    scene
}

fn json(scene: &Scene, path: &str) -> Value {
    serde_json::from_slice(&fs::read(scene.path(path)).unwrap()).unwrap()
}

#[test]
fn the_architecture_of_a_bundle_is_that_of_its_tree() {
    needs_root!();
    for machine in MACHINES {
        let scene = tree(&machine);
        let said = scene.succeeds("build --sysroot T prog -o B --format dir,tar,oci");
        let name = machine.name;
        assert!(
            said.stderr.starts_with(&format!(
                "warning: the bundle has no runner, because its programs are for {name} "
            )),
            "{said:?}"
        );
        let manifest = Manifest::load(&scene.path("B")).unwrap();
        assert_eq!((manifest.architecture.as_str(), manifest.init), (name, None));
        let index = json(&scene, "B/oci/index.json");
        let platform = &index["manifests"][0]["platform"];
        assert_eq!(platform["architecture"], machine.oci.0);
        assert_eq!(platform.get("variant").and_then(Value::as_str), machine.oci.1, "{platform}");
        let sbom = fs::read_to_string(scene.path("B/sbom.cdx.json")).unwrap();
        assert!(sbom.contains(&format!("pkg:deb/debian/base@1?arch={}", machine.debian)), "{sbom}");
        for absent in ["init", "run.sh", "install.sh", "box", "rootfs/init"] {
            assert!(!scene.path("B").join(absent).exists(), "{absent} of {name}");
        }
        assert!(scene.path("B/rootfs/usr/lib/libx.so.1").exists());
        scene.succeeds("verify B");
    }
}

#[test]
fn a_format_that_starts_with_a_runner_is_refused_where_there_is_none() {
    needs_root!();
    let scene = tree(&ARM64);
    for format in ["cpio", "cpio.zst", "oci-judge"] {
        let error = scene.fails(&format!("build --sysroot T prog -o B --format dir,{format}"));
        let expected = format!(
            "error: `{format}` starts with a runner, and this capsule has none for aarch64\n  hint: request other formats, as in `--format dir,tar,oci`, or give one with `--init FILE`\n"
        );
        assert_eq!(error, expected);
    }
    let said = scene.succeeds("build --sysroot T prog -o B");
    assert!(said.stderr.contains("; it has: dir\n"), "{said:?}");
    assert!(scene.path("B/rootfs/usr/bin/prog").exists() && !scene.path("B/initramfs.cpio").exists());
}

#[test]
fn a_bundle_without_a_runner_says_so_when_it_is_run() {
    needs_root!();
    let scene = tree(&ARM64);
    scene.succeeds("build --sysroot T prog -o B");
    let expected = |bundle: &str| {
        format!(
            "error: `{bundle}` has no runner: its programs are for aarch64, and capsule had none for that\n"
        )
    };
    assert_eq!(scene.fails("run B -- /usr/bin/prog"), expected("B"));
    let bundle = scene.path("B").display().to_string();
    assert_eq!(scene.fails("exec B T/usr/bin/prog"), expected(&bundle));
}

#[test]
fn a_runner_for_the_trees_machine_makes_the_bundle_whole() {
    needs_root!();
    let scene = tree(&ARM64);
    let runner = || ElfFile::library().machine(2, 183);
    runner().write(&scene.path("runner"));
    scene.succeeds("build --sysroot T prog -o B --init runner --format dir,cpio,oci-judge");
    assert_eq!(fs::read(scene.path("B/init")).unwrap(), fs::read(scene.path("runner")).unwrap());
    let manifest = Manifest::load(&scene.path("B")).unwrap();
    assert_eq!((manifest.architecture.as_str(), manifest.init.is_some()), ("aarch64", true));
    scene.succeeds("verify B");
    let initramfs = fs::read(scene.path("B/initramfs.cpio")).unwrap();
    let bytes = fs::read(scene.path("runner")).unwrap();
    assert!(
        initramfs.windows(bytes.len()).any(|window| window == bytes),
        "the kernel starts the given runner"
    );
}

#[test]
fn what_cannot_be_the_trees_runner_is_refused() {
    needs_root!();
    let scene = tree(&ARM64);
    ElfFile::library().write(&scene.path("native"));
    ElfFile::program().machine(2, 183).write(&scene.path("dynamic"));
    scene.file("text", "#!/bin/sh\n");
    let mut mutant = ElfFile::library().machine(2, 183).bytes();
    mutant.extend(b"0.1.0 mutant:no-seccomp");
    scene.file("mutant", mutant);
    for (file, what) in [
        ("native", "`native` is for x86-64, but the programs of the image are for aarch64"),
        ("dynamic", "`dynamic` is not a runner: it is not static, and an empty root has no libraries"),
        ("text", "`text` is not a runner: it is not an ELF file"),
        ("mutant", "`mutant` is not a runner: it was broken on purpose, for a test"),
        ("absent", "`absent` cannot be read: no such file or directory"),
    ] {
        let error = scene.fails(&format!("build --sysroot T prog -o B --init {file}"));
        assert_eq!(error, format!("error: {what}\n"));
        assert!(!scene.path("B").exists(), "{file}");
    }
}

#[test]
fn the_oci_image_of_another_machine_is_a_plain_root_file_system() {
    let scene = tree(&ARM64);
    scene.succeeds("build --sysroot T prog -o B --format oci");
    let blob =
        |digest: &Value| format!("B/oci/blobs/sha256/{}", &digest.as_str().unwrap()["sha256:".len()..]);
    let index = json(&scene, "B/oci/index.json");
    let manifest = json(&scene, &blob(&index["manifests"][0]["digest"]));
    let config = json(&scene, &blob(&manifest["config"]["digest"]));
    assert_eq!(config["architecture"], "arm64");
    assert_eq!(config["config"].get("Entrypoint"), None);
    let layer = scene.path(&blob(&manifest["layers"][0]["digest"]));
    let listed = Said::of(Command::new("tar").arg("-tf").arg(layer)).stdout;
    let names: Vec<&str> = listed.lines().collect();
    assert!(names.contains(&"usr/bin/prog") && !names.contains(&"init"), "{names:?}");
}

#[test]
fn an_included_file_of_another_machine_is_data() {
    let scene = Scene::new();
    let foreign = ElfFile::library().machine(2, 183).needs("libnowhere.so.1");
    foreign.write(&scene.path("cross/lib/libfirmware.so"));
    let here = scene.path("cross").display().to_string();
    let said =
        scene.succeeds(&format!("build bash --include {here} --allow unowned={here}/** -o B --format tar"));
    assert!(!said.stderr.contains("no runner"), "{said:?}");
    let manifest = Manifest::load(&scene.path("B")).unwrap();
    assert_eq!(manifest.architecture, "x86-64");
    assert!(manifest.entries.iter().any(|record| record.path.as_str().ends_with("/libfirmware.so")));
    let error = scene.fails(&format!("build {here}/lib/libfirmware.so -o C --format tar"));
    assert!(error.contains("is for aarch64, but this machine is x86-64"), "{error}");
}

#[test]
fn a_program_that_the_filter_will_end_is_named_when_it_is_built() {
    needs_root!();
    let scene = Scene::new();
    let source = scene.file("exit.s", ".globl _start\n_start: mov $1, %eax\nxor %ebx, %ebx\nint $0x80\n");
    let said = Said::of(
        Command::new("gcc").args(["-m32", "-nostdlib", "-static", "-o"]).arg(scene.path("small")).arg(source),
    );
    assert_eq!(said.code, 0, "{said:?}");
    let small = scene.path("small").display().to_string();
    let said = scene.succeeds(&format!("build bash {small} -o B --format dir"));
    let expected =
        format!("warning: `{small}` is a program for i386: the sandbox ends it at its first system call");
    assert!(said.stderr.starts_with(&expected) && !said.stderr.contains("bash"), "{said:?}");
    assert_eq!(scene.capsule(&format!("run B -- {small}")).code, 159);
    assert!(!scene.succeeds("build bash -o C --format dir").stderr.contains("warning"));
}
