//! The compiler against a second opinion: the policy read line by line, and seccompiler's own filter.

use builder::tool::seccomp::policy::arch::X86_64;
use builder::tool::seccomp::policy::compile;
use builder::tool::seccomp::policy::emit::{program, reports};
use builder::tool::seccomp::policy::image::{
    Defect, GATE, HEADER, INSTRUCTION, Image, MAX_IMAGE, MAX_INSTRUCTIONS,
};
use builder::tool::seccomp::policy::rules::{Action, MODES, Op, Policy, Test};
use proptest::prelude::*;

use crate::machine::{ALLOW, DEFAULT, Filter, I386, LOOPBACK, NONE, NOTIFY};

/// What the policy says, without any BPF.
fn meaning(policy: &Policy, mode: usize, number: u32, arguments: &[u64; 6]) -> Action {
    let Some(rules) = policy.calls.get(&number) else {
        return if (0x4000_0000..0x8000_0000).contains(&number) { Action::Kill } else { policy.default };
    };
    let applies = |test: &Test| {
        let argument = arguments[usize::from(test.argument)];
        let argument = if test.wide { argument } else { argument & 0xffff_ffff };
        match test.op {
            Op::Eq => argument == test.value,
            Op::Ne => argument != test.value,
            Op::Lt => argument < test.value,
            Op::Le => argument <= test.value,
            Op::Gt => argument > test.value,
            Op::Ge => argument >= test.value,
            Op::Masked(mask) => argument & mask == test.value,
        }
    };
    rules.iter().find(|rule| rule.modes[mode] && rule.tests.iter().all(applies)).unwrap().action
}

