//! The commands of init, by the name of its first argument.

use crate::guard::Guard;
use crate::options::{self, Options, help};
use crate::outcome::exit_code;
use crate::print::{eprint, print};
use crate::sys::Args;
use crate::text::Text;
use crate::{clock, supervise};

const USAGE: &[u8] = b"       init run --help
       init guards
       init --version

As PID 1 of a machine init boots it. `init run --help` explains the options.
";

/// Does one command and returns the exit code. `argv` is the process's whole argument vector, to be wiped where the
/// sandbox could see it.
pub(crate) fn command(args: Args<'_>, argv: Args<'_>) -> u8 {
    // Before the command line is read: `setup_us` counts from here.
    let started = clock::now();
    match args.get(0).map(|arg| arg.to_bytes()) {
        Some(b"run") => run(args.from(1), argv, started),
        Some(b"guards") => {
            Guard::ALL.iter().for_each(|guard| print(1, &[guard.name(), b"\n"]));
            0
        }
        Some(b"--version") => {
            print(1, &[b"init ", env!("INIT_VERSION").as_bytes(), b"\n"]);
            0
        }
        Some(b"--help") => {
            print(1, &[help::HEAD, USAGE]);
            0
        }
        Some(arg) => {
            print(2, &[b"init: unknown command `", arg, b"`\n", help::HEAD, USAGE]);
            exit_code::SANDBOX_ERROR
        }
        None => {
            print(2, &[help::HEAD, USAGE]);
            exit_code::SANDBOX_ERROR
        }
    }
}

fn run(args: Args<'_>, argv: Args<'_>, started: u64) -> u8 {
    if args.get(0) == Some(c"--help") {
        help::print(|bytes| print(1, &[bytes]));
        return 0;
    }
    let mut options = Options::new(args.from(args.len()));
    match options::parse_into(&mut options, args) {
        Ok(()) => supervise::run(&options, argv, started),
        Err(error) => {
            let mut line = [0; 1024];
            let mut line = Text::new(&mut line);
            error.render(&mut line);
            eprint(line.as_bytes());
            if let Some(destination) = options::report_of_refused(args) {
                supervise::report_refused(destination, line.as_bytes());
            }
            exit_code::SANDBOX_ERROR
        }
    }
}
