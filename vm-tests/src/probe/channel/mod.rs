//! Channels between two runs at the same time: one plants a token and waits, the other looks for it.
//!
//! `probe channel NAME plant TOKEN` prints one line when the token is out, and takes it back when its standard input
//! ends. `probe channel NAME look TOKEN` prints a finding. Without a sandbox around them every channel carries: the
//! control that a look can find something.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use super::Finding;

mod files;
mod ipc;
mod locks;
mod processes;

/// One way from one run to another.
pub(crate) struct Channel {
    /// Unique.
    pub name: &'static str,
    /// Its rows in the catalogue of attacks.
    pub ids: &'static [&'static str],
    plant: fn(&Token) -> io::Result<Planted>,
    look: fn(&Token) -> Finding,
}

/// What was planted, with how it is taken back: whatever the closure holds stays until then.
type Planted = Box<dyn FnOnce()>;

/// What only the two runs know: 16 hexadecimal digits.
pub(crate) struct Token(String);

impl Token {
    /// A key for what is named by number.
    fn key(&self) -> i64 {
        i64::from_str_radix(self.0.get(..7).unwrap_or_default(), 16).unwrap_or(1)
    }

    /// A port that no service has.
    fn port(&self) -> u16 {
        20_000 + (self.key() % 10_000) as u16
    }
}

/// Every channel.
pub(crate) fn channels() -> impl Iterator<Item = &'static Channel> {
    [processes::CHANNELS, files::CHANNELS, ipc::CHANNELS, locks::CHANNELS].into_iter().flatten()
}

/// Does one side of one channel.
pub fn run(name: &str, side: &str, token: &str) -> ExitCode {
    let token = Token(token.to_string());
    let channel = channels().find(|channel| channel.name == name);
    let done = match (channel, side) {
        (Some(channel), "plant") => plant(channel, &token),
        (Some(channel), "look") => return super::print(&(channel.look)(&token)),
        _ => Err(io::Error::other("no such channel or side")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            println!("not planted: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// What the planter prints when the token is out.
pub(crate) const PLANTED: &str = "planted";

fn plant(channel: &Channel, token: &Token) -> io::Result<()> {
    // The sandbox may refuse: then there is nothing to see, and the look finds nothing.
    let planted = (channel.plant)(token);
    match &planted {
        Ok(_) => println!("{PLANTED}"),
        Err(cause) => println!("{PLANTED} nothing: {cause}"),
    }
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    if let Ok(take_back) = planted {
        take_back();
    }
    Ok(())
}

/// Nothing of the neighbour's was found.
fn nothing(what: impl Into<String>) -> Finding {
    Finding::blocked(what)
}

/// The neighbour was seen.
fn seen(what: impl Into<String>) -> Finding {
    Finding::escaped(what)
}
