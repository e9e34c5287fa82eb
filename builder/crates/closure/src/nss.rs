//! Name service modules: which of them nsswitch.conf(5) names.

use std::collections::BTreeSet;
use std::ffi::OsString;

/// Services that are part of libc.so.6 (glibc nss/nss_module.c); the others are libraries.
const BUILT_IN: [&str; 2] = ["files", "dns"];
/// The first glibc version in which they are (NEWS of glibc 2.34).
const BUILT_IN_SINCE: (u32, u32) = (2, 34);

/// The file from which libc reads its services (nsswitch.conf(5)).
pub const CONF: &str = "/etc/nsswitch.conf";

/// The services that a file names, each once, for any of its databases.
pub fn services(conf: &str) -> BTreeSet<String> {
    conf.lines().flat_map(services_of_line).map(str::to_owned).collect()
}

fn services_of_line(line: &str) -> Vec<&str> {
    let line = line.split('#').next().unwrap_or_default();
    let Some((_database, list)) = line.split_once(':') else { return Vec::new() };
    // `[NOTFOUND=return]` is an action, not a service; it may contain blanks.
    let mut services = Vec::new();
    let mut rest = list;
    while let Some(open) = rest.find('[') {
        services.extend(rest[..open].split_whitespace());
        rest = rest[open..].split_once(']').map_or("", |(_, after)| after);
    }
    services.extend(rest.split_whitespace());
    services
}

/// The library of a service; `None` when it is part of a libc of that version. An unknown version counts as new.
pub fn module(service: &str, glibc: Option<(u32, u32)>) -> Option<OsString> {
    let is_inside = BUILT_IN.contains(&service) && glibc.is_none_or(|version| version >= BUILT_IN_SINCE);
    (!is_inside).then(|| format!("libnss_{service}.so.2").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_comments_and_databases_are_not_services() {
        let conf = "# passwd: nis\npasswd:\tfiles systemd # db\n\nhosts: files [!UNAVAIL = return] dns[NOTFOUND=return]wins\nbroken\n";
        let expected = ["dns", "files", "systemd", "wins"];
        assert_eq!(services(conf).into_iter().collect::<Vec<_>>(), expected);
        assert!(services("passwd: files [unclosed").contains("files"));
    }

    #[test]
    fn files_and_dns_need_no_library_since_glibc_2_34() {
        assert_eq!(module("files", Some((2, 34))), None);
        assert_eq!(module("dns", None), None);
        assert_eq!(module("files", Some((2, 31))).unwrap(), "libnss_files.so.2");
        assert_eq!(module("systemd", Some((2, 36))).unwrap(), "libnss_systemd.so.2");
    }
}