/// Every number that a policy tests anything against, and its neighbours: where mistakes would be.
fn interesting(policy: &Policy) -> Vec<u64> {
    let tests = policy.calls.values().flatten().flat_map(|rule| &rule.tests);
    let values = tests.flat_map(|test| match test.op {
        Op::Masked(mask) => vec![test.value, mask],
        _ => vec![test.value],
    });
    let mut all: Vec<u64> = values.flat_map(|v| [v, v ^ 1, v.wrapping_add(1), v << 32, !v]).collect();
    all.extend([0, 1, u64::MAX, u64::from(u32::MAX), 1 << 32]);
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn the_default_program_means_what_the_policy_says_for_every_number() {
    let policy = Policy::parse(DEFAULT, &X86_64).unwrap();
    let filter = Filter::new(&policy);
    let values = interesting(&policy);
    for mode in 0..MODES {
        for number in (0..1200).chain([0x3fff_ffff, 0x4000_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX]) {
            // Where no line has a test, three values are as good as all.
            let tested = policy.calls.get(&number).is_some_and(|rules| rules.len() > 1);
            for value in if tested { &values[..] } else { &values[..3] } {
                for other in [0, *value, 17] {
                    let arguments = [*value, other, *value, *value, other, 0];
                    let said = filter.answer_number(mode, X86_64.audit, number, &arguments);
                    assert_eq!(said, meaning(&policy, mode, number, &arguments), "{number} {arguments:?}");
                }
            }
        }
    }
}

#[test]
fn every_other_architecture_is_killed_whatever_the_number() {
    let filter = Filter::default();
    for arch in [I386, 0, X86_64.audit ^ 1, 0xc000_00b7] {
        for number in [0, 1, 60, 231, 0x4000_0000] {
            assert_eq!(filter.answer_number(LOOPBACK, arch, number, &[]), Action::Kill);
        }
    }
}

#[test]
fn the_program_is_shallow_and_small() {
    let filter = Filter::default();
    for call in ["read", "openat", "clone3", "getrandom", "file_setattr"] {
        assert!(filter.steps(LOOPBACK, call, &[]) <= 14, "{call}");
    }
    assert!(filter.len(LOOPBACK) < 500);
}

#[test]
fn the_image_holds_two_programs_and_opens_their_gates_for_each_mode() {
    let policy = Policy::parse(DEFAULT, &X86_64).unwrap();
    let bytes = compile(DEFAULT, &X86_64).unwrap();
    let image = Image::parse(&bytes, X86_64.audit).unwrap();
    for mode in 0..MODES {
        let expected = [&policy, &reports(&policy)]
            .map(|policy| program(policy, mode).iter().map(|i| i.to_bytes()).collect::<Vec<_>>());
        let mut buffer = [[0xff; INSTRUCTION]; MAX_INSTRUCTIONS];
        assert_eq!(image.programs(mode.try_into().unwrap(), &mut buffer), expected);
    }
    assert!(bytes.len() < 2200, "{}", bytes.len());
}

#[test]
fn the_image_names_the_calls_that_are_killed_and_no_others() {
    let bytes = compile(DEFAULT, &X86_64).unwrap();
    let image = Image::parse(&bytes, X86_64.audit).unwrap();
    assert_eq!(image.name(246), Some(&b"kexec_load"[..]));
    assert_eq!(image.name(169), Some(&b"reboot"[..]));
    assert_eq!(image.name(0), None);
    assert_eq!(image.name(165), None);
    assert_eq!(image.name(0x1_0000 + 246), None);
}

#[test]
fn a_conditional_kill_has_its_name_in_the_image() {
    let text = "default ENOSYS # x\nkill ioctl when arg1 == 1 # x\nallow ioctl # x\n";
    let bytes = compile(text, &X86_64).unwrap();
    assert_eq!(Image::parse(&bytes, X86_64.audit).unwrap().name(16), Some(&b"ioctl"[..]));
}

#[test]
fn the_reports_are_of_what_is_killed_alone_and_a_tenth_of_the_answers() {
    let conditional = "default kill # x\nallow read # x\nkill socket when net == host and arg0 == 7 # x\n\
        EPERM socket when arg1:64 == 3 # x\nkill ptrace when arg2 & 6 == 2 # x\nallow socket ptrace # x\n";
    for text in [DEFAULT, conditional] {
        let policy = Policy::parse(text, &X86_64).unwrap();
        let (answers, reports) = (Filter::new(&policy), Filter::new(&reports(&policy)));
        for (mode, number) in (0..MODES).flat_map(|mode| (0..600).map(move |number| (mode, number))) {
            for arguments in [[0; 6], [7, 3, 2, 0, 0, 0], [7, 4, 6, 0, 0, 0], [1, 3, 2, 1, 0, 0]] {
                let [answer, report] =
                    [&answers, &reports].map(|one| one.value(mode, X86_64.audit, number, &arguments));
                let expected = if answer == NOTIFY { NOTIFY } else { ALLOW };
                assert_eq!(report, expected, "{number} {arguments:?} in mode {mode}");
            }
        }
    }
    let policy = Policy::parse(DEFAULT, &X86_64).unwrap();
    assert!(program(&reports(&policy), LOOPBACK).len() * 8 < program(&policy, LOOPBACK).len());
}

#[test]
fn a_call_of_inits_own_is_killed_without_the_listener() {
    let text = "default kill # x\nallow read # x\nkill ioctl when arg1 == 1 # x\nallow ioctl # x\n";
    let program = program(&Policy::parse(text, &X86_64).unwrap(), NONE);
    let answers = |k: u32| program.iter().filter(|one| (one.code, one.k) == (6, k)).count();
    assert!(answers(0x8000_0000) > 0 && answers(0x7fc0_0000) > 0);
    let filter = Filter::of_program(program);
    for number in [0x4000_0000, 16, 61, 272, 169] {
        assert_eq!(filter.answer_number(NONE, X86_64.audit, number, &[0, 1]), Action::Kill, "{number}");
    }
}

#[test]
fn every_defect_of_an_image_is_told_from_the_others() {
    let good = compile(DEFAULT, &X86_64).unwrap();
    let with = |offset: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[offset] ^= value;
        Image::parse(&bytes, X86_64.audit).map(|_| ())
    };
    assert_eq!(with(0, 1), Err(Defect::NotAPolicy));
    assert_eq!(with(8, 1), Err(Defect::Architecture));
    assert_eq!(with(12, 2), Err(Defect::Version));
    assert_eq!(with(14, 1), Err(Defect::Length));
    assert_eq!(with(15, 0x40), Err(Defect::Length));
    assert_eq!(with(16, 1), Err(Defect::Length));
    assert_eq!(with(18, 1), Err(Defect::Length));
    assert_eq!(with(21, 0x80), Err(Defect::Content), "more answers than instructions");
    let first_gate = HEADER + usize::from(u16::from_le_bytes([good[14], good[15]]));
    assert_eq!(with(HEADER, 0x70), Err(Defect::Content), "an operand of seven bytes");
    assert_eq!(with(first_gate + 1, 0x80), Err(Defect::Content));
    let last_name = good.len() - "kexec_file_load".len();
    assert_eq!(with(last_name - 1, 0x40), Err(Defect::Content));
    assert_eq!(with(good.len() - 1, 0x80), Err(Defect::Content));
    assert_eq!(Image::parse(&good, I386), Err(Defect::Architecture));
    assert_eq!(Image::parse(b"#!/bin/sh\n", X86_64.audit), Err(Defect::NotAPolicy));
    let endless = vec![0; MAX_INSTRUCTIONS + 1];
    let header =
        [&good[..14], &u16::try_from(endless.len()).unwrap().to_le_bytes(), &[0; 4], &[1, 0]].concat();
    assert_eq!(Image::parse(&[header, endless].concat(), X86_64.audit), Err(Defect::Content));
    let longer = [&good[..], &[0]].concat();
    assert_eq!(Image::parse(&longer, X86_64.audit), Err(Defect::Length));
}

