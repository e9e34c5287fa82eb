//! What the operator sets: one table of keys, filled from a file, from the environment and from flags, later ones win.

mod address;
mod file;
mod table;
mod tenants;

use std::path::PathBuf;
use std::time::Duration;

pub use address::Address;
pub(crate) use address::{QueueAddress, ServiceAddress};
pub use table::{SETTINGS, Setting};
pub(crate) use tenants::{Tenant, Tenants};

use crate::error::Error;
use crate::limit::Limits;

/// Where the values come from, in the order in which they are read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Variables of the environment that begin with [`Setting::PREFIX`].
    pub environment: Vec<(String, String)>,
    /// Keys and values of the command line.
    pub flags: Vec<(String, String)>,
}

/// What the operator set.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) listen: Address,
    /// What the service may be called; `*` is anything.
    pub(crate) hosts: Vec<String>,
    /// How many programs run at a time.
    pub(crate) slots: usize,
    /// Whether each slot has CPUs of its own.
    pub(crate) pin: bool,
    /// How many programs may have their runtimes started before they come.
    pub(crate) warm: usize,
    /// How many jobs may wait.
    pub(crate) queue: usize,
    /// Bytes of a request.
    pub(crate) body: usize,
    /// To receive a request.
    pub(crate) request_time: Duration,
    pub(crate) connections: usize,
    /// Whether each request has a line on stderr.
    pub(crate) log: bool,
    /// How long a shutdown waits for what runs.
    pub(crate) drain: Duration,
    /// Where compiled programs are kept for all tenants together,
    pub(crate) shared_cache: Option<PathBuf>,
    /// or how many bytes of them for each.
    pub(crate) cache: u64,
    /// Bytes of go-judge's files that a tenant may have.
    pub(crate) files: u64,
    /// Bytes of problems that a tenant may have.
    pub(crate) problems: u64,
    /// Where submissions are kept.
    pub(crate) data: Option<PathBuf>,
    /// Finished submissions that are kept, in number and in time.
    pub(crate) keep: u64,
    pub(crate) keep_bytes: u64,
    pub(crate) keep_time: Duration,
    /// The queue of the workers, if there are any.
    pub(crate) nats: Option<QueueAddress>,
    /// How long a worker keeps what it has without a renewal.
    pub(crate) lease: Duration,
    /// What workers and the service know each other by.
    pub(crate) worker_token: Option<String>,
    /// Where a worker finds its service.
    pub(crate) service: ServiceAddress,
    /// What a run step may ask for,
    pub(crate) most: Limits,
    /// and what it gets where neither the request nor the bundle says anything.
    pub(crate) default: Limits,
    /// What a compile step may ask for.
    pub(crate) compile: Limits,
    pub(crate) tenants: Tenants,
}

