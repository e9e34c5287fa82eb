//! What the command line says about itself: completions, manual pages, and the page for a caller without arguments.

use std::fs;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::error::Error;

/// Printed when `capsule` is called without arguments.
pub(super) const FIRST_STEPS: &str = "\
capsule turns a list of programs into a judge sandbox, and a submission into its result.

  capsule build bash ls cat -o bundle                  make a sandbox that holds these programs
  capsule run bundle --cpu-time 1s -- bash -c 'ls /'   run a command in it
  capsule doctor                                       what this host can enforce

`capsule --help` lists all commands, `capsule COMMAND --help` explains one.
";

/// The script that completes a shell's command line.
pub(super) fn completions(shell: Shell, mut command: Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "capsule", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page of capsule or of one of its commands, in roff(7).
pub(super) fn manual_page(name: Option<&str>, command: Command) -> Result<String, Error> {
    let pages = pages(command);
    let wanted = name.map_or_else(|| "capsule".to_owned(), |name| format!("capsule-{name}"));
    match pages.into_iter().find(|(name, _)| *name == wanted) {
        Some((_, text)) => Ok(text),
        None => Err(Error::Usage {
            what: format!("no command is called `{}`", name.unwrap_or_default()),
            hint: "`capsule --help` lists all commands",
        }),
    }
}

/// Writes all manual pages to a directory, which is made where it is missing: what `just install` does.
pub(super) fn write_manual_pages(directory: &Path, command: Command) -> Result<String, Error> {
    fs::create_dir_all(directory).map_err(|error| Error::write(directory, error))?;
    let mut names = String::new();
    for (name, text) in pages(command) {
        let path = directory.join(format!("{name}.1"));
        fs::write(&path, text).map_err(|error| Error::write(&path, error))?;
        names += &format!("{}\n", path.display());
    }
    Ok(names)
}

/// The pages by name: capsule's own, then one for each command and for each command of a command.
fn pages(command: Command) -> Vec<(String, String)> {
    let mut command = command;
    command.build();
    let mut pages = Vec::new();
    collect(&command, "capsule", &mut pages);
    pages
}

fn collect(command: &Command, name: &str, pages: &mut Vec<(String, String)>) {
    let mut text = Vec::new();
    let page = Man::new(command.clone().name(name.to_owned().leak() as &'static str));
    // A vector takes all that is written to it.
    page.render(&mut text).expect("written to memory");
    pages.push((name.to_owned(), String::from_utf8_lossy(&text).into_owned()));
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        collect(sub, &format!("{name}-{}", sub.get_name()), pages);
    }
}
