//! The certificates of public authorities, as one file, and the names by which libraries look for it.

use std::path::{Path, PathBuf};

use super::{Search, absent};
use crate::sysroot::Sysroot;

/// The bundles: Debian and Alpine, Fedora, openSUSE.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// `OPENSSLDIR/cert.pem` of Debian, Fedora and Alpine: where OpenSSL looks when it is not told.
const OPENSSL_NAMES: [&str; 3] = ["/usr/lib/ssl/cert.pem", "/etc/pki/tls/cert.pem", "/etc/ssl/cert.pem"];

/// The first bundle that is there, and OpenSSL's names for one.
pub fn find(sysroot: &Sysroot) -> Search {
    let is_there = |path: &&str| sysroot.stat(Path::new(path)).is_ok();
    let Some(bundle) = BUNDLES.iter().find(|path| is_there(path)) else {
        let hint = "`apt-get install ca-certificates` makes it";
        return Err(absent("certificates", "*", &BUNDLES, hint));
    };
    let names = OPENSSL_NAMES.iter().filter(|path| is_there(path));
    Ok(std::iter::once(bundle).chain(names).map(PathBuf::from).collect())
}

/// Whether a path is that of a bundle. It is made on each machine, so no package owns it.
pub fn is_bundle(path: &Path) -> bool {
    BUNDLES.iter().any(|bundle| Path::new(bundle) == path)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::tree;
    use super::*;

    #[test]
    fn the_bundle_comes_with_the_names_that_lead_to_it() {
        let (_dir, sysroot) = tree(&["etc/ssl/certs/ca-certificates.crt", "usr/lib/ssl/cert.pem"]);
        let expected = ["/etc/ssl/certs/ca-certificates.crt", "/usr/lib/ssl/cert.pem"].map(PathBuf::from);
        assert_eq!(find(&sysroot).expect("there"), expected);
        let (_dir, sysroot) = tree(&["usr/lib/ssl/cert.pem"]);
        assert!(find(&sysroot).is_err());
    }
}
