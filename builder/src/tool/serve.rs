//! `capsule serve`: the judge as a service.

use std::path::PathBuf;

use serve::settings::Settings;

use crate::error::Error;

/// What is served, and how.
#[derive(Debug)]
pub struct ServeCommand {
    /// The bundle.
    pub bundle: PathBuf,
    /// What the operator set.
    pub settings: Settings,
}

/// Serves until a signal ends it.
///
/// # Errors
/// The bundle cannot run here, or the address cannot be had.
pub fn serve(command: ServeCommand) -> Result<(), Error> {
    let ready = |address: &str| eprintln!("capsule: serving at {address}");
    Ok(serve::serve(&command.bundle, command.settings, env!("CAPSULE_VERSION"), ready)?)
}
