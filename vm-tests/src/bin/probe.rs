//! The hostile program: `probe attack FAMILY/NAME CANARY PID PORT SOCKET`, `probe verdict NAME [ARGUMENT]`,
//! `probe channel NAME plant|look TOKEN`, or `probe rate NAME send|receive BITS SLOT START`.

use std::process::ExitCode;

use vm_tests::probe::{self, Target, channel, rate, workload};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match args[..] {
        ["attack", name, canary, pid, port, socket] => {
            probe::attack(name, &Target::new(canary, pid, port, socket))
        }
        ["verdict", name, ref rest @ ..] => workload::run(name, rest),
        ["channel", name, side, token] => channel::run(name, side, token),
        ["rate", name, side, bits, slot, start] => {
            rate::run(name, side, [bits, slot, start].map(|number| number.parse().unwrap_or(0)))
        }
        _ => {
            eprintln!(
                "error: arguments are `attack NAME CANARY PID PORT SOCKET`, `verdict NAME`, `channel NAME SIDE TOKEN` or `rate NAME SIDE BITS SLOT START`"
            );
            ExitCode::FAILURE
        }
    }
}
