//! The help, made from the table of options.

use crate::options::{OPTIONS, Spec, Takes};

/// What `--help` prints.
pub(crate) fn help() -> String {
    let mut text = "Usage: isolate [OPTION…] COMMAND\n\nOptions:\n".to_owned();
    let offered = OPTIONS.iter().filter(|spec| !spec.help.1.is_empty());
    for spec in offered {
        if spec.long == "init" {
            text.push_str("\nCommands:\n");
        }
        let short = spec.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
        text.push_str(&format!("{short}--{:<27}{}\n", form(spec), spec.help.1));
    }
    text + "\nOptions that isolate 1 had or that change nothing here: --cg-timing, --no-cg-timing, --core=KIB\n"
}

fn form(spec: &Spec) -> String {
    match spec.takes {
        Takes::Nothing => spec.long.to_owned(),
        Takes::Value => format!("{}={}", spec.long, spec.help.0),
        Takes::MaybeValue => format!("{}[={}]", spec.long, spec.help.0),
    }
}
