//! The names of signals (signal(7)), the same on x86-64 and arm64.

const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// `SIGSEGV` for 11; a realtime signal is `SIG40`.
pub(crate) fn name(number: i64) -> String {
    let known = usize::try_from(number).ok().and_then(|number| NAMES.get(number.checked_sub(1)?));
    known.map_or_else(|| format!("SIG{number}"), |name| (*name).to_owned())
}

/// Whether a signal has this name.
pub(crate) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_those_of_the_kernel() {
        assert_eq!(
            [1, 9, 11, 31, 40, 0].map(super::name),
            ["SIGHUP", "SIGKILL", "SIGSEGV", "SIGSYS", "SIG40", "SIG0"]
        );
    }
}
