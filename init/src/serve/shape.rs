//! What of a run's options decides how its sandbox is built, before anything else of the run matters.

use crate::guard::Guard;
use crate::identity::Identity;
use crate::list::List;
use crate::options::{Bind, Options, SeccompChoice};
use crate::setup::Setup;

/// Two sandboxes of one shape are the same until one of them is given a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape(u64);

/// Guards without which a sandbox is not made ahead: without them its PID 1 is not one, or its streams are the caller's.
const NEEDED: &[Guard] = &[Guard::PidNamespace, Guard::Streams, Guard::PrivateMounts];

impl Shape {
    /// `None` for a run whose sandbox cannot stand ready: with a terminal, in a user namespace (which belongs to the run's
    /// uid), with a policy that is read from a file, or without a guard that it takes.
    pub(super) fn of(options: &Options<'_>, identity: Identity) -> Option<Shape> {
        let setup = Setup::new(options, identity);
        let is_default = matches!(options.seccomp, SeccompChoice::Default | SeccompChoice::Off);
        let is_simple = identity.privileged && !options.tty && is_default;
        if !is_simple || setup.has(Guard::UserNamespace) || !NEEDED.iter().all(|guard| setup.has(*guard)) {
            return None;
        }
        let guards = Guard::ALL.iter().filter(|guard| options.guards.has(**guard));
        let guards = guards.fold(0u64, |bits, guard| bits | 1 << *guard as u32);
        let numbers = [guards, options.limits.tmp, options.net as u64];
        let mut hash = Hash::new();
        hash.add(options.root.to_bytes_with_nul());
        hash.add(options.hostname.to_bytes_with_nul());
        numbers.iter().for_each(|number| hash.add(&number.to_ne_bytes()));
        Some(Shape(hash.0))
    }
}

/// Makes a pattern of a run's options: a sandbox that stands ready must not have what was shown to another run.
pub(super) fn forget_run(options: &mut Options<'_>) {
    options.binds = List::new(Bind { source: b"", target: b"", writable: false });
}

/// FNV-1a, 64 bits. A caller that makes two of its own roots collide runs a submission of its own in the wrong one, so the
/// root is compared by its file too ([`super::prepared`]).
struct Hash(u64);

impl Hash {
    fn new() -> Hash {
        Hash(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Args;
    use crate::user::Owner;

    const ROOT: Identity = Identity { owner: Owner { uid: 0, gid: 0 }, privileged: true };

    fn shape(options: &str, identity: Identity) -> Option<Shape> {
        let line = format!("--root /r {options} -- /bin/true ");
        let line = Box::leak(line.into_bytes().into_boxed_slice());
        let pointers = Box::leak(vec![core::ptr::null(); 32].into_boxed_slice());
        let options = crate::options::parse(Args::split(line, pointers).unwrap());
        Shape::of(&options.ok().unwrap(), identity)
    }

    #[test]
    fn what_a_run_brings_does_not_change_its_shape() {
        let plain = shape("", ROOT);
        assert!(plain.is_some());
        for late in [
            "--memory 64M --cpu-time 1s",
            "--env A=b --cwd /tmp",
            "--bind /etc:/tmp/etc",
            "--uid 61000",
            "--report fd:3 --start-on fd:4",
            "--cpus 0",
        ] {
            assert_eq!(shape(late, ROOT), plain, "{late}");
        }
    }

    #[test]
    fn what_is_built_before_does() {
        let plain = shape("", ROOT);
        let others =
            ["--net none", "--hostname x", "--tmp 1M", "--without proc-masks", "--root /other", "--net host"];
        for (at, other) in others.iter().enumerate() {
            let found = shape(other, ROOT);
            assert!(found.is_some() && found != plain, "{other}");
            assert!(others[..at].iter().all(|earlier| shape(earlier, ROOT) != found), "{other}");
        }
    }

    #[test]
    fn a_run_whose_sandbox_depends_on_it_has_no_shape() {
        for special in ["--tty", "--userns", "--seccomp /p", "--without pid-namespace", "--without streams"] {
            assert_eq!(shape(special, ROOT), None, "{special}");
        }
        let user = Identity { owner: Owner { uid: 1000, gid: 1000 }, privileged: false };
        assert_eq!(shape("", user), None);
    }
}