#[test]
fn an_image_cut_anywhere_is_refused() {
    let good = compile(DEFAULT, &X86_64).unwrap();
    for len in 0..good.len() {
        assert!(Image::parse(&good[..len], X86_64.audit).is_err(), "{len} bytes");
    }
}

#[test]
fn the_longest_possible_image_fits_a_readers_buffer() {
    let names: Vec<&str> = X86_64.calls().map(|(_, name)| name).collect();
    let text = format!("default ENOSYS # x\nkill {} # x\n", names.join(" "));
    // Header and program are small here: nearly all of it is names.
    let names = compile(&text, &X86_64).unwrap().len();
    // A gate, a test and an answer are at least three instructions.
    let gates = MAX_INSTRUCTIONS / 3 * GATE;
    assert!(MAX_INSTRUCTIONS * INSTRUCTION + gates + names <= MAX_IMAGE);
}

#[test]
fn a_program_longer_than_a_branch_reaches_is_still_right() {
    // Few kills, far from the program's start: the first branch needs a kill of its own.
    let mut text = String::from("default ENOSYS # x\nkill file_setattr # x\n");
    for (index, (_, name)) in X86_64.calls().filter(|(_, name)| *name != "file_setattr").enumerate() {
        let verb = ["allow", "EPERM", "EINVAL"][index % 3];
        text += &format!("{verb} {name} # x\n");
    }
    let policy = Policy::parse(&text, &X86_64).unwrap();
    let filter = Filter::new(&policy);
    assert!(filter.len(NONE) > 255);
    for number in (0..500).chain([0x4000_0000, 0x8000_0000]) {
        let said = filter.answer_number(NONE, X86_64.audit, number, &[]);
        assert_eq!(said, meaning(&policy, NONE, number, &[0; 6]), "{number}");
        assert_eq!(filter.answer_number(NONE, I386, number, &[]), Action::Kill, "{number}");
    }
}

