//! Finds the files of slices: those that dpkg lists for the package, and Python's bytecode of them.

use std::collections::BTreeMap;
use std::io;

use bundle::provenance::Provenance;
use closure::resolve;
use recipe::image_path::ImagePath;
use recipe::slice::Slice;
use recipe::{RequestId, Span, Spanned};

use crate::error::Error;
use crate::gather::include::{self, Inclusion};
use crate::gather::probe::Probe;
use crate::gather::{bytecode, dpkg};

/// Adds the files of all slices to the included ones.
///
/// # Errors
/// No installed package has the name, or dpkg's database or a file cannot be read.
pub(crate) fn expand(
    slices: &[Spanned<Slice>],
    options: &resolve::Options,
    into: &mut Inclusion,
) -> Result<(), Error> {
    if slices.is_empty() {
        return Ok(());
    }
    let matchers = slices.iter().map(|slice| Slice::matcher(&slice.value.package));
    let matchers = matchers.collect::<Result<Vec<_>, _>>().map_err(|error| {
        Error::read(&options.sysroot, io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))
    })?;
    let is_wanted = |name: &str| matchers.iter().any(|matcher| matcher.is_match(name));
    let listed: BTreeMap<String, Vec<ImagePath>> = dpkg::files(&options.sysroot, is_wanted)?;
    let probe = Probe::new(&options.sysroot);
    for (index, (Spanned { value: slice, span }, matcher)) in slices.iter().zip(&matchers).enumerate() {
        let mut packages = listed.iter().filter(|(name, _)| matcher.is_match(name)).peekable();
        if packages.peek().is_none() {
            return Err(Error::NoPackage { package: slice.package.clone(), span: span.clone() });
        }
        for (name, files) in packages {
            let selected: Vec<&ImagePath> = files.iter().filter(|path| slice.wants(path)).collect();
            let bytecode =
                bytecode_of(slice, &selected, &probe).map_err(|error| failed(name, span, error))?;
            let provenance = Provenance::included(&format!("package {name}"), RequestId::Slice(index));
            include::listed(selected.into_iter().chain(&bytecode), provenance, &probe, into)
                .map_err(|error| failed(name, span, error))?;
        }
    }
    Ok(())
}

fn failed(package: &str, span: &Span, error: io::Error) -> Error {
    Error::Include { pattern: format!("package {package}"), span: span.clone(), error }
}

/// The bytecode of these files, which dpkg does not list.
fn bytecode_of(slice: &Slice, files: &[&ImagePath], probe: &Probe) -> io::Result<Vec<ImagePath>> {
    let mut found = bytecode::of_modules(files, probe)?;
    found.retain(|path| !slice.leaves_out(path));
    Ok(found)
}
