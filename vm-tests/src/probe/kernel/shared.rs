//! What all runs share below the sandbox: the page cache, inodes of the root, huge pages, the CPUs.

use std::fs::File;
use std::os::fd::AsRawFd;

use super::refused;
use crate::probe::sys::{self, Arg};
use crate::probe::{Finding, Target};

/// A page's size.
const PAGE: i64 = 4096;

/// A descriptor of this program, which every run has from one place.
fn exe() -> Result<(File, i64), Finding> {
    let path = std::env::current_exe();
    let file = path.and_then(File::open).map_err(|cause| Finding::of_io::<()>("this program", Err(cause)))?;
    let number = file.as_raw_fd().into();
    Ok((file, number))
}

/// Which pages are in memory, and pages thrown out of it. (posix_fadvise and readahead are pretended: nothing shows.)
pub(super) fn resident_pages(_: &Target) -> Finding {
    const NOWAIT: i64 = 8;
    const COLD: i64 = 20;
    let (file, number) = match exe() {
        Ok(opened) => opened,
        Err(finding) => return finding,
    };
    let Some(memory) = sys::map_anonymous(1 << 16, libc::MAP_PRIVATE) else {
        return Finding::blocked("no memory");
    };
    let mut resident = [0u8; 16];
    let mut page = [0u8; 16];
    let vector = [page.as_mut_ptr().addr() as u64, 16].map(u64::to_ne_bytes).concat();
    let (first, none) = (Arg::N(0), Arg::N(0));
    let found = [
        refused("mincore", libc::SYS_mincore, vec![Arg::W(memory), Arg::N(16 * PAGE), Arg::W(&mut resident)]),
        refused("MADV_COLD", libc::SYS_madvise, vec![Arg::W(memory), Arg::N(16 * PAGE), Arg::N(COLD)]),
        refused(
            "RWF_NOWAIT",
            libc::SYS_preadv2,
            vec![Arg::N(number), Arg::R(&vector), Arg::N(1), first, none, Arg::N(NOWAIT)],
        ),
    ];
    drop(file);
    Finding::all(found)
}

/// The hint of how long what is written will live: of an inode, whoever has it open.
pub(super) fn write_hint(_: &Target) -> Finding {
    const SET_RW_HINT: i64 = 1036;
    const SHORT: u64 = 2;
    match exe() {
        Ok((file, number)) => {
            let hint = SHORT.to_ne_bytes();
            let args = vec![Arg::N(number), Arg::N(SET_RW_HINT), Arg::R(&hint)];
            let found = refused("F_SET_RW_HINT", libc::SYS_fcntl, args);
            drop(file);
            found
        }
        Err(finding) => finding,
    }
}

/// Requests to a namespace and to a file system.
pub(super) fn requests(_: &Target) -> Finding {
    const NS_GET_NSTYPE: i64 = 0xb703;
    const FS_IOC_GETFLAGS: i64 = 0x8008_6601;
    let namespace = match File::open("/proc/self/ns/net") {
        Ok(file) => file,
        Err(cause) => return Finding::of_io::<()>("/proc/self/ns/net", Err(cause)),
    };
    let (file, number) = match exe() {
        Ok(opened) => opened,
        Err(finding) => return finding,
    };
    let mut flags = [0u8; 8];
    let found = [
        refused(
            "NS_GET_NSTYPE",
            libc::SYS_ioctl,
            vec![Arg::N(namespace.as_raw_fd().into()), Arg::N(NS_GET_NSTYPE), Arg::N(0)],
        ),
        refused(
            "FS_IOC_GETFLAGS",
            libc::SYS_ioctl,
            vec![Arg::N(number), Arg::N(FS_IOC_GETFLAGS), Arg::W(&mut flags)],
        ),
    ];
    drop(file);
    Finding::all(found)
}

/// A file of huge pages can be made whether any are reserved or not. Those of the host's are not counted as memory.
pub(super) fn huge_pages(_: &Target) -> Finding {
    const HUGETLB: i64 = 4;
    refused("MFD_HUGETLB", libc::SYS_memfd_create, vec![Arg::S(c"huge"), Arg::N(HUGETLB)])
}

/// SCHED_FIFO, and the ordinary class by the call whose flags lie in memory.
pub(super) fn scheduling_class(_: &Target) -> Finding {
    const FIFO: i64 = 1;
    // `struct sched_attr` in its first version, 48 bytes: SCHED_OTHER, as it is.
    let mut attributes = [0u8; 48];
    attributes[0] = 48;
    Finding::all([
        refused(
            "SCHED_FIFO",
            libc::SYS_sched_setscheduler,
            vec![Arg::N(0), Arg::N(FIFO), Arg::R(&1i32.to_ne_bytes())],
        ),
        refused("sched_setattr", libc::SYS_sched_setattr, vec![Arg::N(0), Arg::R(&attributes), Arg::N(0)]),
    ])
}

/// MEMBARRIER_CMD_GLOBAL: waits for every CPU of the machine.
pub(super) fn global_barrier(_: &Target) -> Finding {
    refused("membarrier", libc::SYS_membarrier, vec![Arg::N(1), Arg::N(0), Arg::N(0)])
}
