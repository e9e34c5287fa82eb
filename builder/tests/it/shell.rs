//! `capsule shell` as somebody at a terminal has it: tmux is the terminal, and types.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::have;
use crate::scene::{Scene, needs_root};

/// A loaded machine takes its time; a healthy shell answers within a second.
const PATIENCE: Duration = Duration::from_secs(30);

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

    /// Types a key again and again until `text` is on the screen.
    fn types_until(&self, key: &str, text: &str) {
        let start = Instant::now();
        while !self.tmux(&["capture-pane", "-p"]).contains(text) {
            assert!(start.elapsed() < PATIENCE, "no `{text}` on the screen after {key}");
            self.types(&[key]);
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn resizes(&self, columns: &str, lines: &str) {
        self.tmux(&["resize-window", "-x", columns, "-y", lines]);
    }

    /// Waits until a line of the screen is `line`, or starts with it as vim's last one does with a message.
    fn shows(&self, line: &str) {
        let start = Instant::now();
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if screen.lines().any(|shown| shown.trim() == line || shown.starts_with(&format!("{line}  "))) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "no line `{line}` on the screen:\n{screen}");
            thread::sleep(Duration::from_millis(50));
        }
    }
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

    terminal.types(&["sleep 600", "Enter"]);
    terminal.shows("> sleep 600");
    terminal.types(&["C-c"]);
    terminal.types(&["echo int$?", "Enter"]);
    terminal.shows("int130");
    terminal.types(&["sleep 600", "Enter"]);
    terminal.types_until("C-z", "Stopped"); // heard only once the shell has handed the terminal over
    terminal.types(&["kill %1; echo stopped$?", "Enter"]);
    terminal.shows("stopped0");

    terminal.types(&["clear; vim /tmp/written", "Enter"]);
    terminal.shows("~");
    terminal.types(&["ihello from vim", "Escape"]);
    terminal.shows("hello from vim");
    terminal.resizes("90", "20");
    terminal.types(&[":echo &lines . 'x' . &columns", "Enter"]);
    terminal.shows("20x90");
    terminal.types(&[":wq", "Enter"]);
    terminal.shows(">"); // vim drops what is typed while it leaves
    terminal.types(&["clear; wc -c < /tmp/written; stty size", "Enter"]);
    terminal.shows("15");
    terminal.shows("20 90");

    terminal.types(&["exit 7", "Enter"]);
    terminal.shows("code7");
}
