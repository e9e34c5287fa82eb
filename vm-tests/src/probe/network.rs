//! NET: out of the network namespace, and into the ipc of others.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixStream};
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use super::sys::{self, Arg};
use super::{Attack, Finding, Target, find_secret, trial};
use crate::arch;

/// The attacks of this family.
pub(crate) const ATTACKS: &[Attack] = &[
    Attack::new("network/loopback-service", &["NET-01"], loopback_service).escapes_bare(),
    Attack::new("network/world", &["NET-02", "NET-03"], world)
        .escapes_nowhere("a VM has no way out at all; guard/network-namespace shows the namespace"),
    Attack::new("network/name-service", &["NET-02"], name_service)
        .escapes_nowhere("a VM has no way out at all; guard/network-namespace shows the namespace"),
    Attack::new("network/abstract-socket", &["NET-04"], abstract_socket).escapes_bare(),
    Attack::new("network/path-sockets", &["NET-05", "FS-04"], path_sockets)
        .escapes_nowhere("no such service runs in a VM; control/neighbour/path-socket shows such sockets"),
    Attack::new("network/interfaces", &["NET-01"], interfaces)
        .escapes_nowhere("a VM has no interface but loopback"),
    Attack::new("network/netlink-changes", &["NET-06"], netlink_changes).escapes_bare(),
    Attack::new("network/netfilter", &["NET-06"], |_| {
        family("netfilter", libc::AF_NETLINK, libc::SOCK_RAW, 12)
    })
    .escapes_nowhere(MODULE),
    Attack::new("network/packet", &["NET-07"], |_| family("packet", libc::AF_PACKET, libc::SOCK_RAW, 768))
        .escapes_bare(),
    Attack::new("network/raw-ip", &["NET-07"], |_| family("raw", libc::AF_INET, libc::SOCK_RAW, 1))
        .escapes_bare(),
    Attack::new("network/socket-types", &["NET-20", "KRN-10"], socket_types).escapes_nowhere(MODULE),
    Attack::new("network/socket-options", &["NET-19"], socket_options).escapes_bare(),
    Attack::new("network/vsock", &["NET-08", "JDG-25"], |_| {
        family("vsock", libc::AF_VSOCK, libc::SOCK_STREAM, 0)
    })
    .escapes_nowhere(MODULE),
    Attack::new("network/alg", &["NET-09"], |_| family("alg", libc::AF_ALG, libc::SOCK_SEQPACKET, 0))
        .escapes_nowhere(MODULE),
    Attack::new("network/other-families", &["NET-10"], other_families).escapes_nowhere(MODULE),
    Attack::new("network/by-the-32-bit-call", &["NET-11"], by_the_32_bit_call).escapes_bare(),
    Attack::new("network/out-of-band", &["NET-13"], out_of_band).escapes_bare(),
    Attack::new("network/tun", &["NET-16"], tun).escapes_nowhere(MODULE),
    Attack::new("network/interface-up", &["NET-16"], interface_up).escapes_bare(),
    Attack::new("network/settings", &["NET-16"], settings).escapes_bare(),
    Attack::new("network/shared-memory", &["NET-17", "NET-18"], shared_memory)
        .escapes_nowhere("it takes two runs: control/neighbour/sysv-memory and dev-shm"),
    Attack::new("network/message-queue", &["NET-17"], message_queue)
        .escapes_nowhere("it takes two runs: control/neighbour/sysv-queue"),
];

const MODULE: &str = "a module, which the kernels of the VMs have not loaded";

/// For a connection to this machine. Only one that hangs takes as long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The answer of a service, if it is reached.
fn listen_to(what: &str, stream: io::Result<impl Read>) -> Finding {
    let mut said = Vec::new();
    match stream.and_then(|mut stream| stream.read_to_end(&mut said)) {
        Ok(_) => Finding::escaped(format!("{what}: {}", find_secret(&said).unwrap_or_default())),
        Err(cause) => Finding::of_io::<()>(what, Err(cause)),
    }
}

fn loopback_service(target: &Target) -> Finding {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), target.port);
    listen_to(&address.to_string(), TcpStream::connect_timeout(&address, PATIENCE))
}

/// The world, a private network, the metadata service of clouds, and the host of a QEMU user network.
fn world(_: &Target) -> Finding {
    const ADDRESSES: [[u8; 4]; 4] = [[1, 1, 1, 1], [192, 168, 0, 1], [169, 254, 169, 254], [10, 0, 2, 2]];
    Finding::all(ADDRESSES.map(|address| {
        let address = SocketAddr::new(IpAddr::from(address), 80);
        Finding::of_io(&address.to_string(), TcpStream::connect_timeout(&address, PATIENCE))
    }))
}

/// A datagram leaves without an answer: a route is enough.
fn name_service(_: &Target) -> Finding {
    let sent = UdpSocket::bind(("0.0.0.0", 0)).and_then(|socket| socket.send_to(b"?", ("8.8.8.8", 53)));
    Finding::of_io("udp to 8.8.8.8", sent)
}

