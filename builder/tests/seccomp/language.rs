//! The policy language: every mistake is refused with its place and its cause, and no text makes the parser panic.

use builder::error::Error;
use builder::tool::seccomp::CompileRequest;
use builder::tool::seccomp::policy::arch::X86_64;
use builder::tool::seccomp::policy::compile;
use builder::tool::seccomp::policy::rules::{Action, Policy};
use bundle::{Access, FileError};
use proptest::prelude::*;

use crate::machine::{DEFAULT, Filter, HOST, LOOPBACK, NONE};

/// The message for a policy of this line and a valid default.
fn mistake(line: &str) -> String {
    let text = format!("default ENOSYS # unknown\n{line}\n");
    Policy::parse(&text, &X86_64).expect_err(line).to_string()
}

#[test]
fn mistakes_have_a_line_a_column_and_a_cause() {
    let table = [
        ("permit read # x", "2:1: `permit` is no verb: allow, succeed, kill, default or an errno"),
        ("EWHAT read # x", "2:1: `EWHAT` is no verb: allow, succeed, kill, default or an errno"),
        ("allow # x", "2:7: the name of a system call is missing"),
        ("allow read opne # x", "2:12: `opne` is no system call"),
        ("allow read", "2:11: the line gives no reason: end it with `# why`"),
        ("allow read #", "2:12: the line gives no reason: end it with `# why`"),
        ("allow read # #", "2:12: the line gives no reason: end it with `# why`"),
        ("allow read#x # y", "2:7: `read#x` is no system call"),
        ("allow ioctl when # x", "2:18: a test is missing"),
        ("allow ioctl when arg6 == 1 # x", "2:18: `arg6` is none of arg0 to arg5, net, devices, binds"),
        ("allow ioctl when arg == 1 # x", "2:18: `arg` is none of arg0 to arg5, net, devices, binds"),
        ("allow ioctl when arg1:32 == 1 # x", "2:18: `arg1:32` is none of arg0 to arg5, net, devices, binds"),
        ("allow ioctl when arg1 # x", "2:23: a comparison is missing"),
        ("allow ioctl when arg1 = 1 # x", "2:23: `=` is no comparison that fits here"),
        ("allow ioctl when arg1 == # x", "2:26: a number is missing"),
        ("allow ioctl when arg1 == TIOCST # x", "2:26: `TIOCST` is neither a number nor a constant"),
        ("allow ioctl when arg1 == 0xg # x", "2:26: `0xg` is neither a number nor a constant"),
        ("allow ioctl when arg1 == -1 # x", "2:26: `-1` is neither a number nor a constant"),
        ("allow ioctl when arg1 == +1 # x", "2:26: `+1` is neither a number nor a constant"),
        ("allow ioctl when arg1 == 0x # x", "2:26: `0x` is neither a number nor a constant"),
        ("allow ioctl when arg1 == 1| # x", "2:26: `` is neither a number nor a constant"),
        (
            "allow ioctl when arg1 == 0x100000000 # x",
            "2:26: `0x100000000` needs more than 32 bits: compare `argN:64`",
        ),
        ("allow ioctl when arg1 & 1 != 1 # x", "2:27: `!=` is no comparison that fits here"),
        ("allow ioctl when arg1 & 1 == 2 # x", "2:30: this test can never hold"),
        ("allow ioctl when arg1 < 0 # x", "2:25: this test can never hold"),
        ("allow ioctl when arg1 > 0xffffffff # x", "2:25: this test can never hold"),
        ("allow ioctl when arg1 == 1 arg2 == 2 # x", "2:28: `arg2` is a word too many"),
        ("allow ioctl when arg1 == 1 and # x", "2:32: a test is missing"),
        ("allow ioctl when net == local # x", "2:25: `local` is none of none, loopback, host"),
        ("allow ioctl when devices == none # x", "2:29: `none` is none of own, host"),
        ("allow ioctl when binds == own # x", "2:27: `own` is none of read-only, writable"),
        ("allow ioctl when devices == own and devices != own # x", "2:48: this test can never hold"),
        ("allow ioctl when devices != host # x", "2:1: `ioctl` needs a last line without `when`"),
        ("allow ioctl when net > none # x", "2:22: `>` is no comparison that fits here"),
        ("allow ioctl when net == none and net == host # x", "2:41: this test can never hold"),
        ("allow ioctl when arg1 == 1 # x", "2:1: `ioctl` needs a last line without `when`"),
        ("allow ioctl when net != host # x", "2:1: `ioctl` needs a last line without `when`"),
        (
            "allow read # x\nkill write read # y",
            "3:12: `read` is decided by line 2 already, this line cannot apply",
        ),
        ("allow read read # x", "2:12: `read` is decided by line 2 already, this line cannot apply"),
        (
            "EPERM ioctl when arg1 == 1 # x\nkill ioctl when arg1 == 1 # y",
            "3:6: `ioctl` has the same test in line 2",
        ),
        ("default EPERM # x", "2:1: line 1 gives the default already"),
        ("default # x", "2:9: the answer is missing"),
        ("default EPERM read # x", "2:15: `read` is a word too many"),
        ("\tallow\u{a0}rëad # x", "2:8: `rëad` is no system call"),
    ];
    for (line, expected) in table {
        assert_eq!(mistake(line), expected, "{line}");
    }
}

