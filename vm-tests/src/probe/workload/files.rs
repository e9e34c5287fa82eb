//! Workloads that use up files, descriptors and sockets.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use super::{Program, UNREACHED, errno, errno_of, print_text};
use crate::probe::sys;

/// Every workload of this kind, by name.
pub(super) const PROGRAMS: &[(&str, Program)] = &[
    ("loopback", loopback),
    ("descriptors-in-flight", descriptors_in_flight),
    ("inodes-until-refused", inodes_until_refused),
    ("deep-tree", deep_tree),
    ("files-until-refused", files_until_refused),
];

/// Empty files, until there is no room for the next.
fn inodes_until_refused(_: &[&str]) -> u8 {
    let mut files = 0..1_000_000;
    let end = files.find_map(|index| File::create(format!("/tmp/{index}")).err().map(|cause| (index, cause)));
    match end {
        Some((count, cause)) if cause.raw_os_error() == Some(libc::ENOSPC) => {
            print_text(&format!("{count}\n"))
        }
        _ => UNREACHED,
    }
}

/// Deeper than a path is long, and left so.
fn deep_tree(_: &[&str]) -> u8 {
    let name = "d".repeat(200);
    for _ in 0..200 {
        if fs::create_dir(&name).and_then(|()| std::env::set_current_dir(&name)).is_err() {
            return UNREACHED;
        }
    }
    print_text("done\n")
}

fn files_until_refused(_: &[&str]) -> u8 {
    let mut files = Vec::new();
    loop {
        match OpenOptions::new().read(true).open("/dev/null") {
            Ok(file) => files.push(file),
            Err(_) => return print_text(&format!("{}\n", files.len() + 3)),
        }
        if files.len() > 100_000 {
            return UNREACHED;
        }
    }
}

/// A server and a client, both ours, over the loopback interface.
fn loopback(_: &[&str]) -> u8 {
    let served = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| {
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        client.write_all(b"hello\n")?;
        drop(client);
        let mut text = String::new();
        listener.accept()?.0.read_to_string(&mut text)?;
        Ok(text)
    });
    served.map_or_else(|cause| errno(&cause), |text| print_text(&text))
}

/// Each socket sends the other into it, which only the kernel's garbage collector can take apart (unix(7)); until as
/// many are in flight as may be open.
fn descriptors_in_flight(_: &[&str]) -> u8 {
    loop {
        let Ok((one, other)) = UnixStream::pair() else { return UNREACHED };
        for (over, sent) in [(&one, &other), (&other, &one)] {
            match sys::send_descriptor(over.as_raw_fd(), sent.as_raw_fd()) {
                Ok(_) => {}
                Err(sys::Errno(libc::ETOOMANYREFS)) => return print_text("refused\n"),
                Err(errno) => return errno_of(errno),
            }
        }
    }
}
