//! The hostile program: `probe attack FAMILY/NAME CANARY PID PORT SOCKET`, `probe verdict NAME [ARGUMENT]`, or
//! `probe channel NAME plant|look TOKEN`.

use std::process::ExitCode;

use vm_tests::probe::{self, Target, channel, workload};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match args[..] {
        ["attack", name, canary, pid, port, socket] => {
            probe::attack(name, &Target::new(canary, pid, port, socket))
        }
        ["verdict", name, ref rest @ ..] => workload::run(name, rest),
        ["channel", name, side, token] => channel::run(name, side, token),
        _ => {
            eprintln!(
                "error: arguments are `attack NAME CANARY PID PORT SOCKET`, `verdict NAME` or `channel NAME SIDE TOKEN`"
            );
            ExitCode::FAILURE
        }
    }
}
