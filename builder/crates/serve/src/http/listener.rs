//! The socket.

use std::fs::{self, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{io, net};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::activated;
use crate::error::Error;
use crate::settings::Address;

/// Its owner and its group may use it.
const SOCKET_MODE: u32 = 0o660;

/// A socket that listens.
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// The file goes with this value, if it is ours.
    Unix(UnixListener, Option<Remove>),
}

/// A connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Removes a file at the end.
pub(crate) struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// Another process does, or this one may not.
    pub(crate) async fn bind(address: &Address) -> Result<Listener, Error> {
        let listener = match address {
            Address::Tcp(address) => TcpListener::bind(address).await.map(Listener::Tcp),
            Address::Unix(path) => bind_unix(path),
            Address::Systemd => activated::socket().and_then(take),
        };
        listener.map_err(|error| Error::Listen { address: address.to_string(), error })
    }

    /// Where; a port 0 has become the real one.
    pub(crate) fn address(&self) -> String {
        match self {
            Listener::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| String::new(), |address| format!("http://{address}"))
            }
            Listener::Unix(_, Some(Remove(path))) => format!("unix:{}", path.display()),
            Listener::Unix(_, None) => "systemd's socket".to_owned(),
        }
    }

    /// Whether only this host can reach it, by TCP: its browsers, too, whatever page they show.
    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Listener::Tcp(listener) => listener.local_addr().is_ok_and(|address| address.ip().is_loopback()),
            Listener::Unix(..) => false,
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // An answer is written at once, and must not wait for another one.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Listener::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

/// Only a TCP socket has an address of that kind.
fn take(socket: OwnedFd) -> io::Result<Listener> {
    let tcp = net::TcpListener::from(socket.try_clone()?);
    if tcp.local_addr().is_ok() {
        tcp.set_nonblocking(true)?;
        return TcpListener::from_std(tcp).map(Listener::Tcp);
    }
    let unix = unix::net::UnixListener::from(socket);
    unix.set_nonblocking(true)?;
    Ok(Listener::Unix(UnixListener::from_std(unix)?, None))
}

/// A socket that a service left which was killed is in the way of the next one.
fn bind_unix(path: &Path) -> io::Result<Listener> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|facts| facts.file_type().is_socket());
    let is_dead = || {
        let connected = unix::net::UnixStream::connect(path);
        connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    if is_socket && is_dead() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let remove = Remove(path.to_path_buf());
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    Ok(Listener::Unix(listener, Some(remove)))
}
