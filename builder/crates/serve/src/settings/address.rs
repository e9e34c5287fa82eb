//! Where the service listens, where its workers find it, and the queue between them.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

const SYSTEMD: &str = "systemd";
const UNIX: &str = "unix:";
const NATS: &str = "nats://";
/// The queue of a service whose operator names none.
const QUEUE: &str = "capsule";

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
        if let Some(path) = text.strip_prefix(UNIX).filter(|path| !path.is_empty()) {
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

/// Where a worker finds its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServiceAddress {
    /// A host and a port.
    Tcp(String),
    Unix(PathBuf),
}

impl ServiceAddress {
    pub(super) fn parse(text: &str) -> Result<ServiceAddress, String> {
        if let Some(path) = text.strip_prefix(UNIX).filter(|path| !path.is_empty()) {
            return Ok(ServiceAddress::Unix(path.into()));
        }
        let place = text.strip_prefix("http://").map(|place| place.strip_suffix('/').unwrap_or(place));
        place.filter(|place| has_port(place)).map(|place| ServiceAddress::Tcp(place.to_owned())).ok_or_else(|| {
            format!("expected an address such as `http://127.0.0.1:2000` or `unix:/run/capsule.sock`, not `{text}`")
        })
    }

    /// As HTTP names it.
    pub(crate) fn host(&self) -> &str {
        match self {
            ServiceAddress::Tcp(place) => place,
            ServiceAddress::Unix(_) => "localhost",
        }
    }
}

impl fmt::Display for ServiceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceAddress::Tcp(place) => write!(f, "http://{place}"),
            ServiceAddress::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// A NATS server, and the name of a queue there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueAddress {
    /// With the user and the password, if there are any.
    pub(crate) server: String,
    pub(crate) name: String,
}

impl QueueAddress {
    pub(super) fn parse(text: &str) -> Result<QueueAddress, String> {
        let parsed = text.strip_prefix(NATS).and_then(|rest| {
            let (place, name) = rest.split_once('/').unwrap_or((rest, ""));
            let name = if name.is_empty() { QUEUE } else { name };
            // A name is part of NATS' subjects, where dots, stars and blanks mean something.
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            let is_one = has_port(place) && name.bytes().all(is_plain);
            is_one.then(|| QueueAddress { server: format!("{NATS}{place}"), name: name.to_owned() })
        });
        parsed.ok_or_else(|| {
            // The text may have a password in it.
            "expected an address such as `nats://127.0.0.1:4222` or `nats://host:4222/name`".to_owned()
        })
    }
}

fn has_port(place: &str) -> bool {
    place.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_at_a_port_or_a_socket() {
        for text in ["http://127.0.0.1:2000", "http://judge:80", "unix:/run/x"] {
            assert_eq!(ServiceAddress::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(ServiceAddress::parse("http://a:1/").unwrap().host(), "a:1");
        for text in ["", "127.0.0.1:1", "https://a:1", "http://a", "unix:", "http://a:1/x"] {
            assert!(ServiceAddress::parse(text).unwrap_err().contains(&format!("not `{text}`")), "{text}");
        }
    }

    #[test]
    fn a_queue_has_a_server_and_a_name() {
        let queue = |text| QueueAddress::parse(text).map(|queue| (queue.server, queue.name));
        let pair = |server: &str, name: &str| Ok((server.to_owned(), name.to_owned()));
        assert_eq!(queue("nats://127.0.0.1:4222"), pair("nats://127.0.0.1:4222", "capsule"));
        assert_eq!(queue("nats://u:secret@h:1/judge-2"), pair("nats://u:secret@h:1", "judge-2"));
        for text in ["", "nats://", "nats://h", "tls://h:1", "nats://u:secret@h:1/a.b", "nats://h:1/a/b"] {
            assert!(!queue(text).unwrap_err().contains("secret"), "{text}");
        }
    }

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
