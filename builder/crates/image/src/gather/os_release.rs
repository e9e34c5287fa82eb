//! The distribution of a tree (os-release(5)).

use std::io::{self, Read};
use std::path::Path;

use bundle::package::Distribution;
use closure::sysroot::Sysroot;

use crate::error::Error;

/// Where the file is, the preferred place first.
pub(crate) const PLACES: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];
/// Far more than any distribution says.
const LARGEST: u64 = 64 << 10;

/// The distribution; `None` for a tree that does not say which one it is.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn distribution(sysroot: &Path) -> Result<Option<Distribution>, Error> {
    let tree = Sysroot::new(sysroot).map_err(|error| Error::read(sysroot, error))?;
    for place in PLACES.map(Path::new) {
        let mut bytes = Vec::new();
        match tree.open(place).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)) {
            Ok(_) => return Ok(Distribution::parse(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::read(place, error)),
        }
    }
    Ok(None)
}