impl Settings {
    /// Reads all sources.
    ///
    /// # Errors
    /// The file cannot be read, or a value is not one of its key; the message names the source and the key.
    pub fn read(sources: &Sources) -> Result<Settings, Error> {
        let mut settings = Settings::initial();
        let fail = |source: &str, what: String| Error::Setting { origin: source.to_owned(), what };
        for setting in &SETTINGS {
            (setting.set)(&mut settings, setting.default)
                .map_err(|what| fail("the default", format!("`{}`: {what}", setting.key)))?;
        }
        if let Some(path) = &sources.file {
            file::read(path, &mut settings)?;
        }
        for (name, value) in &sources.environment {
            let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == *name) else {
                return Err(fail(name, "there is no such setting".to_owned()));
            };
            (setting.set)(&mut settings, value).map_err(|what| fail(name, what))?;
        }
        for (key, value) in &sources.flags {
            settings.set(key, value).map_err(|what| fail("the command line", what))?;
        }
        Ok(settings)
    }

    /// Sets the value of a key.
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let setting = SETTINGS.iter().find(|setting| setting.key == key);
        let setting = setting.ok_or_else(|| format!("there is no setting `{key}`"))?;
        (setting.set)(self, value).map_err(|what| format!("`{key}`: {what}"))
    }

    /// Before the table's defaults.
    fn initial() -> Settings {
        Settings {
            listen: Address::Unix(PathBuf::new()),
            hosts: Vec::new(),
            warm: 0,
            slots: 1,
            pin: false,
            queue: 0,
            body: 0,
            request_time: Duration::ZERO,
            connections: 0,
            log: false,
            drain: Duration::ZERO,
            shared_cache: None,
            cache: 0,
            files: 0,
            problems: 0,
            data: None,
            keep: 0,
            keep_bytes: 0,
            keep_time: Duration::ZERO,
            nats: None,
            lease: Duration::ZERO,
            worker_token: None,
            service: ServiceAddress::Unix(PathBuf::new()),
            most: Limits::default(),
            default: Limits::default(),
            compile: Limits::default(),
            tenants: Tenants::default(),
        }
    }

    /// Where the service listens.
    pub fn address(&self) -> &Address {
        &self.listen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("serve.toml");
        std::fs::write(&path, file).unwrap();
        let pairs = |list: &[(&str, &str)]| list.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        let sources = Sources { file: Some(path), environment: pairs(environment), flags: pairs(flags) };
        Settings::read(&sources)
            .map_err(|error| error.to_string().replace(directory.path().to_str().unwrap(), ""))
    }

    #[test]
    fn later_sources_win() {
        let file = "slots = 3\nqueue = 7\npin = false\n[limit]\ncpu-time = \"3s\"\n";
        let environment = [("CAPSULE_SERVE_QUEUE", "8"), ("CAPSULE_SERVE_LIMIT_MEMORY", "1G")];
        let settings = read(file, &environment, &[("slots", "5")]).unwrap();
        assert_eq!((settings.slots, settings.queue, settings.pin), (5, 8, false));
        assert_eq!(settings.most.cpu_us, Some(3_000_000));
        assert_eq!(settings.most.memory_bytes, Some(1 << 30));
        assert_eq!(settings.listen.to_string(), "127.0.0.1:2000");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (file, environment, flag, said) in [
            ("slot = 3", "", "", "`/serve.toml`: there is no setting `slot`"),
            ("slots = 0", "", "", "`/serve.toml`: `slots`: expected a number from 1 to 1024, not `0`"),
            ("slots = [1]", "", "", "`/serve.toml`: `slots` is neither a text nor a number"),
            ("[limit]\ndisk = \"1M\"", "", "", "`/serve.toml`: there is no setting `limit.disk`"),
            ("nats = \"http://x\"", "", "", "`/serve.toml`: `nats`: expected an address such as"),
            ("service = \"https://x\"", "", "", "`/serve.toml`: `service`: expected an address such as"),
            ("worker-token = \"short\"", "", "", "`/serve.toml`: `worker-token`: a token has at least 16"),
            ("", "x", "", "CAPSULE_SERVE_SLOTS: expected a number from 1 to 1024, not `x`"),
            ("", "", "-1", "the command line: `slots`: expected a number from 1 to 1024, not `-1`"),
            ("[tenants.a]\ntokem = \"x\"", "", "", "`/serve.toml`: tenant `a`: unknown field `tokem`"),
            ("[tenants.a]\ntoken = \"short\"", "", "", "`/serve.toml`: tenant `a`: a token has at least 16"),
        ] {
            let pair = |key, value: &'static str| Some((key, value)).filter(|(_, value)| !value.is_empty());
            let environment: Vec<_> = pair("CAPSULE_SERVE_SLOTS", environment).into_iter().collect();
            let flags: Vec<_> = pair("slots", flag).into_iter().collect();
            let error = read(file, &environment, &flags).expect_err(said);
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn a_variable_that_is_no_setting_is_refused() {
        let error = read("", &[("CAPSULE_SERVE_SLOT", "1")], &[]).unwrap_err();
        assert_eq!(error, "CAPSULE_SERVE_SLOT: there is no such setting");
    }
}
