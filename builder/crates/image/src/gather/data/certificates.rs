//! The certificates of public authorities: one file, and the links by which OpenSSL finds it.

use std::path::{Path, PathBuf};

use closure::sysroot::Sysroot;

use super::{Search, absent};

/// The file's path on Debian and Alpine, Fedora, openSUSE.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// `OPENSSLDIR/cert.pem` of Debian, Fedora and Alpine: OpenSSL's default (SSL_CTX_set_default_verify_paths(3)).
const OPENSSL_NAMES: [&str; 3] = ["/usr/lib/ssl/cert.pem", "/etc/pki/tls/cert.pem", "/etc/ssl/cert.pem"];

/// The first of the files that exists, and OpenSSL's links to it.
pub(crate) fn find(sysroot: &Sysroot) -> Search {
    let is_there = |path: &&str| sysroot.stat(Path::new(path)).is_ok();
    let Some(bundle) = BUNDLES.iter().find(|path| is_there(path)) else {
        let hint = "`apt-get install ca-certificates` makes it";
        return Err(absent("certificates", "*", &BUNDLES, hint));
    };
    let names = OPENSSL_NAMES.iter().filter(|path| is_there(path));
    Ok(std::iter::once(bundle).chain(names).map(PathBuf::from).collect())
}

/// Whether `path` is that of such a file. update-ca-certificates(8) makes it on each machine, so no package owns it.
pub(crate) fn is_bundle(path: &Path) -> bool {
    BUNDLES.iter().any(|bundle| Path::new(bundle) == path)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::tree;
    use super::*;

    #[test]
    fn the_certificates_come_with_the_links_to_them() {
        let (_dir, sysroot) = tree(&["etc/ssl/certs/ca-certificates.crt", "usr/lib/ssl/cert.pem"]);
        let expected = ["/etc/ssl/certs/ca-certificates.crt", "/usr/lib/ssl/cert.pem"].map(PathBuf::from);
        assert_eq!(find(&sysroot).expect("there"), expected);
        let (_dir, sysroot) = tree(&["usr/lib/ssl/cert.pem"]);
        assert!(find(&sysroot).is_err());
    }
}
