//! The arguments of `capsule serve` and `capsule worker`.

use std::env;
use std::path::PathBuf;

use clap::Args;
use serve::settings::{Setting, Settings, Sources};

use crate::error::Error;
use crate::tool::serve::ServeCommand;

/// What the two have in common.
#[derive(Debug, Args)]
struct SettingArgs {
    /// A TOML file with settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run so many programs at a time [default: one for each CPU]
    #[arg(long, value_name = "N")]
    slots: Option<String>,
    /// Submissions go through this NATS server to workers: `nats://HOST:PORT`
    #[arg(long, value_name = "URL")]
    queue: Option<String>,
    /// Set any other setting, as in `--set limit.memory=1G`; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The bundle
    bundle: PathBuf,
    /// Where to listen: an address and a port, or `unix:PATH` [default: 127.0.0.1:2000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(flatten)]
    others: SettingArgs,
}

#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    /// The bundle, the same as the service's
    bundle: PathBuf,
    /// Where the service is: `http://HOST:PORT`, or `unix:PATH` [default: http://127.0.0.1:2000]
    #[arg(long, value_name = "URL")]
    service: Option<String>,
    #[command(flatten)]
    others: SettingArgs,
}

impl ServeArgs {
    pub(super) fn into_request(self) -> Result<ServeCommand, Error> {
        self.others.into_command(self.bundle, ("listen", self.listen))
    }
}

impl WorkerArgs {
    pub(super) fn into_request(self) -> Result<ServeCommand, Error> {
        self.others.into_command(self.bundle, ("service", self.service))
    }
}

impl SettingArgs {
    /// With the one setting that has an option of its own with only one of the two.
    fn into_command(self, bundle: PathBuf, own: (&str, Option<String>)) -> Result<ServeCommand, Error> {
        let mut flags = Vec::new();
        for setting in self.settings {
            let (key, value) = setting.split_once('=').ok_or_else(|| Error::Usage {
                what: format!("`--set {setting}` has no `=`"),
                hint: "as in `--set limit.memory=1G`; docs/serve.md lists all settings",
            })?;
            flags.push((key.to_owned(), value.to_owned()));
        }
        let named = [own, ("slots", self.slots), ("nats", self.queue)];
        flags.extend(named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        let environment = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(Setting::PREFIX))?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        let sources = Sources { file: self.config, environment: environment.collect(), flags };
        Ok(ServeCommand { bundle, settings: Settings::read(&sources)? })
    }
}