#[test]
fn a_policy_without_a_default_is_refused() {
    assert_eq!(Policy::parse("", &X86_64).unwrap_err().to_string(), "1:1: no line gives the default");
    assert_eq!(
        Policy::parse("allow read # x\n\n", &X86_64).unwrap_err().to_string(),
        "2:1: no line gives the default"
    );
}

#[test]
fn the_first_mistake_from_the_top_is_reported() {
    let text = "default ENOSYS # x\nallow a # x\nallow b # x\nallow ioctl when arg0 == 1 # x";
    assert_eq!(Policy::parse(text, &X86_64).unwrap_err().to_string(), "2:7: `a` is no system call");
}

#[test]
fn a_program_too_long_for_init_is_refused() {
    let mut text = String::from("default ENOSYS # x\n");
    for number in 0..400 {
        text += &format!("EPERM ioctl when arg1 & 0xffff == {number} # x\n");
    }
    text += "allow ioctl # x\n";
    let message = compile(&text, &X86_64).unwrap_err().to_string();
    assert_eq!(message, "402:1: the policy needs 1221 instructions, more than 1024");
}

#[test]
fn all_64_bits_are_compared_only_where_that_is_said() {
    let text = "default ENOSYS # x\nkill read when arg2:64 == 1 # x\nallow read # x\n\
                kill write when arg2 == 1 # x\nallow write # x\n";
    let filter = Filter::new(&Policy::parse(text, &X86_64).unwrap());
    let high = 1 << 32 | 1;
    assert_eq!(filter.answer(NONE, "read", &[0, 0, 1]), Action::Kill);
    assert_eq!(filter.answer(NONE, "read", &[0, 0, high]), Action::Allow);
    assert_eq!(filter.answer(NONE, "write", &[0, 0, high]), Action::Kill);
}

#[test]
fn constants_join_and_lines_apply_from_the_top() {
    let text = "default ENOSYS # x\nEPERM openat when arg2 & 0x1|2 == 2 and net == host # x\n\
                EINVAL openat when arg2 & 3 == 2 # x\nallow openat # x\n";
    let filter = Filter::new(&Policy::parse(text, &X86_64).unwrap());
    assert_eq!(filter.answer(HOST, "openat", &[0, 0, 2]), Action::Errno(1));
    assert_eq!(filter.answer(LOOPBACK, "openat", &[0, 0, 2]), Action::Errno(22));
    assert_eq!(filter.answer(LOOPBACK, "openat", &[0, 0, 3]), Action::Allow);
}

#[test]
fn no_line_of_the_default_policy_is_longer_than_a_wide_screen() {
    let long = DEFAULT.lines().filter(|line| line.chars().count() > 200).count();
    assert_eq!(long, 0);
}

#[test]
fn compiling_a_file_writes_next_to_it_and_gives_the_length_of_the_programs() {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("mine.policy");
    std::fs::write(
        &policy,
        "default kill # x\nallow read write close execve exit_group clock_gettime sendmsg # x\n",
    )
    .unwrap();
    let request = CompileRequest { policy, arch: &X86_64, output: None };
    let compiled = builder::tool::seccomp::compile(&request).unwrap();
    assert_eq!(compiled.output, directory.path().join("mine.bpf"));
    assert!(compiled.instructions > 3);
    assert!(std::fs::read(compiled.output).unwrap().starts_with(b"capsule\xb5"));
}

