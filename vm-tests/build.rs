//! With the feature `embedded`, builds the guest's programs and hands their paths to the compiler: a program that
//! carries them needs neither cargo nor this source tree (src/guest.rs).

#[path = "src/guest/build.rs"]
mod guest;

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_EMBEDDED").is_none() {
        return;
    }
    for input in ["src", "Cargo.toml", "../Cargo.lock", "../builder/tests/packs/integers.rs"] {
        println!("cargo::rerun-if-changed={input}");
    }
    // OUT_DIR is TARGET/PROFILE/build/NAME/out; the harness itself builds them at the same place.
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let target = out.ancestors().nth(4).expect("OUT_DIR is that deep");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in the source tree");
    let built = guest::build(source, &target.join("guest"), "x86_64-unknown-linux-gnu", false)
        .unwrap_or_else(|command| panic!("`{command}` failed"));
    for name in ["agent", "probe"] {
        println!("cargo::rustc-env=GUEST_{}={}", name.to_uppercase(), built.join(name).display());
    }
}
