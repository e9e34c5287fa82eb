//! Linker arguments of the init binary, a reason above each; the default policy, compiled.

// The parser and the compiler are the builder's too; here one function of theirs is called.
#[allow(dead_code)]
#[path = "policy/mod.rs"]
mod policy;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    compile_default_policy();
    choose_mutation();
    println!("cargo::rerun-if-changed=link.ld");
    // The layout; its path must be absolute, as the linker runs elsewhere.
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}/link.ld", env!("CARGO_MANIFEST_DIR"));
    for arg in LINK_ARGS {
        println!("cargo::rustc-link-arg-bins={arg}");
    }
}

/// `init/policy/default.policy` to `OUT_DIR/default.policy.bin`, which `src/seccomp.rs` embeds.
fn compile_default_policy() {
    println!("cargo::rerun-if-changed=policy");
    let target = std::env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it for build scripts");
    let arch = match target.as_str() {
        "x86_64" => &policy::arch::X86_64,
        "aarch64" => &policy::arch::AARCH64,
        other => {
            println!("cargo::error=init knows no processor `{other}` (init/src/arch)");
            std::process::exit(1);
        }
    };
    let image = match policy::compile(include_str!("policy/default.policy"), arch) {
        Ok(image) => image,
        Err(mistake) => {
            println!("cargo::error=init/policy/default.policy:{mistake}");
            std::process::exit(1);
        }
    };
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    let file = std::path::Path::new(&out).join("default.policy.bin");
    std::fs::write(file, image).expect("OUT_DIR is writable");
}

/// `CAPSULE_MUTATION=NAME` builds an init with one guard broken on purpose, for the proof that the probes notice
/// (vm-tests/src/suite/mutants.rs). The few places concerned ask `cfg!(capsule_mutation = "NAME")`; the version ends with
/// `mutant:NAME`, by which the builder and `just size` refuse such a program.
fn choose_mutation() {
    println!("cargo::rerun-if-changed=mutations");
    println!("cargo::rerun-if-env-changed=CAPSULE_MUTATION");
    let known = include_str!("mutations").lines().filter_map(|line| line.split_whitespace().next());
    let known: Vec<&str> = known.collect();
    println!("cargo::rustc-check-cfg=cfg(capsule_mutation, values(\"{}\"))", known.join("\", \""));
    let mut version = env!("CARGO_PKG_VERSION").to_owned();
    if let Ok(name) = std::env::var("CAPSULE_MUTATION") {
        if !known.contains(&name.as_str()) {
            println!("cargo::error=CAPSULE_MUTATION: `{name}` is not in init/mutations");
            std::process::exit(1);
        }
        println!("cargo::rustc-cfg=capsule_mutation=\"{name}\"");
        version.push_str(&format!(" mutant:{name}"));
    }
    println!("cargo::rustc-env=INIT_VERSION={version}");
}

const LINK_ARGS: [&str; 9] = [
    // No libc and no crt1.o: `_start` is ours (src/start.rs).
    "-nostartfiles",
    "-nostdlib",
    // One file, no interpreter: it must run in an empty root and as a kernel's /init.
    "-static",
    // A fixed load address: without it rustc asks for static-pie, which needs a relocating start-up.
    "-no-pie",
    // No build id, unwind tables or section padding: nothing reads them.
    "-Wl,--build-id=none",
    "-Wl,--no-eh-frame-hdr",
    "-Wl,-z,norelro",
    // Functions whose code is the same, byte for byte, are one.
    "-Wl,--icf=all",
    // Text is never writable, the stack never executable.
    "-Wl,-z,noexecstack",
];
