//! `capsule shell` on a terminal: tmux is the terminal, and types.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::have::have;
use crate::scene::{HANG, Said, Scene, needs_root};

/// A terminal of its own server, which ends with it.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// Runs `command` in a window of 100 columns and 30 lines.
    fn open(command: &str) -> Terminal {
        let terminal = Terminal { socket: format!("capsule-test-{}", std::process::id()) };
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", command]);
        terminal
    }

    fn tmux(&self, words: &[&str]) -> String {
        let output =
            Command::new("tmux").args(["-L", &self.socket]).args(words).output().expect("tmux starts");
        assert!(output.status.success(), "tmux {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn types(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn resizes(&self, columns: &str, lines: &str) {
        self.tmux(&["resize-window", "-x", columns, "-y", lines]);
    }

    /// Waits until a line of the screen is `line`, or starts with it as vim's last one does with a message.
    fn shows(&self, line: &str) {
        self.wait_for(line, |screen| screen.lines().any(|shown| is_line(shown, line)));
    }

    /// Types keys, again after each second, until a line of the screen is `line`.
    fn shows_after(&self, keys: &[&str], line: &str) {
        let start = Instant::now();
        while start.elapsed() < HANG {
            self.types(keys);
            for _ in 0..20 {
                if self.tmux(&["capture-pane", "-p"]).lines().any(|shown| is_line(shown, line)) {
                    return;
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("no `{line}` on the screen:\n{}", self.tmux(&["capture-pane", "-p"]));
    }

    /// Waits until the screen has `text` anywhere.
    fn shows_part(&self, text: &str) {
        self.wait_for(text, |screen| screen.contains(text));
    }

    fn wait_for(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let start = Instant::now();
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if is_there(&screen) {
                return;
            }
            assert!(start.elapsed() < HANG, "no `{what}` on the screen:\n{screen}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn is_line(shown: &str, line: &str) -> bool {
    shown.trim() == line || shown.starts_with(&format!("{line}  "))
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A server that has ended by itself is as good.
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}

#[test]
fn a_shell_has_job_control_and_vim_edits_and_follows_the_windows_size() {
    needs_root!();
    if !have(Path::new("/usr/bin/tmux"), "tmux") {
        return;
    }
    let scene = Scene::new();
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/../recipes/default.toml");
    scene.succeeds(&format!("build -r {recipe} -o B"));
    let (capsule, bundle) = (env!("CARGO_BIN_EXE_capsule"), scene.path("B"));
    let terminal = Terminal::open(&format!("{capsule} shell {}; echo code$?; sleep 60", bundle.display()));

    terminal.types(&["PS1='> '; whoami; tty", "Enter"]);
    terminal.shows("judge");
    terminal.shows("/dev/pts/0");

    // What the command prints shows that the shell has handed the terminal over. Until then C-c and C-z would be the
    // shell's, and make the terminal forget what was typed before them (termios(3), NOFLSH).
    terminal.types(&["sh -c 'echo $((6 * 7)); exec sleep 600'", "Enter"]);
    terminal.shows("42");
    terminal.types(&["C-c"]);
    terminal.shows(">");
    terminal.types(&["echo int$?", "Enter"]);
    terminal.shows("int130");
    terminal.types(&["sh -c 'echo $((6 * 9)); exec sleep 600'", "Enter"]);
    terminal.shows("54");
    terminal.types(&["C-z"]);
    terminal.shows_part("Stopped");
    terminal.types(&["kill %1; echo stopped$?", "Enter"]);
    terminal.shows("stopped0");

    terminal.types(&["clear; vim /tmp/written", "Enter"]);
    terminal.shows("~");
    terminal.types(&["ihello from vim", "Escape"]);
    terminal.shows("hello from vim");
    terminal.resizes("90", "20");
    // Asked again: drawing the screen for a new size, vim forgets a message.
    terminal.shows_after(&[":echo &lines . 'x' . &columns", "Enter"], "20x90");
    terminal.types(&[":wq", "Enter"]);
    terminal.shows(">"); // vim drops what is typed while it leaves
    terminal.types(&["clear; wc -c < /tmp/written; stty size", "Enter"]);
    terminal.shows("15");
    terminal.shows("20 90");

    terminal.types(&["exit 7", "Enter"]);
    terminal.shows("code7");
}

#[test]
fn a_shell_without_a_terminal_reads_its_input_and_ends() {
    needs_root!();
    let scene = Scene::with_bash();
    let input = scene.file("input", "echo $((6 * 7)); exit 7\n");
    for (input, expected) in [(Path::new("/dev/null"), (0, "")), (&input, (7, "42\n"))] {
        let mut shell = scene.command();
        let said = Said::of(shell.args(["shell", "B"]).stdin(fs::File::open(input).expect("there")));
        assert_eq!((said.code, said.stdout.as_str()), expected, "{said:?}");
    }
}
