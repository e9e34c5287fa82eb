//! What passes through the streams: long ones whole, files as files, and nothing lost of what a program wrote.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::streams::{Run, small_pipe, status};

/// As a runtime does that keeps its output in a queue of its own: what the pipe does not take at once is dropped.
const HASTY: &str = r#"perl -e '
    my $one = pack "i", 1;
    ioctl STDOUT, 0x5421, $one;
    fcntl STDOUT, 4, 04001;
    syswrite STDOUT, sprintf "%07d\n", $_ for 1 .. 40000;
'"#;

#[test]
fn a_program_that_does_not_wait_for_its_reader_loses_nothing() {
    const ALL: usize = 40_000 * 8;
    for by_user in [false, true] {
        let (mut reader, writer) = small_pipe();
        let run = Run::new("--wall-time 20s", HASTY).stdout(writer);
        let run = if by_user { run.by_user() } else { run }.start();
        thread::sleep(Duration::from_millis(200));
        let mut all = Vec::new();
        reader.read_to_end(&mut all).expect("read");
        let (code, report) = run.ended();
        assert_eq!((code, status(&report), all.len()), (0, "ok", ALL), "{report}");

        let run = Run::new("--wall-time 20s --stdout out", HASTY);
        let path = run.scene.path("out");
        let mut run = if by_user { run.by_user() } else { run }.start();
        let (code, report) = run.finished();
        let written = fs::metadata(path).map(|file| file.len()).unwrap_or(0);
        assert_eq!((code, status(&report), written), (0, "ok", ALL as u64), "{report}");
    }
}

const COPY: &str = "exec perl -e 'binmode STDIN; while (sysread STDIN, $_, 65536) { print }'";

/// More than any pipe holds, and not in whole pages.
fn much() -> Vec<u8> {
    (0..3_000_017_u32).map(|at| (at / 7 % 251) as u8).collect()
}

/// Makes an end that may be a file of this path.
type Open = fn(&Path) -> Stdio;

#[test]
fn a_long_stream_arrives_whole_through_every_kind_of_end() {
    let much = much();
    let ends: [(&str, Open); 4] = [
        ("a pipe", |_| Stdio::piped()),
        ("a file", |path| File::create(path).expect("made").into()),
        // splice(2) refuses it.
        ("a file that grows", |path| {
            File::options().append(true).create(true).open(path).expect("made").into()
        }),
        ("/dev/full", |_| File::options().write(true).open("/dev/full").expect("opened").into()),
    ];
    for (name, end) in ends {
        let mut run = Run::new("--wall-time 20s", COPY).stdin(Stdio::piped());
        let path = run.scene.path("out");
        run.command.stdout(end(&path));
        let mut run = run.start();
        let (mut to, from) = (run.child.stdin.take().expect("a pipe"), run.child.stdout.take());
        let bytes = much.clone();
        let feeder = thread::spawn(move || to.write_all(&bytes));
        let mut copy = Vec::new();
        match from {
            Some(mut from) => from.read_to_end(&mut copy).map(drop).expect("read"),
            None => run.child.wait().map(drop).expect("waited"),
        }
        let fed = feeder.join().expect("it ends");
        let (code, report) = run.finished();
        if name == "/dev/full" {
            assert_eq!((code, status(&report)), (125, "sandbox-error"), "{report}");
            assert_eq!(report["error"]["errno"], "ENOSPC", "{report}");
            continue;
        }
        fed.expect("all was taken");
        let copy = if copy.is_empty() { fs::read(path).expect("written") } else { copy };
        assert_eq!((code, status(&report)), (0, "ok"), "{name}: {report}");
        assert!(copy == much, "{name}: {} of {} bytes, or others", copy.len(), much.len());
        assert_eq!(report["stdout_bytes"], much.len(), "{name}: {report}");
    }
}

