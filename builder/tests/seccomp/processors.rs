//! One policy for every processor: a call has the same answer wherever it exists, by whatever number.

use std::collections::BTreeMap;

use builder::tool::seccomp::policy::arch::{AARCH64, Arch, X86_64};
use builder::tool::seccomp::policy::compile;
use builder::tool::seccomp::policy::image::{Defect, Image};
use builder::tool::seccomp::policy::rules::{Action, Policy, Rule};

use crate::machine::{DEFAULT, Filter, LOOPBACK};

/// What the policy says of each call by its name.
fn by_name(arch: &'static Arch) -> BTreeMap<&'static str, Vec<Rule>> {
    let policy = Policy::parse(DEFAULT, arch).unwrap();
    arch.calls().filter_map(|(number, name)| Some((name, policy.calls.get(&number)?.clone()))).collect()
}

#[test]
fn a_call_has_the_same_answer_on_every_processor() {
    let [x86_64, aarch64] = [&X86_64, &AARCH64].map(by_name);
    assert!(aarch64.len() > 300, "{} calls", aarch64.len());
    for (name, rules) in &aarch64 {
        assert_eq!(x86_64.get(name), Some(rules), "{name}");
    }
    for old in ["open", "fork", "poll", "arch_prctl", "iopl"] {
        assert!(x86_64.contains_key(old) && !aarch64.contains_key(old), "{old}");
    }
    assert_ne!(X86_64.call("openat"), AARCH64.call("openat"));
}

#[test]
fn a_program_takes_only_its_own_processors_calls() {
    let image = compile(DEFAULT, &AARCH64).unwrap();
    assert_eq!(Image::parse(&image, X86_64.audit), Err(Defect::Architecture));
    assert!(Image::parse(&image, AARCH64.audit).is_ok());
    let policy = Policy::parse(DEFAULT, &AARCH64).unwrap();
    let filter = Filter::new(&policy);
    let answer = |arch: u32, number: u32| filter.answer_number(LOOPBACK, arch, number, &[]);
    let read = AARCH64.call("read").unwrap();
    assert_eq!(answer(AARCH64.audit, read), Action::Allow);
    assert_eq!(answer(X86_64.audit, read), Action::Kill);
    assert_eq!(answer(AARCH64.audit, 0x4000_0000 | read), policy.default, "there is no x32");
}

#[test]
fn a_name_of_another_processor_is_left_out_and_a_typo_is_not() {
    let text = "default ENOSYS # x\nallow read open # x\nkill open when arg0 == 1 # x\n";
    assert_eq!(
        Policy::parse(text, &X86_64).unwrap_err().to_string(),
        "3:6: `open` is decided by line 2 already, this line cannot apply"
    );
    let policy = Policy::parse(text, &AARCH64).unwrap();
    assert_eq!(policy.calls.keys().copied().collect::<Vec<_>>(), [63]);
    let typo = Policy::parse("default ENOSYS # x\nallow raed # x\n", &AARCH64).unwrap_err();
    assert_eq!(typo.to_string(), "2:7: `raed` is no system call");
}
