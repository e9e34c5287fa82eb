//! Memory, queues, keys and sockets: objects with a number or a name that both runs know.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;
use std::{ffi, fs, thread};

use super::files::first_words;
use super::{Channel, Planted, Token, nothing, seen};
use crate::probe::Finding;
use crate::probe::sys::{self, Arg};

/// The channels of this family.
pub(crate) const CHANNELS: &[Channel] = &[
    Channel {
        name: "sysv-memory",
        ids: &["NET-17"],
        plant: |token| make(libc::SYS_shmget, &[token.key(), 4096], libc::SYS_shmctl, 2),
        look: |token| of_key("shmget", libc::SYS_shmget, &[token.key(), 0]),
    },
    Channel {
        name: "sysv-semaphore",
        ids: &["NET-17"],
        plant: |token| make(libc::SYS_semget, &[token.key(), 1], libc::SYS_semctl, 3),
        look: |token| of_key("semget", libc::SYS_semget, &[token.key(), 0]),
    },
    Channel {
        name: "sysv-queue",
        ids: &["NET-17"],
        plant: |token| make(libc::SYS_msgget, &[token.key()], libc::SYS_msgctl, 2),
        look: |token| of_key("msgget", libc::SYS_msgget, &[token.key()]),
    },
    Channel { name: "posix-queue", ids: &["NET-17"], plant: make_queue, look: open_queue },
    Channel { name: "keyring", ids: &["KRN-07", "KRN-37"], plant: add_key, look: search_key },
    Channel { name: "abstract-socket", ids: &["NET-04"], plant: listen_abstract, look: connect_abstract },
    Channel { name: "socket-table", ids: &["NET-04"], plant: listen_abstract, look: read_socket_table },
    Channel { name: "tcp-port", ids: &["NET-14"], plant: listen_tcp, look: connect_tcp },
    Channel { name: "tcp-port-taken", ids: &["NET-14"], plant: listen_tcp, look: bind_tcp },
    Channel { name: "udp-port", ids: &["NET-14"], plant: answer_udp, look: ask_udp },
];

fn io_error(errno: sys::Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.0)
}

fn numbers(arguments: &[i64], last: i64) -> Vec<Arg<'static>> {
    arguments.iter().chain([&last]).map(|number| Arg::N(*number)).collect()
}

/// Makes a System V object that every user may use, to be removed with IPC_RMID as argument number `at`.
fn make(get: i64, arguments: &[i64], control: i64, at: usize) -> io::Result<Planted> {
    const FOR_ALL: i64 = libc::IPC_CREAT as i64 | libc::IPC_EXCL as i64 | 0o666;
    let id = sys::call(get, &mut numbers(arguments, FOR_ALL)).map_err(io_error)?;
    Ok(Box::new(move || {
        let mut arguments: Vec<Arg<'_>> = vec![Arg::N(id), Arg::N(0), Arg::N(0), Arg::N(0)];
        arguments[at - 1] = Arg::N(libc::IPC_RMID.into());
        sys::call(control, &mut arguments).ok(); // it is ours
    }))
}

fn of_key(what: &str, get: i64, arguments: &[i64]) -> Finding {
    Finding::of(what, sys::call(get, &mut numbers(arguments, 0)))
}

fn c_name(token: &Token) -> ffi::CString {
    // A token has no NUL in it.
    ffi::CString::new(token.0.as_str()).unwrap_or_default()
}

fn make_queue(token: &Token) -> io::Result<Planted> {
    const CREATE: i64 = libc::O_CREAT as i64 | libc::O_RDWR as i64;
    let name = c_name(token);
    sys::call(libc::SYS_mq_open, &mut [Arg::S(&name), Arg::N(CREATE), Arg::N(0o666), Arg::N(0)])
        .map_err(io_error)?;
    Ok(Box::new(move || {
        sys::call(libc::SYS_mq_unlink, &mut [Arg::S(&name)]).ok(); // it is ours
    }))
}

