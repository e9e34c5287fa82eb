//! What an option of `init run` is, for those who parse, print or complete it.

use crate::named::named;

/// One option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionSpec {
    /// As it is written: `--cpu-time`.
    pub name: &'static str,
    /// The value's placeholder: `TIME`, or a choice such as `auto|v2`. `None`: a flag, which takes no value.
    pub value: Option<&'static str>,
    /// Where help lists it.
    pub group: Group,
    /// What a value must look like.
    pub kind: ValueKind,
    /// The value of a run whose caller gives none, as it would be written; empty where there is none.
    pub default: &'static str,
    /// One line for help, without a dot.
    pub help: &'static str,
    /// Whether it may be given more than once.
    pub repeatable: bool,
}

named! {
    /// Groups of options, in the order in which help lists them. The name is the heading.
    pub Group {
        FilesAndEnvironment = "Files and environment",
        Limits = "Limits",
        Streams = "Streams",
        Report = "Report",
        Identity = "Identity",
        Network = "Network",
        Sandbox = "Sandbox",
    }
}

impl Group {
    /// The heading in help, for other crates.
    pub fn title(self) -> &'static str {
        str::from_utf8(self.name()).unwrap_or_default()
    }
}

named! {
    /// What the value of an option must look like. The name completes "`--OPTION` takes …".
    pub ValueKind {
        Flag = "no value",
        Directory = "a directory",
        Duration = "a time such as `250ms` or `1.5s`, or `none`",
        Quota = "a time from `1ms` to `100s`, or `none`",
        Size = "a size in bytes such as `64K` or `256M`, or `none`",
        Pids = "a number from 1 to 4194304, or `none`",
        OpenFiles = "a number from 5, or `none`",
        Bytes = "a size in bytes such as `64M`, at least 4K",
        Path = "a path",
        Destination = "a path, `-`, or `fd:N`",
        Descriptor = "`fd:N`",
        Bind = "`SRC:/DST` or `SRC:/DST:rw`",
        Variable = "`NAME=VALUE`",
        AbsolutePath = "an absolute path",
        Id = "a number from 1 to 4294967294",
        IdRange = "two numbers such as `61000-61999`, without 60000",
        Hostname = "a name of 1 to 64 letters, digits, `-` or `.`",
        Network = "`none`, `loopback` or `host`",
        Cpus = "a list of CPUs such as `0-2,5`",
        Cgroup = "`auto`, `v2`, `v1` or `none`",
        Seccomp = "`default`, `off` or a compiled policy's path",
        Digest = "a SHA-256 of 64 hexadecimal digits",
        Names = "a JSON array of names",
        Guards = "names of guards, as in `memory,seccomp` (see `init guards`)",
        Guard = "the name of a guard (see `init guards`)",
    }
}
