//! KRN: calls that widen the kernel's surface, and what the kernel reveals about itself.
//!
//! Each call has arguments with which root outside of a sandbox succeeds, or gets further than the refusal: an error
//! about bad arguments would prove nothing.

use super::sys::{self, Arg};
use super::{Attack, Finding, trial};

mod calls;
mod filter;
mod machine;
mod namespaces;
mod shared;

/// The attacks of this family.
pub(crate) const ATTACKS: &[Attack] = &[
    Attack::new("kernel/unshare-user", &["KRN-01"], |_| namespaces::unshare("user", libc::CLONE_NEWUSER))
        .escapes_bare(),
    Attack::new("kernel/unshare-mount", &["KRN-01"], |_| namespaces::unshare("mount", libc::CLONE_NEWNS))
        .escapes_bare(),
    Attack::new("kernel/unshare-net", &["KRN-01"], |_| namespaces::unshare("net", libc::CLONE_NEWNET))
        .escapes_bare(),
    Attack::new("kernel/unshare-pid", &["KRN-01"], |_| namespaces::unshare("pid", libc::CLONE_NEWPID))
        .escapes_bare(),
    Attack::new("kernel/unshare-ipc", &["KRN-01"], |_| namespaces::unshare("ipc", libc::CLONE_NEWIPC))
        .escapes_bare(),
    Attack::new("kernel/unshare-uts", &["KRN-01"], |_| namespaces::unshare("uts", libc::CLONE_NEWUTS))
        .escapes_bare(),
    Attack::new("kernel/unshare-cgroup", &["KRN-01"], |_| {
        namespaces::unshare("cgroup", libc::CLONE_NEWCGROUP)
    })
    .escapes_bare(),
    Attack::new("kernel/unshare-time", &["KRN-01"], |_| namespaces::unshare("time", libc::CLONE_NEWTIME))
        .escapes_bare(),
    Attack::new("kernel/clone-user", &["KRN-01"], namespaces::clone_user).escapes_bare(),
    Attack::new("kernel/clone3", &["KRN-02"], namespaces::clone3).escapes_bare(),
    Attack::new("kernel/setns", &["KRN-03"], namespaces::setns).escapes_bare(),
    Attack::new("kernel/bpf", &["KRN-04"], calls::bpf).escapes_bare(),
    Attack::new("kernel/perf-event", &["KRN-05"], calls::perf_event).escapes_bare(),
    Attack::new("kernel/userfaultfd", &["KRN-06"], calls::userfaultfd).escapes_bare(),
    Attack::new("kernel/add-key", &["KRN-07"], calls::add_key).escapes_bare(),
    Attack::new("kernel/keyctl", &["KRN-07"], calls::keyctl).escapes_bare(),
    Attack::new("kernel/io-uring", &["KRN-08"], calls::io_uring).escapes_bare(),
    Attack::new("kernel/kexec", &["KRN-09"], calls::kexec).escapes_bare(),
    Attack::new("kernel/load-module", &["KRN-10"], calls::load_module).escapes_bare(),
    Attack::new("kernel/reboot", &["KRN-11"], calls::reboot).escapes_bare(),
    Attack::new("kernel/personality", &["KRN-12"], calls::personality).escapes_bare(),
    Attack::new("kernel/modify-ldt", &["KRN-13"], calls::modify_ldt).escapes_bare(),
    Attack::new("kernel/io-ports", &["KRN-13", "JDG-25"], calls::io_ports).escapes_bare(),
    Attack::new("kernel/x32-numbers", &["KRN-14"], filter::x32_numbers)
        .escapes_nowhere("Debian's kernels have x32 switched off"),
    Attack::new("kernel/i386-entry", &["KRN-15"], filter::i386_entry).escapes_bare(),
    Attack::new("kernel/upper-half", &["KRN-16"], filter::upper_half).escapes_bare(),
    Attack::new("kernel/type-into-terminal", &["KRN-17"], filter::type_into_terminal)
        .escapes_nowhere("the harness has no terminal to type into"),
    Attack::new("kernel/looser-filter", &["KRN-18"], filter::looser_filter).escapes_bare(),
    Attack::new("kernel/unknown-numbers", &["KRN-19"], filter::unknown_numbers)
        .escapes_nowhere("no kernel knows them"),
    Attack::new("kernel/map-page-zero", &["KRN-23"], calls::map_page_zero).escapes_bare(),
    Attack::new("kernel/devices", &["KRN-24", "KRN-31", "JDG-24"], machine::devices).escapes_bare(),
    Attack::new("kernel/set-clock", &["KRN-25"], machine::set_clock).escapes_bare(),
    Attack::new("kernel/adjust-clock", &["KRN-25"], machine::adjust_clock).escapes_bare(),
    Attack::new("kernel/set-hostname", &["KRN-26"], machine::set_hostname).escapes_bare(),
    Attack::new("kernel/read-messages", &["KRN-27"], machine::read_messages).escapes_bare(),
    Attack::new("kernel/swap", &["KRN-27"], machine::swap).escapes_bare(),
    Attack::new("kernel/accounting", &["KRN-27"], machine::accounting).escapes_bare(),
    Attack::new("kernel/quota", &["KRN-27"], machine::quota).escapes_bare(),
    Attack::new("kernel/fanotify", &["KRN-33"], calls::fanotify).escapes_bare(),
    Attack::new("kernel/mount-names", &["KRN-34"], machine::mount_names)
        .escapes_nowhere("outside, the directory is not a mount of its own"),
    Attack::new("kernel/become-root", &["KRN-36"], machine::become_root).escapes_bare(),
    Attack::new("kernel/change-groups", &["KRN-36"], machine::change_groups).escapes_bare(),
    Attack::new("kernel/kernel-file-systems", &["KRN-38"], machine::kernel_file_systems).escapes_bare(),
    Attack::new("kernel/merge-pages", &["KRN-28"], calls::merge_pages).escapes_bare(),
    Attack::new("kernel/resident-pages", &["FS-38"], shared::resident_pages).escapes_bare(),
    Attack::new("kernel/write-hint", &["FS-38"], shared::write_hint).escapes_bare(),
    Attack::new("kernel/requests", &["KRN-41"], shared::requests).escapes_bare(),
    Attack::new("kernel/huge-pages", &["RES-34"], shared::huge_pages).escapes_bare(),
    Attack::new("kernel/scheduling-class", &["RES-22"], shared::scheduling_class).escapes_bare(),
    Attack::new("kernel/global-barrier", &["RES-26"], shared::global_barrier).escapes_bare(),
    Attack::new("kernel/random-calls", &["KRN-39"], calls::random_calls)
        .escapes_nowhere("outside of a sandbox it would do harm"),
    Attack::new("kernel/environment", &["KRN-35"], machine::environment).escapes_bare(),
];

/// A call without consequences for this process, in a child.
fn refused(what: &str, number: i64, mut args: Vec<Arg<'_>>) -> Finding {
    trial(what, || sys::call(number, &mut args).map(drop))
}

/// The same for a call that does no harm as far as it gets: the errors `through` mean that it was let through.
fn reached(what: &str, number: i64, mut args: Vec<Arg<'_>>, through: &[i32]) -> Finding {
    trial(what, || match sys::call(number, &mut args) {
        Err(errno) if !through.contains(&errno.0) => Err(errno),
        _ => Ok(()),
    })
}
