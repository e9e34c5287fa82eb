//! The version with its commit, where the source is a git checkout.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let version = env!("CARGO_PKG_VERSION");
    let version = match git(&["show", "--no-patch", "--format=%h %cs", "--abbrev=10", "HEAD"]) {
        Some(commit) => {
            // The commit that is checked out, and the branch that it is on.
            for name in ["HEAD".to_owned(), git(&["symbolic-ref", "-q", "HEAD"]).unwrap_or_default()] {
                if let Some(path) = git(&["rev-parse", "--git-path", &name]).filter(|_| !name.is_empty()) {
                    println!("cargo::rerun-if-changed={path}");
                }
            }
            format!("{version} ({commit})")
        }
        None => version.to_owned(),
    };
    println!("cargo::rustc-env=CAPSULE_VERSION={version}");
}

/// What git prints; `None` outside of a checkout, or on a machine without git.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
