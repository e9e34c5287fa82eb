//! KVM is used only after it has been seen to work, and a KVM that hangs costs its deadline once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use vm_tests::accel::{Choice, KvmProbe};
use vm_tests::kernel::Kernel;
use vm_tests::processor::Processor;
use vm_tests::qemu::Accel;

use crate::world::guest;

/// A QEMU that prints its version, notes each start, and then does `behaviour`.
struct Fake {
    files: tempfile::TempDir,
    /// Short where a test waits for it, else only for a fake that hangs.
    deadline: Duration,
}

impl Fake {
    fn new(version: &str, behaviour: &str) -> Fake {
        let fake = Fake {
            files: tempfile::tempdir().unwrap(),
            deadline: Duration::from_secs(if behaviour == HANGS { 2 } else { 300 }),
        };
        let starts = fake.path("starts");
        fake.script(&format!(
            "if [ \"$1\" = --version ]; then echo {version}; exit; fi\necho x >> {}\n{behaviour}",
            starts.display()
        ));
        fs::write(fake.path("archive"), b"").unwrap();
        fs::write(fake.path("kvm"), b"").unwrap();
        fake
    }

    fn script(&self, text: &str) {
        // By a process of its own: what another test starts just then would inherit ours open for writing, and a
        // program that is open for writing cannot be started (ETXTBSY).
        let write = "printf '#!/bin/sh\\n%s\\n' \"$2\" > \"$1\" && chmod 755 \"$1\"";
        let status = Command::new("sh").args(["-c", write, "sh"]).arg(self.path("qemu")).arg(text).status();
        assert!(status.unwrap().success());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn starts(&self) -> usize {
        fs::read_to_string(self.path("starts")).map_or(0, |text| text.lines().count())
    }

    fn choose(&self, choice: Choice, device: &Path, kernel: &str) -> Result<(Accel, Option<String>), String> {
        let (qemu, archive, cache) = (self.path("qemu"), self.path("archive"), self.path("cache"));
        let probe = KvmProbe {
            qemu: &qemu,
            initramfs: &archive,
            guest: guest(),
            deadline: self.deadline,
            cache: &cache,
            device,
        };
        let unpacked = Err("not a kernel".into());
        let kernel = Kernel {
            processor: Processor::HERE,
            name: kernel.into(),
            image: "/dev/null".into(),
            sha256: kernel.into(),
            version: None,
            unpacked,
        };
        probe.choose(choice, &kernel)
    }
}

const HANGS: &str = "exec sleep 600";

#[test]
fn a_kvm_that_hangs_is_given_up_at_the_deadline_and_not_tried_again() {
    let fake = Fake::new("one", HANGS);
    let device = fake.path("kvm");
    let (accel, why) = fake.choose(Choice::Auto, &device, "k1").unwrap();
    assert_eq!(accel, Accel::Tcg);
    assert!(why.clone().unwrap().contains("not done within 2s"), "{why:?}");
    assert_eq!(fake.choose(Choice::Auto, &device, "k1").unwrap(), (Accel::Tcg, why));
    assert_eq!(fake.starts(), 1, "the answer was not kept");
}

#[test]
fn the_answer_is_one_for_this_kernel_and_this_qemu() {
    let fake = Fake::new("one", "exit 3");
    let device = fake.path("kvm");
    for (kernel, starts) in [("k1", 1), ("k2", 2), ("k1", 2)] {
        fake.choose(Choice::Auto, &device, kernel).unwrap();
        assert_eq!(fake.starts(), starts, "{kernel}");
    }
    let starts = fake.path("starts");
    fake.script(&format!("[ \"$1\" = --version ] && echo two && exit\necho x >> {}", starts.display()));
    fake.choose(Choice::Auto, &device, "k1").unwrap();
    assert_eq!(fake.starts(), 3);
}

#[test]
fn kvm_by_request_is_an_error_where_it_does_not_work() {
    let fake = Fake::new("one", "exit 3");
    let error = fake.choose(Choice::Kvm, &fake.path("kvm"), "k1").unwrap_err();
    assert!(error.starts_with("KVM does not work here: a probe boot failed: QEMU ended"), "{error}");
}

#[test]
fn nothing_is_started_without_the_device_or_with_tcg() {
    let fake = Fake::new("one", HANGS);
    let (accel, why) = fake.choose(Choice::Auto, Path::new("/nonexistent/kvm"), "k1").unwrap();
    assert_eq!((accel, why.is_some()), (Accel::Tcg, true));
    assert_eq!(fake.choose(Choice::Tcg, &fake.path("kvm"), "k1").unwrap(), (Accel::Tcg, None));
    assert_eq!(fake.starts(), 0);
}
