//! The table of settings: keys, defaults, and what each means. docs/serve.md is made from it.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use recipe::amount::Unit;

use super::Settings;
use super::address::{Address, QueueAddress, ServiceAddress};
use super::tenants::SHORTEST_TOKEN;

/// One setting.
pub struct Setting {
    /// Its key in the file, and on the command line.
    pub key: &'static str,
    /// As it is without the operator.
    pub default: &'static str,
    /// What it means.
    pub help: &'static str,
    pub(super) set: fn(&mut Settings, &str) -> Result<(), String>,
}

impl Setting {
    /// What the names of variables in the environment begin with.
    pub const PREFIX: &str = "CAPSULE_SERVE_";

    /// Its variable in the environment.
    pub fn variable(&self) -> String {
        Setting::PREFIX.to_owned() + &self.key.to_uppercase().replace(['-', '.'], "_")
    }
}

macro_rules! limit {
    ($key:literal, $default:literal, $place:ident, $option:literal, $help:literal) => {
        Setting {
            key: $key,
            default: $default,
            help: $help,
            set: |settings, text| settings.$place.set($option, text),
        }
    };
}

/// All of them.
pub const SETTINGS: [Setting; 41] = [
    Setting {
        key: "listen",
        default: "127.0.0.1:2000",
        help: "an address and a port, `unix:PATH`, or `systemd` for a socket that systemd has opened",
        set: |settings, text| Address::parse(text).map(|address| settings.listen = address),
    },
    Setting {
        key: "hosts",
        default: "",
        help: "names of the service, as in `judge.example.org,judge`: a request with another `Host` is refused, except for \
               numbers and `localhost`. Without it, only a service on a loopback address is so strict. `*` allows any",
        set: |settings, text| {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            settings.hosts = names.map(str::to_owned).collect();
            Ok(())
        },
    },
    Setting {
        key: "slots",
        default: "auto",
        help: "how many programs run at a time; `auto` is one for each CPU",
        set: |settings, text| slots(text).map(|slots| settings.slots = slots),
    },
    Setting {
        key: "pin",
        default: "no",
        help: "whether each slot has CPUs of its own, so that programs disturb each other less",
        set: |settings, text| yes(text).map(|pin| settings.pin = pin),
    },
    Setting {
        key: "warm",
        default: "0",
        help: "how many programs may have their runtimes started before they come, at most 64, for requests with one program and \
               without `pin`; see below",
        set: |settings, text| number(text, 0, 64).map(|warm| settings.warm = warm),
    },
    Setting {
        key: "queue",
        default: "1000",
        help: "how many jobs may wait; above that the service answers 503",
        set: |settings, text| number(text, 0, 10_000_000).map(|queue| settings.queue = queue),
    },
    Setting {
        key: "body",
        default: "32M",
        help: "bytes of one request",
        set: |settings, text| size(text).map(|body| settings.body = body),
    },
    Setting {
        key: "request-time",
        default: "30s",
        help: "time for the header of a request, and again for its body",
        set: |settings, text| duration(text).map(|time| settings.request_time = time),
    },
    Setting {
        key: "connections",
        default: "1000",
        help: "open connections; more wait until one is closed",
        set: |settings, text| number(text, 1, 100_000).map(|most| settings.connections = most),
    },
    Setting {
        key: "drain",
        default: "30s",
        help: "how long a shutdown (SIGTERM, SIGINT) waits for what runs",
        set: |settings, text| duration(text).map(|time| settings.drain = time),
    },
    Setting {
        key: "log",
        default: "yes",
        help: "whether each request has a line of JSON on stderr",
        set: |settings, text| yes(text).map(|log| settings.log = log),
    },
    Setting {
        key: "data",
        default: "",
        help: "the directory of the store; without it, submissions are kept in memory and end with the service",
        set: |settings, text| keep_path(&mut settings.data, text),
    },
    Setting {
        key: "keep",
        default: "100000",
        help: "how many finished submissions of a tenant are kept, the newest ones",
        set: |settings, text| number(text, 0, 1 << 40).map(|keep| settings.keep = keep as u64),
    },
    Setting {
        key: "keep-bytes",
        default: "4G",
        help: "bytes of them that are kept; the store's file takes room for its events and indexes beside, and never shrinks",
        set: |settings, text| size(text).map(|bytes| settings.keep_bytes = bytes as u64),
    },
    Setting {
        key: "keep-time",
        default: "604800s",
        help: "how long a finished submission is kept while the service runs; a step of the machine's clock does not count",
        set: |settings, text| duration(text).map(|time| settings.keep_time = time),
    },
    Setting {
        key: "problems",
        default: "4G",
        help: "bytes of problems that a tenant may have",
        set: |settings, text| size(text).map(|bytes| settings.problems = bytes as u64),
    },
    Setting {
        key: "files",
        default: "256M",
        help: "bytes that a tenant may keep by go-judge's API, in memory",
        set: |settings, text| size(text).map(|bytes| settings.files = bytes as u64),
    },
    Setting {
        key: "cache",
        default: "1G",
        help: "bytes of what compilers made that are kept in `data` for each tenant, so that the same program is compiled once",
        set: |settings, text| size(text).map(|bytes| settings.cache = bytes as u64),
    },
    Setting {
        key: "shared-cache",
        default: "",
        help: "a directory that keeps it for all tenants together; the time of an answer then tells a tenant what another compiled",
        set: |settings, text| keep_path(&mut settings.shared_cache, text),
    },
    Setting {
        key: "nats",
        default: "",
        help: "`nats://HOST:PORT` or `nats://USER:PASSWORD@HOST:PORT/NAME`: submissions are done by workers, which learn of them \
               from this NATS server; services that share one need different names",
        set: |settings, text| keep(&mut settings.nats, text, QueueAddress::parse),
    },
    Setting {
        key: "lease",
        default: "30s",
        help: "how long a worker that is not heard of keeps its submissions",
        set: |settings, text| duration(text).map(|time| settings.lease = time),
    },
    Setting {
        key: "worker-token",
        default: "",
        help: "the secret of the service and its workers, at least 16 characters",
        set: |settings, text| keep(&mut settings.worker_token, text, worker_token),
    },
    Setting {
        key: "service",
        default: "http://127.0.0.1:2000",
        help: "where a worker finds its service: `http://HOST:PORT` or `unix:PATH`",
        set: |settings, text| ServiceAddress::parse(text).map(|address| settings.service = address),
    },
    limit!(
        "limit.cpu-time",
        "60s",
        most,
        "cpu-time",
        "the most CPU time of a run that a request may ask for"
    ),
    limit!("limit.wall-time", "120s", most, "wall-time", "the same for time from start to end"),
    limit!("limit.memory", "2G", most, "memory", "the same for memory"),
    limit!("limit.pids", "256", most, "pids", "the same for processes and threads"),
    limit!("limit.output", "16M", most, "output", "the same for bytes of each stream and file"),
    limit!("limit.stack", "1G", most, "stack", "the same for the stack of the main thread"),
    limit!(
        "default.cpu-time",
        "10s",
        default,
        "cpu-time",
        "CPU time where neither request, pack nor bundle says it"
    ),
    limit!("default.wall-time", "30s", default, "wall-time", "the same for time from start to end"),
    limit!("default.memory", "512M", default, "memory", "the same for memory"),
    limit!("default.pids", "64", default, "pids", "the same for processes and threads"),
    limit!("default.output", "4M", default, "output", "the same for bytes of each stream and file"),
    limit!("default.stack", "64M", default, "stack", "the same for the stack of the main thread"),
    limit!("compile.cpu-time", "60s", compile, "cpu-time", "the most CPU time of a compile step"),
    limit!("compile.wall-time", "120s", compile, "wall-time", "the same for time from start to end"),
    limit!("compile.memory", "2G", compile, "memory", "the same for memory"),
    limit!("compile.pids", "256", compile, "pids", "the same for processes and threads"),
    limit!("compile.output", "64M", compile, "output", "the same for bytes of each stream and file"),
    limit!("compile.stack", "64M", compile, "stack", "the same for the stack of the main thread"),
];