fn abstract_socket(target: &Target) -> Finding {
    let address = UnixAddress::from_abstract_name(&target.socket);
    listen_to(&target.socket, address.and_then(|address| UnixStream::connect_addr(&address)))
}

fn path_sockets(_: &Target) -> Finding {
    const PATHS: [&str; 7] = [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/systemd/notify",
        "/run/systemd/journal/dev-log",
        "/run/dbus/system_bus_socket",
        "/dev/log",
    ];
    Finding::all(PATHS.map(|path| Finding::of_io(path, UnixStream::connect(path))))
}

/// Loopback and nothing else in /proc/net/dev.
fn interfaces(_: &Target) -> Finding {
    let Ok(table) = fs::read_to_string("/proc/net/dev") else {
        return Finding::blocked("/proc/net/dev cannot be read");
    };
    let names = table.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim);
    let others: Vec<&str> = names.filter(|name| *name != "lo").collect();
    if others.is_empty() { Finding::blocked("lo only") } else { Finding::escaped(others.join(", ")) }
}

/// RTM_NEWLINK for a dummy interface: `ip` may look, and nothing may change.
fn netlink_changes(_: &Target) -> Finding {
    trial("RTM_NEWLINK", || {
        let kinds = [Arg::N(libc::AF_NETLINK.into()), Arg::N(libc::SOCK_RAW.into()), Arg::N(0)];
        let socket = sys::call(libc::SYS_socket, &mut { kinds })?;
        // nlmsghdr (length, type, flags REQUEST|ACK|CREATE|EXCL, sequence, pid) and an empty ifinfomsg with loopback's
        // index.
        let mut message = Vec::new();
        message.extend_from_slice(&32u32.to_ne_bytes());
        message.extend_from_slice(&16u16.to_ne_bytes());
        message.extend_from_slice(&0x605u16.to_ne_bytes());
        message.extend_from_slice(&[0; 24]);
        sys::call(
            libc::SYS_sendto,
            &mut [Arg::N(socket), Arg::R(&message), Arg::N(32), Arg::N(0), Arg::N(0), Arg::N(0)],
        )?;
        let mut answer = [0u8; 1024];
        sys::call(
            libc::SYS_recvfrom,
            &mut [Arg::N(socket), Arg::W(&mut answer), Arg::N(1024), Arg::N(0), Arg::N(0), Arg::N(0)],
        )?;
        let mut code = [0u8; 4];
        code.copy_from_slice(&answer[16..20]);
        match -i32::from_ne_bytes(code) {
            errno @ (libc::EPERM | libc::EACCES) => Err(sys::Errno(errno)),
            // Whatever else is wrong with the request, the kernel has found that we may make it.
            _ => Ok(()),
        }
    })
}

/// A filter may answer as a kernel without the family does: a refusal in either case.
fn family(name: &str, family: i32, kind: i32, protocol: i64) -> Finding {
    trial(name, || {
        sys::call(libc::SYS_socket, &mut [Arg::N(family.into()), Arg::N(kind.into()), Arg::N(protocol)])
            .map(drop)
    })
}

/// Internet sockets of types that only modules have: the kernel calls modprobe for the first of them.
fn socket_types(_: &Target) -> Finding {
    const DCCP: i32 = 6;
    let types = [libc::SOCK_SEQPACKET, DCCP].into_iter();
    Finding::all(types.flat_map(|kind| {
        [libc::AF_INET, libc::AF_INET6].map(|internet| family(&format!("type {kind}"), internet, kind, 0))
    }))
}

/// A BPF program on a socket, and back again: the kernel's compiler and its reader of programs.
fn socket_options(_: &Target) -> Finding {
    const FILTER: i64 = libc::SO_ATTACH_FILTER as i64;
    let level = i64::from(libc::SOL_SOCKET);
    let Ok((socket, _peer)) = UnixDatagram::pair() else { return Finding::blocked("no socket") };
    let number = i64::from(socket.as_raw_fd());
    // One instruction, `ret 0`, in a `struct sock_fprog`: length, address.
    let instruction = [6u8, 0, 0, 0, 0, 0, 0, 0];
    let program = [1, instruction.as_ptr().addr() as u64].map(u64::to_ne_bytes).concat();
    let attached = trial("SO_ATTACH_FILTER", || {
        let args = &mut [Arg::N(number), Arg::N(level), Arg::N(FILTER), Arg::R(&program), Arg::N(16)];
        sys::call(libc::SYS_setsockopt, args).map(drop)
    });
    let mut len = 0u32.to_ne_bytes();
    let read = trial("SO_GET_FILTER", || {
        let args = &mut [Arg::N(number), Arg::N(level), Arg::N(FILTER), Arg::N(0), Arg::W(&mut len)];
        sys::call(libc::SYS_getsockopt, args).map(drop)
    });
    Finding::all([attached, read])
}

