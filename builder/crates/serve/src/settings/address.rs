//! Where the service listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

const SYSTEMD: &str = "systemd";

/// A TCP address, or a unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `127.0.0.1:2000`, `[::1]:2000`: a number, so that nothing has to look up a name.
    Tcp(SocketAddr),
    /// `unix:/run/capsule.sock`
    Unix(PathBuf),
    /// `systemd`: the socket that it has opened.
    Systemd,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Address, String> {
        if text == SYSTEMD {
            return Ok(Address::Systemd);
        }
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Address::Unix(path.into()));
        }
        let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let parsed = numeric.as_deref().unwrap_or(text).parse();
        parsed.map(Address::Tcp).map_err(|_| {
            format!("expected an address such as `127.0.0.1:2000`, `unix:/run/capsule.sock` or `systemd`, not `{text}`")
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Systemd => f.write_str(SYSTEMD),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbers_or_sockets() {
        for text in ["127.0.0.1:2000", "[::1]:80", "0.0.0.0:0", "unix:/run/x", "systemd"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Address::parse("localhost:1").unwrap().to_string(), "127.0.0.1:1");
        for text in ["", "2000", "unix:", "example.org:80", "127.0.0.1"] {
            assert!(Address::parse(text).unwrap_err().contains(&format!("not `{text}`")), "{text}");
        }
    }
}
