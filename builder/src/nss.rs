//! Name service modules: which of them nsswitch.conf(5) asks for.

use std::collections::BTreeSet;
use std::ffi::OsString;

/// Services that are inside libc.so.6 (glibc ≥ 2.34, nss/nss_module.c); the others are libraries.
const BUILT_IN: [&str; 2] = ["files", "dns"];

/// The services that a file names, each once, for any of its databases.
pub fn services(conf: &str) -> BTreeSet<String> {
    conf.lines().flat_map(services_of_line).map(str::to_owned).collect()
}

fn services_of_line(line: &str) -> Vec<&str> {
    let line = line.split('#').next().unwrap_or_default();
    let Some((_database, list)) = line.split_once(':') else { return Vec::new() };
    // `[NOTFOUND=return]` tells what to do next; it may contain blanks.
    let mut services = Vec::new();
    let mut rest = list;
    while let Some(open) = rest.find('[') {
        services.extend(rest[..open].split_whitespace());
        rest = rest[open..].split_once(']').map_or("", |(_, after)| after);
    }
    services.extend(rest.split_whitespace());
    services
}

/// The library of a service; `None` where libc has it inside.
pub fn module(service: &str) -> Option<OsString> {
    (!BUILT_IN.contains(&service)).then(|| format!("libnss_{service}.so.2").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_comments_and_databases_are_no_services() {
        let conf = "# passwd: nis\npasswd:\tfiles systemd # db\n\nhosts: files [!UNAVAIL = return] dns[NOTFOUND=return]wins\nbroken\n";
        let expected = ["dns", "files", "systemd", "wins"];
        assert_eq!(services(conf).into_iter().collect::<Vec<_>>(), expected);
        assert!(services("passwd: files [unclosed").contains("files"));
    }

    #[test]
    fn files_and_dns_need_no_library() {
        assert_eq!(module("files"), None);
        assert_eq!(module("systemd").unwrap(), "libnss_systemd.so.2");
    }
}