/// Any text is a path; the empty one is none.
fn keep_path(place: &mut Option<PathBuf>, text: &str) -> Result<(), String> {
    *place = Some(PathBuf::from(text)).filter(|path| !path.as_os_str().is_empty());
    Ok(())
}

/// The empty text is none.
fn keep<T>(place: &mut Option<T>, text: &str, parse: fn(&str) -> Result<T, String>) -> Result<(), String> {
    *place = if text.is_empty() { None } else { Some(parse(text)?) };
    Ok(())
}

fn worker_token(text: &str) -> Result<String, String> {
    let is_sent_as_it_is = text.bytes().all(|byte| byte.is_ascii_graphic());
    match text.len() >= SHORTEST_TOKEN && is_sent_as_it_is {
        true => Ok(text.to_owned()),
        false => Err(format!("a token has at least {SHORTEST_TOKEN} letters, digits or signs, and no blank")),
    }
}

fn slots(text: &str) -> Result<usize, String> {
    match text {
        "auto" => Ok(thread::available_parallelism().map_or(1, usize::from)),
        _ => number(text, 1, 1024),
    }
}

fn number(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("expected a number from {least} to {most}, not `{text}`"))
}

fn yes(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("expected `yes` or `no`, not `{text}`")),
    }
}

fn size(text: &str) -> Result<usize, String> {
    let bytes = Unit::Size.parse(text).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| format!("expected a size such as `32M`, not `{text}`"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let time = Unit::Duration.parse(text).filter(|time| *time > 0).map(Duration::from_nanos);
    time.ok_or_else(|| format!("expected a time such as `30s`, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/serve.md");
    const START: &str = "<!-- table: settings -->\n";

    /// `UPDATE_DOCS=1` writes the table.
    #[test]
    fn the_page_of_the_service_has_every_setting() {
        let text = std::fs::read_to_string(DOCUMENT).unwrap();
        let start = text.find(START).unwrap() + START.len();
        let end = start + text[start..].find("<!-- end -->").unwrap();
        let row = |setting: &Setting| {
            let default =
                if setting.default.is_empty() { "–".to_owned() } else { format!("`{}`", setting.default) };
            format!("| `{}` | {} | {default} |\n", setting.key, setting.help)
        };
        let made = "| key | meaning | default |\n|---|---|---|\n".to_owned()
            + &SETTINGS.iter().map(row).collect::<String>()
            + "\nThe variable of `limit.memory` is `CAPSULE_SERVE_LIMIT_MEMORY`, and so on.\n";
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(DOCUMENT, format!("{}{made}{}", &text[..start], &text[end..])).unwrap();
        } else {
            assert!(text[start..end] == made, "run it with UPDATE_DOCS=1");
        }
    }

    #[test]
    fn every_default_can_be_read() {
        let settings = Settings::read(&crate::settings::Sources::default()).unwrap();
        assert!(settings.slots > 0 && settings.most.memory_bytes > settings.default.memory_bytes);
    }
}