/// What a fast reader does with its input, and what an attacker would.
const FILE: &str = r#"exec perl -e '
    my $size = (stat STDIN)[7];
    -f STDIN or die "not a file";
    sysseek(STDIN, 0, 2) == $size or die "no seek";
    syscall(9, 0, 4096, 1, 1, 0, 0) > 0 or die "no map: $!";
    syscall(9, 0, 4096, 3, 1, 0, 0) == -1 or die "a map to write";
    open my $again, "<", "/dev/stdin" or die "not by name: $!";
    sysread $again, my $start, 5;
    my $link = readlink "/proc/self/fd/0";
    $link eq "/" or $link =~ m{^/memfd:} or die "a path: $link";
    open my $mounts, "<", "/proc/self/mountinfo" or die;
    /input/ and die "a mount: $_" while <$mounts>;
    chmod 0666, "/dev/stdin";
    for my $mode ("+<", ">", ">>") {
        open my $file, $mode, "/dev/stdin" or next;
        syswrite($file, "changed") and die "written";
        truncate($file, 0) and die "cut";
    }
    print "$size $start";
'"#;

/// An input of one of the sizes that are treated differently, for every user or its owner alone.
fn input(run: &Run, bytes: usize, mode: u32) -> PathBuf {
    let path = run.scene.path("input");
    fs::write(&path, format!("start{}", "x".repeat(bytes - 5))).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
    path
}

#[test]
fn a_file_as_stdin_can_be_sought_and_mapped_and_not_changed() {
    for (bytes, mode) in [(10_000, 0o644), (10_000, 0o600), (2_000_000, 0o666), (2_000_000, 0o600)] {
        for (by_user, option) in [(false, ""), (true, ""), (false, "--stdin input"), (false, "--userns")] {
            let run = Run::new(&format!("--wall-time 20s --stdout out {option}"), FILE);
            let path = input(&run, bytes, mode);
            let run = match option {
                "--stdin input" => run,
                _ => run.stdin(File::options().read(true).write(true).open(&path).expect("opened")),
            };
            let out = run.scene.path("out");
            let mut run = if by_user { run.by_user() } else { run };
            run.command.stderr(Stdio::inherit());
            let mut run = run.start();
            let (code, report) = run.finished();
            let what = format!("{bytes} {mode:o} {by_user} {option}: {report}");
            assert_eq!((code, status(&report)), (0, "ok"), "{what}");
            assert_eq!(fs::read_to_string(out).expect("written"), format!("{bytes} start"), "{what}");
            let after = fs::read(path).expect("read");
            assert!(after.len() == bytes && after.starts_with(b"startx"), "{what}");
        }
    }
}

#[test]
fn a_file_as_stdin_shares_no_position_with_the_caller() {
    for bytes in [10_000, 2_000_000] {
        let run = Run::new("--wall-time 20s --stdout out", "read -N 3 x; echo $x");
        let mut file = File::open(input(&run, bytes, 0o644)).expect("opened");
        file.read_exact(&mut [0; 2]).expect("read");
        let out = run.scene.path("out");
        let mut run = run.stdin(file.try_clone().expect("copied")).start();
        let (code, report) = run.finished();
        assert_eq!((code, status(&report)), (0, "ok"), "{report}");
        // From where the caller was, which stays there.
        assert_eq!(fs::read_to_string(out).expect("written"), "art\n");
        let mut rest = [0; 4];
        file.read_exact(&mut rest).expect("read");
        assert_eq!(&rest, b"artx");
    }
}

#[test]
fn a_file_as_stdin_that_was_deleted_is_all_there() {
    let run = Run::new("--wall-time 20s --stdout out", COPY);
    let path = input(&run, 2_000_000, 0o644);
    let file = File::open(&path).expect("opened");
    fs::remove_file(path).expect("removed");
    let out = run.scene.path("out");
    let mut run = run.stdin(file).start();
    let (code, report) = run.finished();
    assert_eq!((code, status(&report)), (0, "ok"), "{report}");
    assert_eq!(fs::metadata(out).expect("written").len(), 2_000_000);
}