/// A policy of random lines, rendered as text.
fn policies() -> impl Strategy<Value = String> {
    let verb = prop::sample::select(vec!["allow", "kill", "succeed", "EPERM", "ENOSYS", "EINVAL"]);
    let op = prop::sample::select(vec!["==", "!=", "<=", ">=", "& 0xff0f ==", "& 0x0 =="]);
    let value = prop::sample::select(vec!["0", "1", "255", "0x7000", "0x100", "0xf00"]);
    let wide = prop::sample::select(vec!["", ":64"]);
    let test = (0..6u8, wide, op, value).prop_map(|(arg, wide, op, value)| match op {
        "& 0xff0f ==" if value == "255" || value == "1" => format!("arg{arg}{wide} {op} 0x7000"),
        "& 0xff0f ==" | "& 0x0 ==" => format!("arg{arg}{wide} & 0xff0f == 0xf00"),
        _ => format!("arg{arg}{wide} {op} {value}"),
    });
    let net = prop::sample::select(vec![
        "",
        " and net == none",
        " and net != loopback and devices == host",
        " and devices != host",
    ]);
    let conditional = (verb.clone(), prop::collection::vec(test, 1..4), net);
    let call = (prop::collection::vec(conditional, 0..12), verb.clone());
    let count = X86_64.calls().count();
    let calls = prop::collection::btree_map(0..count, call, 0..90);
    (verb, calls).prop_map(|(default, calls)| {
        let known: Vec<&str> = X86_64.calls().map(|(_, name)| name).collect();
        let mut text = format!("default {default} # any\n");
        for (index, (lines, last)) in calls {
            let mut seen = Vec::new();
            for (verb, tests, net) in lines {
                let tests = format!("{}{net}", tests.join(" and "));
                if !seen.contains(&tests) {
                    text += &format!("{verb} {} when {tests} # any\n", known[index]);
                    seen.push(tests);
                }
            }
            text += &format!("{last} {} # any\n", known[index]);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_program_means_what_its_policy_says(text in policies(), seeds in prop::collection::vec(any::<u64>(), 6)) {
        let policy = Policy::parse(&text, &X86_64).unwrap();
        let filter = Filter::new(&policy);
        for number in 0..480 {
            for seed in &seeds {
                // Small values in both halves: equality and masks are hit, and upper halves matter.
                let arguments = std::array::from_fn(|n| {
                    let bits = seed.rotate_left(7 * n as u32);
                    let pick = [0, 1, 255, 0x7000, 0x100, 0xf00, 0xf0f, bits][bits as usize % 8];
                    if bits & 0x100 == 0 { pick & 0xffff_ffff } else { pick | bits << 32 }
                });
                for mode in 0..MODES {
                    let said = filter.answer_number(mode, X86_64.audit, number, &arguments);
                    prop_assert_eq!(said, meaning(&policy, mode, number, &arguments), "{} {:?}\n{}", number, arguments, text);
                }
            }
        }
    }
}

#[test]
fn seccompilers_own_filter_allows_exactly_the_same_numbers() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
    // Unconditional lines only: seccompiler has one answer for what matches.
    let policy = Policy::parse(DEFAULT, &X86_64).unwrap();
    let plain = |number: &u32| policy.calls[number].len() == 1;
    let allowed = policy.calls.keys().filter(|n| plain(n) && policy.calls[n][0].action == Action::Allow);
    let rules = allowed.map(|number| (i64::from(*number), vec![])).collect();
    let (no, yes) = (SeccompAction::Errno(38), SeccompAction::Allow);
    let list: BpfProgram =
        SeccompFilter::new(rules, no, yes, TargetArch::x86_64).unwrap().try_into().unwrap();
    let list = list.into_iter().map(Into::into).collect();
    let (ours, theirs) = (Filter::new(&policy), Filter::of_program(list));
    for number in (0..700).filter(|number| !policy.calls.contains_key(number) || plain(number)) {
        let ours = ours.answer_number(NONE, X86_64.audit, number, &[]) == Action::Allow;
        let theirs = theirs.answer_number(NONE, X86_64.audit, number, &[]) == Action::Allow;
        assert_eq!(ours, theirs, "{number}");
    }
}
