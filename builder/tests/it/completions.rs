//! `capsule completions`: the completions that a shell then offers.

use std::process::Command;

use crate::scene::{Said, Scene};

#[test]
fn bash_completes_commands_options_and_their_values() {
    let scene = Scene::new();
    scene.file("completions", scene.succeeds("completions bash").stdout);
    for (line, words) in [
        ("capsule expl", "explain"),
        ("capsule build --cert", "--certificates"),
        ("capsule explain x --format d", "dot"),
        ("capsule pack tra", "trace"),
    ] {
        // As bash does it when the user presses tab, but without a terminal.
        let script = format!(
            ". ./completions; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \\
             _capsule capsule \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; echo \"${{COMPREPLY[*]}}\""
        );
        let said = Said::of(Command::new("bash").args(["-c", &script]).current_dir(scene.path("")));
        assert_eq!((said.stdout.trim_end(), said.stderr.as_str()), (words, ""), "{line}");
    }
    for shell in ["zsh", "fish"] {
        assert!(scene.succeeds(&format!("completions {shell}")).stdout.contains("certificates"), "{shell}");
    }
}
