//! The ld.so.cache that an image needs: for libraries that no run path and no directory of the loader leads to.
//!
//! On the build host its own cache, ld.so.conf or `--library-path` found them; none of these is in the image.
//! Libraries for better CPUs (`glibc-hwcaps`) are left out: the one that every CPU can load is found.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::cache::{Library, render};
use super::{Rule, rodata};
use crate::arch::{ARCHITECTURES, Arch};
use crate::closure::{Closure, Member, Why};
use crate::elf::{Head, identify};
use crate::nss;
use crate::sysroot::Sysroot;

/// Where every glibc loader looks for it.
pub const PATH: &str = "/etc/ld.so.cache";

/// The cache's bytes; `None` where the loaders of the closure find everything without one.
pub fn cache(closure: &Closure, sysroot: &Path) -> Option<Vec<u8>> {
    let sysroot = Sysroot::new(sysroot).ok()?;
    let system_dirs = system_dirs(closure, &sysroot);
    let is_outside = |member: &&Member| {
        let directory = member.path.parent().unwrap_or(Path::new("/")).as_os_str().as_bytes();
        !system_dirs.contains(&[directory, b"/"].concat()) && !is_for_better_cpus(directory)
    };
    let outside = closure.members.iter().filter(is_outside);
    let libraries: Vec<Library> = outside.flat_map(|member| libraries(member, &sysroot)).collect();
    (!libraries.is_empty()).then(|| render(libraries))
}

/// What the loaders say, and what loaders of their architectures usually have; each with a slash at its end.
fn system_dirs(closure: &Closure, sysroot: &Sysroot) -> BTreeSet<Vec<u8>> {
    let is_loader = |member: &&Member| member.reasons.iter().any(|reason| reason.why == Why::ElfInterpreter);
    let told = closure.members.iter().filter(is_loader).flat_map(|member| {
        let mut bytes = Vec::new();
        let read = sysroot.open(&member.path).and_then(|mut file| file.read_to_end(&mut bytes));
        read.ok().and_then(|_| rodata::parse(&bytes).system_dirs).unwrap_or_default()
    });
    let usual = ARCHITECTURES.iter().flat_map(|arch| arch.system_dirs).map(|dir| dir.as_bytes().to_vec());
    told.chain(usual).collect()
}

fn is_for_better_cpus(directory: &[u8]) -> bool {
    directory.split(|&b| b == b'/').any(|part| part == b"glibc-hwcaps")
}

/// The names under which a member is asked for without saying where it is.
fn libraries(member: &Member, sysroot: &Sysroot) -> Vec<Library> {
    let names: Vec<OsString> = member.reasons.iter().filter_map(|reason| name(&reason.why)).collect();
    let arch = || {
        let file = sysroot.open(&member.path).ok()?;
        let length = file.metadata().ok()?.len();
        Arch::of(identify(&Head::read(&file, length).ok()?).ok()?)
    };
    let (false, Some(arch)) = (names.is_empty(), arch()) else { return Vec::new() };
    let library = |name: OsString| Library {
        flags: arch.cache_flags,
        name: name.as_bytes().to_vec(),
        path: member.path.as_os_str().as_bytes().to_vec(),
    };
    names.into_iter().filter(|name| !name.as_bytes().contains(&b'/')).map(library).collect()
}

fn name(why: &Why) -> Option<OsString> {
    let by_the_host = [Rule::Cache, Rule::Conf, Rule::LibraryPath].map(|rule| rule.to_string());
    match why {
        Why::Needed { soname, rule } if by_the_host.contains(rule) => Some(soname.clone()),
        Why::Dlopen { soname, .. } => Some(soname.clone()),
        // Only what is in the closure is asked about: whether glibc has it inside does not matter.
        Why::NssModule { service } => nss::module(service, None),
        _ => None,
    }
}