#[test]
fn a_mistake_names_the_file_and_leaves_no_output() {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("mine.policy");
    std::fs::write(&policy, "default kill # x\nallow raed # x\n").unwrap();
    let error = builder::tool::seccomp::compile(&CompileRequest {
        policy: policy.clone(),
        arch: &X86_64,
        output: None,
    })
    .unwrap_err();
    let expected = format!("`{}:2:7` `raed` is no system call", policy.display());
    assert_eq!(error.to_string(), expected);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn the_command_says_what_is_wrong_in_one_line_and_fails() {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("mine.policy");
    let compile = || {
        let capsule = std::process::Command::new(env!("CARGO_BIN_EXE_capsule"))
            .args(["seccomp", "compile"])
            .arg(&policy)
            .output()
            .unwrap();
        (capsule.status.code(), String::from_utf8(capsule.stderr).unwrap())
    };
    let path = policy.display();
    assert_eq!(compile(), (Some(1), format!("error: `{path}` cannot be read: no such file or directory\n")));
    std::fs::write(&policy, "default EPERM\n").unwrap();
    let reason = "the line gives no reason: end it with `# why`";
    assert_eq!(compile(), (Some(1), format!("error: `{path}:1:14` {reason}\n")));
    std::fs::write(&policy, "default allow # x\n").unwrap();
    let (code, stderr) = compile();
    assert!(code == Some(0) && stderr.ends_with("mine.bpf: 7 instructions\n"), "{stderr}");
}

#[test]
fn a_policy_under_which_init_could_start_nothing_is_refused() {
    let compile =
        |text: &str| Policy::parse(text, &X86_64).unwrap().can_start().map_err(|mistake| mistake.to_string());
    let rest = "has to be allowed: init makes it itself, once the filter is there";
    assert_eq!(compile("default kill # x\n"), Err(format!("1:1: `clock_gettime` {rest}")));
    let execve = "default allow # x\n\nkill execve when net == host # x\nallow execve # x\n";
    assert_eq!(compile(execve), Err(format!("4:1: `execve` {rest}")));
    assert_eq!(compile("default allow # x\nEPERM write # x\n"), Err(format!("2:1: `write` {rest}")));
    assert_eq!(compile(DEFAULT), Ok(()));
}

#[test]
fn a_missing_policy_and_an_unwritable_output_are_different_errors() {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("no.policy");
    let missing = builder::tool::seccomp::compile(&CompileRequest {
        policy: policy.clone(),
        arch: &X86_64,
        output: None,
    });
    assert!(matches!(missing, Err(Error::File(FileError { access: Access::Read, .. }))));
    std::fs::write(&policy, "default allow # x\n").unwrap();
    let output = Some(directory.path().join("no/such/place.bpf"));
    let unwritable = builder::tool::seccomp::compile(&CompileRequest { policy, arch: &X86_64, output });
    assert!(matches!(unwritable, Err(Error::File(FileError { access: Access::Write, .. }))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_the_parser_panic(text in "(\\PC|[ \t\n#|:&=]){0,200}") {
        if let Err(mistake) = compile(&text, &X86_64) {
            prop_assert!(mistake.line >= 1 && mistake.line <= text.lines().count().max(1));
            prop_assert!(mistake.column >= 1);
        }
    }

    #[test]
    fn no_shuffle_of_the_languages_own_words_makes_it_panic(words in prop::collection::vec(
        prop::sample::select(vec!["allow", "kill", "succeed", "EPERM", "default", "read", "ioctl", "socket", "when",
            "and", "arg0", "arg5:64", "net", "==", "!=", "<", ">=", "&", "0", "0xffffffff", "18446744073709551615",
            "AF_UNIX|1", "none", "host", "#", "# why", "\n", "\n", "\r\n", "\u{a0}", "é"]), 0..60)) {
        let text = words.join(" ");
        if let Err(mistake) = compile(&text, &X86_64) {
            let line = text.lines().nth(mistake.line - 1).unwrap_or("");
            prop_assert!(mistake.column <= line.chars().count() + 1, "{mistake} in {line:?}");
        }
    }

    #[test]
    fn no_damage_to_the_default_policy_makes_it_panic(at in 0..DEFAULT.len(), len in 0..40_usize, with in "\\PC{0,8}") {
        let mut bytes = DEFAULT.as_bytes().to_vec();
        let end = (at + len).min(bytes.len());
        bytes.splice(at..end, with.bytes());
        let _ = compile(&String::from_utf8_lossy(&bytes), &X86_64); // any answer, but an answer
    }
}
