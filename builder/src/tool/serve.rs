//! `capsule serve`, the judge as a service, and `capsule worker`, which does its submissions.

use std::path::PathBuf;

use serve::settings::Settings;

use crate::error::Error;

/// Which bundle is served or worked with, and how.
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

/// Works until a signal ends it.
///
/// # Errors
/// The bundle cannot run here, a setting is missing, or the service has another bundle.
pub fn work(command: ServeCommand) -> Result<(), Error> {
    let ready = |service: &str| eprintln!("capsule: working for {service}");
    Ok(serve::work(&command.bundle, command.settings, ready)?)
}