/// Everything that is neither unix, internet nor netlink.
fn other_families(_: &Target) -> Finding {
    // ax25 ipx appletalk netrom x25 rose ash rds sna irda pppox llc ib mpls can tipc bluetooth iucv rxrpc isdn phonet
    // ieee802154 caif nfc kcm qipcrtr smc xdp mctp
    const FAMILIES: [i32; 29] = [
        3, 4, 5, 6, 9, 11, 18, 21, 22, 23, 24, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 39, 41, 42,
        43, 44, 45,
    ];
    const KINDS: [i32; 3] = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET];
    let opened: Vec<String> = FAMILIES
        .iter()
        .flat_map(|&number| KINDS.map(|kind| (number, kind)))
        .filter(|&(number, kind)| {
            let finding = family("socket", number, kind, 0);
            finding.outcome == super::Outcome::Escaped
        })
        .map(|(number, kind)| format!("family {number} kind {kind}"))
        .collect();
    if opened.is_empty() {
        Finding::blocked("29 families are refused")
    } else {
        Finding::escaped(opened.join(", "))
    }
}

/// The 32-bit call for sockets, which no filter of 64-bit numbers sees. Without arguments it gets as far as refusing them.
fn by_the_32_bit_call(_: &Target) -> Finding {
    trial("socketcall", || match -arch::call_by_32_bits(arch::SOCKET_BY_32_BITS) {
        errno if errno == i64::from(libc::ENOSYS) => Err(sys::Errno(libc::ENOSYS)),
        _ => Ok(()),
    })
}

/// A byte out of band on a unix socket (CVE-2025-38236).
fn out_of_band(_: &Target) -> Finding {
    let Ok((one, _other)) = UnixStream::pair() else { return Finding::blocked("no socket pair") };
    let mut args = [
        Arg::N(one.as_raw_fd().into()),
        Arg::R(b"x"),
        Arg::N(1),
        Arg::N(libc::MSG_OOB.into()),
        Arg::N(0),
        Arg::N(0),
    ];
    Finding::of("MSG_OOB", sys::call(libc::SYS_sendto, &mut args))
}

fn tun(_: &Target) -> Finding {
    Finding::of_io("/dev/net/tun", fs::OpenOptions::new().write(true).open("/dev/net/tun"))
}

/// SIOCSIFFLAGS: loopback down, in a network namespace that is ours to ruin but not to configure.
fn interface_up(_: &Target) -> Finding {
    const SET_FLAGS: i64 = 0x8914;
    let mut request = [0u8; 40];
    request[..2].copy_from_slice(b"lo");
    request[16] = 1;
    trial("SIOCSIFFLAGS", || {
        let kinds = [Arg::N(libc::AF_INET.into()), Arg::N(libc::SOCK_DGRAM.into()), Arg::N(0)];
        let socket = sys::call(libc::SYS_socket, &mut { kinds })?;
        sys::call(libc::SYS_ioctl, &mut [Arg::N(socket), Arg::N(SET_FLAGS), Arg::R(&request)]).map(drop)
    })
}

/// Rewritten with what they are.
fn settings(_: &Target) -> Finding {
    const SETTINGS: [&str; 2] = ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/core/somaxconn"];
    let found: Vec<Finding> = SETTINGS
        .iter()
        .filter_map(|path| fs::read(path).ok().map(|value| (path, value)))
        .map(|(path, value)| Finding::of_io(path, fs::write(path, value)))
        .collect();
    if found.is_empty() { Finding::blocked("none is visible") } else { Finding::all(found) }
}

const KEY: i64 = 0x0ca9_5c1e;

/// A segment with a known key: found, it is of another run; made, it must not outlive this one (the census looks).
fn shared_memory(_: &Target) -> Finding {
    let found = sys::call(libc::SYS_shmget, &mut [Arg::N(KEY), Arg::N(4096), Arg::N(0)]);
    let other = Path::new("/dev/shm/left-behind");
    let file = other.exists();
    // Left for the next run to find; either may be refused.
    sys::call(libc::SYS_shmget, &mut [Arg::N(KEY), Arg::N(4096), Arg::N(0o1600)]).ok();
    fs::write(other, b"left").ok();
    match (found, file) {
        (Ok(_), _) => Finding::escaped("a segment of another run"),
        (_, true) => Finding::escaped("a file of another run in /dev/shm"),
        (Err(errno), false) => Finding::blocked(format!("shmget: {errno}; /dev/shm is empty")),
    }
}

fn message_queue(_: &Target) -> Finding {
    let found = sys::call(libc::SYS_msgget, &mut [Arg::N(KEY), Arg::N(0)]);
    // Left for the next run to find; it may be refused.
    sys::call(libc::SYS_msgget, &mut [Arg::N(KEY), Arg::N(0o1600)]).ok();
    Finding::of("msgget", found)
}
