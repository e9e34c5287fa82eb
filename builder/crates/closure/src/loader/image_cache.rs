//! The ld.so.cache that an image needs: for libraries that no run path and no directory of the loader leads to.
//!
//! The build host's own cache, ld.so.conf or `--library-path` found them, and the image contains none of these.
//! Libraries for more capable CPUs (`glibc-hwcaps`) are left out: the loader finds the one that every CPU can load.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::attempt::Rule;
use super::cache::{Library, render};
use super::rodata;
use crate::arch::{ARCHITECTURES, Arch};
use crate::elf::{FileSource, identify};
use crate::member::{Closure, Member, Why};
use crate::nss;
use crate::sysroot::Sysroot;

/// The path at which every glibc loader opens it.
pub const PATH: &str = "/etc/ld.so.cache";

/// The cache's bytes; `None` when the loaders of the closure find every library without it.
pub fn cache(closure: &Closure, sysroot: &Path) -> Option<Vec<u8>> {
    let sysroot = Sysroot::new(sysroot).ok()?;
    let system_dirs = system_dirs(closure, &sysroot);
    let is_outside = |member: &&Member| {
        let directory = member.path.parent().unwrap_or(Path::new("/")).as_os_str().as_bytes();
        !system_dirs.contains(&[directory, b"/"].concat()) && !is_for_capable_cpus(directory)
    };
    let outside = closure.members.iter().filter(is_outside);
    let libraries: Vec<Library> = outside.flat_map(|member| libraries(member, &sysroot)).collect();
    (!libraries.is_empty()).then(|| render(libraries))
}

/// The directories that are built into the loaders, and the usual ones of their architectures; each ends in a slash.
fn system_dirs(closure: &Closure, sysroot: &Sysroot) -> BTreeSet<Vec<u8>> {
    let is_loader = |member: &&Member| member.reasons.iter().any(|reason| reason.why == Why::ElfInterpreter);
    let built_in = closure.members.iter().filter(is_loader).flat_map(|member| {
        let mut bytes = Vec::new();
        let read = sysroot.open(&member.path).and_then(|mut file| file.read_to_end(&mut bytes));
        read.ok().and_then(|_| rodata::parse(&bytes).system_dirs).unwrap_or_default()
    });
    let usual = ARCHITECTURES.iter().flat_map(|arch| arch.system_dirs).map(|dir| dir.as_bytes().to_vec());
    built_in.chain(usual).collect()
}

fn is_for_capable_cpus(directory: &[u8]) -> bool {
    directory.split(|&b| b == b'/').any(|part| part == b"glibc-hwcaps")
}

/// An entry for each name of a member that is not a path.
fn libraries(member: &Member, sysroot: &Sysroot) -> Vec<Library> {
    let names: Vec<OsString> = member.reasons.iter().filter_map(|reason| name(&reason.why)).collect();
    let arch = || {
        let file = sysroot.open(&member.path).ok()?;
        let length = file.metadata().ok()?.len();
        Arch::of(identify(&FileSource::read(&file, length).ok()?).ok()?)
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
    let of_the_host = [Rule::Cache, Rule::Conf, Rule::LibraryPath].map(|rule| rule.to_string());
    match why {
        Why::Needed { soname, rule } if of_the_host.contains(rule) => Some(soname.clone()),
        Why::Dlopen { soname, .. } => Some(soname.clone()),
        // The module is in the closure, so it is a library: no glibc version has it built in.
        Why::NssModule { service } => nss::module(service, None),
        _ => None,
    }
}