fn open_queue(token: &Token) -> Finding {
    let mut args = [Arg::S(&c_name(token)), Arg::N(libc::O_RDONLY.into()), Arg::N(0), Arg::N(0)];
    Finding::of("mq_open", sys::call(libc::SYS_mq_open, &mut args))
}

/// The keyring of the user, which all processes with this uid share (user-keyring(7)).
const USER_KEYRING: i64 = -4;

fn add_key(token: &Token) -> io::Result<Planted> {
    let name = c_name(token);
    let mut args = [Arg::S(c"user"), Arg::S(&name), Arg::R(b"token"), Arg::N(5), Arg::N(USER_KEYRING)];
    let key = sys::call(libc::SYS_add_key, &mut args).map_err(io_error)?;
    Ok(Box::new(move || {
        const UNLINK: i64 = 9;
        sys::call(libc::SYS_keyctl, &mut [Arg::N(UNLINK), Arg::N(key), Arg::N(USER_KEYRING)]).ok(); // it is ours
    }))
}

fn search_key(token: &Token) -> Finding {
    const SEARCH: i64 = 10;
    let name = c_name(token);
    let mut args = [Arg::N(SEARCH), Arg::N(USER_KEYRING), Arg::S(c"user"), Arg::S(&name), Arg::N(0)];
    Finding::of("keyctl search", sys::call(libc::SYS_keyctl, &mut args))
}

fn listen_abstract(token: &Token) -> io::Result<Planted> {
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&token.0)?)?;
    Ok(Box::new(move || drop(listener)))
}

fn connect_abstract(token: &Token) -> Finding {
    let address = SocketAddr::from_abstract_name(&token.0);
    Finding::of_io("connect", address.and_then(|address| UnixStream::connect_addr(&address)))
}

fn read_socket_table(token: &Token) -> Finding {
    match fs::read_to_string("/proc/net/unix") {
        Ok(table) if table.contains(&token.0) => seen("the socket is in /proc/net/unix"),
        Ok(_) => nothing("no such socket in /proc/net/unix"),
        Err(cause) => nothing(format!("/proc/net/unix: {cause}")),
    }
}

fn listen_tcp(token: &Token) -> io::Result<Planted> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, token.port()))?;
    let (answering, text) = (listener.try_clone()?, token.0.clone());
    thread::spawn(move || {
        for mut peer in answering.incoming().flatten() {
            peer.write_all(text.as_bytes()).ok(); // a peer that hangs up has read enough
        }
    });
    Ok(Box::new(move || drop(listener)))
}

fn connect_tcp(token: &Token) -> Finding {
    match TcpStream::connect((Ipv4Addr::LOCALHOST, token.port())) {
        Ok(stream) => seen(format!("connected: {}", first_words(stream))),
        Err(cause) => nothing(format!("connect: {cause}")),
    }
}

/// A port that another process has is refused.
fn bind_tcp(token: &Token) -> Finding {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, token.port())) {
        Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => seen("the port is taken"),
        Err(cause) => nothing(format!("bind: {cause}")),
        Ok(_) => nothing("the port is free"),
    }
}

fn answer_udp(token: &Token) -> io::Result<Planted> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, token.port()))?;
    let text = token.0.clone();
    thread::spawn(move || {
        while let Ok((_, peer)) = socket.recv_from(&mut [0; 16]) {
            socket.send_to(text.as_bytes(), peer).ok(); // a peer that has gone needs no answer
        }
    });
    Ok(Box::new(|| ()))
}

fn ask_udp(token: &Token) -> Finding {
    let mut answer = [0; 16];
    let asked = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| {
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        socket.connect((Ipv4Addr::LOCALHOST, token.port()))?;
        socket.send(b"?")?;
        socket.recv(&mut answer)
    });
    match asked {
        Ok(_) => seen(String::from_utf8_lossy(&answer).into_owned()),
        Err(cause) => nothing(format!("no answer: {cause}")),
    }
}
