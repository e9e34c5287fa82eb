//! What clients of go-judge send, and the same as a plan that can be carried out. Pure. What cannot be had here is refused,
//! and never left out: a program that ran otherwise than its client thought has no verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::StatusCode;
use run::exec::Booth;
use serde::Deserialize;

use super::{Refused, bad};
use crate::limit::Limits;
use crate::streams::Pipe;
use crate::work::bad_arguments;

/// Commands that run at a time in one request.
const MOST_COMMANDS: usize = 8;
/// Of one command.
const MOST_FILES: usize = 1000;
/// Without `copyOutMax`, in bytes: as go-judge has it.
const COPY_OUT: u64 = 64 << 20;

/// The body of `POST /run`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    #[serde(default)]
    cmd: Vec<Cmd>,
    #[serde(default)]
    pipe_mapping: Vec<PipeMap>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Cmd {
    args: Vec<String>,
    env: Vec<String>,
    files: Vec<Option<CmdFile>>,
    tty: bool,
    /// Nanoseconds,
    cpu_limit: u64,
    /// of wall time,
    clock_limit: u64,
    /// and under an older name.
    real_cpu_limit: u64,
    memory_limit: u64,
    stack_limit: u64,
    proc_limit: u64,
    cpu_rate_limit: u64,
    cpu_set_limit: String,
    copy_in: BTreeMap<String, CmdFile>,
    copy_out: Vec<String>,
    copy_out_cached: Vec<String>,
    copy_out_max: u64,
    copy_out_dir: String,
    copy_out_truncate: bool,
}

/// The field that is there says what it is.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct CmdFile {
    src: Option<String>,
    content: Option<String>,
    file_id: Option<String>,
    name: Option<String>,
    max: u64,
    symlink: Option<String>,
    stream_in: Option<serde_json::Value>,
    stream_out: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct PipeMap {
    r#in: PipeEnd,
    out: PipeEnd,
    #[serde(default)]
    name: String,
    #[serde(default)]
    max: u64,
}

#[derive(Deserialize, Clone, Copy)]
struct PipeEnd {
    index: usize,
    fd: usize,
}

/// The commands of a request, and the pipes between them.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) commands: Vec<Command>,
    pub(super) pipes: Vec<Pipe>,
    /// What goes through each pipe, among the files of its `from`.
    pub(super) transcripts: Vec<Option<Collector>>,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<String>,
    pub(super) limits: Limits,
    pub(super) copy_in: Vec<(String, Arc<[u8]>)>,
    pub(super) stdin: Option<Arc<[u8]>>,
    /// stdout and stderr.
    pub(super) collectors: [Option<Collector>; 2],
    pub(super) copy_out: Vec<CopyOut>,
    pub(super) copy_out_max: u64,
    pub(super) truncate: bool,
}

/// A stream that is collected under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collector {
    pub(super) name: String,
    pub(super) max: u64,
}

/// A file that a command leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CopyOut {
    pub(super) name: String,
    pub(super) is_optional: bool,
    /// Whether it is kept here, and not sent.
    pub(super) is_cached: bool,
}

/// A file that is kept here, by its id: its name and its content.
type Find<'a> = &'a dyn Fn(&str) -> Option<(String, Arc<[u8]>)>;

impl Plan {
    pub(super) fn new(run: Run, find: impl Fn(&str) -> Option<(String, Arc<[u8]>)>) -> Result<Plan, Refused> {
        if run.cmd.is_empty() {
            return Err(bad("no cmd provided"));
        }
        if run.cmd.len() > MOST_COMMANDS {
            return Err(bad(format!("a request has at most {MOST_COMMANDS} commands here")));
        }
        let count = run.cmd.len();
        let pipes = run.pipe_mapping.into_iter().map(|map| map.into_pipe(count));
        let (pipes, transcripts): (Vec<Pipe>, Vec<_>) =
            pipes.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        if pipes.iter().enumerate().any(|(at, pipe)| pipes[..at].iter().any(|other| pipe.collides(other))) {
            return Err(bad("pipeMapping: a stream has one pipe"));
        }
        let commands = run.cmd.into_iter().map(|cmd| cmd.into_command(&find)).collect::<Result<_, _>>()?;
        let plan = Plan { commands, pipes, transcripts };
        (0..count).try_for_each(|index| plan.refuse_two_of_a_name(index))?;
        Ok(plan)
    }

    /// Of two outputs with one name, a result has only one: the client would miss the other.
    fn refuse_two_of_a_name(&self, index: usize) -> Result<(), Refused> {
        let all = || self.pipes.iter().zip(&self.transcripts);
        let own = || all().filter(move |(pipe, _)| pipe.from == index);
        let command = &self.commands[index];
        let piped = |at: usize| own().any(|(pipe, _)| pipe.stream == at + 1);
        let streams = command.collectors.iter().enumerate().filter(|(at, _)| !piped(*at));
        let collected = streams.filter_map(|(_, one)| one.as_ref());
        let collected = collected.chain(own().filter_map(|(_, transcript)| transcript.as_ref()));
        if let Some(name) = repeated(collected.map(|one| one.name.as_str())) {
            return Err(bad(format!("files: two outputs are called {name:?}")));
        }
        match repeated(command.copy_out.iter().map(|one| one.name.as_str())) {
            Some(name) => Err(bad(format!("copyOut, copyOutCached: {name:?} is there twice"))),
            None => Ok(()),
        }
    }
}

/// A name that is there twice.
fn repeated<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.find(|name| !seen.insert(*name))
}

impl PipeMap {
    fn into_pipe(self, count: usize) -> Result<(Pipe, Option<Collector>), Refused> {
        let PipeMap { r#in: from, out: to, name, max } = self;
        if from.index >= count || to.index >= count {
            return Err(bad("pipeMapping: there is no command of that index"));
        }
        if !matches!(from.fd, 1 | 2) || to.fd != 0 {
            return Err(bad(
                "pipeMapping: only from descriptor 1 or 2 to descriptor 0: a program has no others here",
            ));
        }
        let transcript = (!name.is_empty()).then_some(Collector { name, max });
        Ok((Pipe { from: from.index, stream: from.fd, to: to.index }, transcript))
    }
}

impl Cmd {
    fn into_command(self, find: Find<'_>) -> Result<Command, Refused> {
        self.refuse_what_is_not_here()?;
        let limits = self.limits();
        let copy_in = self.copy_in.into_iter().map(|(path, file)| {
            Booth::check_name(&path).map_err(|error| bad(format!("copyIn: {error}")))?;
            Ok::<_, Refused>((path, file.content(find, "copyIn")?))
        });
        let copy_in: Vec<_> = copy_in.collect::<Result<_, _>>()?;
        let mut files = self.files.into_iter();
        let stdin = files.next().flatten().map(|file| file.content(find, "files[0]")).transpose()?;
        let collectors =
            [files.next(), files.next()].map(|file| file.flatten().map(CmdFile::collector).transpose());
        let [stdout, stderr] = collectors;
        if files.any(|file| file.is_some()) {
            return Err(bad("files: a program has the descriptors 0, 1 and 2 here"));
        }
        let out = |is_cached| {
            move |name: String| {
                let plain = name.strip_suffix('?');
                let is_optional = plain.is_some();
                CopyOut { name: plain.unwrap_or(&name).to_owned(), is_optional, is_cached }
            }
        };
        let sent = self.copy_out.into_iter().map(out(false));
        Ok(Command {
            args: self.args,
            env: self.env,
            limits,
            copy_in,
            stdin,
            collectors: [stdout?, stderr?],
            copy_out: sent.chain(self.copy_out_cached.into_iter().map(out(true))).collect(),
            copy_out_max: if self.copy_out_max == 0 { COPY_OUT } else { self.copy_out_max },
            truncate: self.copy_out_truncate,
        })
    }

    fn refuse_what_is_not_here(&self) -> Result<(), Refused> {
        if self.args.is_empty() || self.args[0].is_empty() {
            return Err(bad("args: a command has a program"));
        }
        if let Some(what) = bad_arguments(&self.args).or_else(|| bad_arguments(&self.env)) {
            return Err(bad(what));
        }
        if self.env.iter().any(|variable| !variable.contains('=') || variable.starts_with('=')) {
            return Err(bad("env: a variable is `NAME=VALUE`"));
        }
        let counts = [self.copy_in.len(), self.copy_out.len(), self.copy_out_cached.len()];
        if counts.into_iter().any(|count| count > MOST_FILES) {
            return Err(bad(format!("a command has at most {MOST_FILES} files")));
        }
        for (field, is_asked) in [
            ("tty", self.tty),
            ("cpuRateLimit", self.cpu_rate_limit != 0),
            ("cpuSetLimit", !self.cpu_set_limit.is_empty()),
            ("copyOutDir", !self.copy_out_dir.is_empty()),
        ] {
            if is_asked {
                return Err(bad(format!("{field} cannot be had here")));
            }
        }
        Ok(())
    }

    /// Zero is the operator's to choose.
    fn limits(&self) -> Limits {
        let some = |amount: u64| (amount > 0).then_some(amount);
        let clock = some(self.real_cpu_limit).or(some(self.clock_limit));
        let microseconds = |time: u64| time.div_ceil(1000);
        Limits {
            cpu_us: some(self.cpu_limit).map(microseconds),
            wall_us: clock.map(microseconds),
            memory_bytes: some(self.memory_limit),
            pids: some(self.proc_limit),
            // Files of a command have no limit of their own in go-judge: the operator has one.
            output_bytes: Some(u64::MAX),
            stack_bytes: some(self.stack_limit),
        }
    }
}

impl CmdFile {
    fn content(self, find: Find<'_>, field: &str) -> Result<Arc<[u8]>, Refused> {
        match self {
            CmdFile { src: Some(_), .. } => Err(bad(format!(
                "{field}: no file of the host can be had here (`src`); send it (`content`, `fileId`)"
            ))),
            CmdFile { content: Some(content), .. } => Ok(content.into_bytes().into()),
            CmdFile { file_id: Some(id), .. } => match find(&id) {
                Some((_, content)) => Ok(content),
                None => Err(Refused::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("{field}: there is no file with this id"),
                )),
            },
            CmdFile { symlink: Some(_), .. } => Err(bad(format!("{field}: symlink cannot be had here"))),
            _ => Err(bad(format!("{field}: a file has `content` or `fileId`"))),
        }
    }

    fn collector(self) -> Result<Collector, Refused> {
        match self {
            CmdFile { stream_in: None, stream_out: None, name: Some(name), max, .. } => {
                Ok(Collector { name, max })
            }
            _ => Err(bad("files: an output has `name` and `max`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn plan(value: Value) -> Result<Plan, String> {
        let find = |id: &str| (id == "known").then(|| ("n".to_owned(), Arc::from(&b"kept"[..])));
        let run: Run = serde_json::from_value(value).map_err(|error| error.to_string())?;
        Plan::new(run, find).map_err(|refused| refused.what.unwrap_or_default())
    }

    #[test]
    fn the_documented_fields_are_read() {
        let plan = plan(json!({"requestId": "x", "cmd": [{
            "args": ["/usr/bin/g++", "a.cc", "-o", "a"],
            "env": ["PATH=/usr/bin:/bin"],
            "files": [{"content": "in"}, {"name": "stdout", "max": 10240}, null],
            "cpuLimit": 10_000_000_000u64, "memoryLimit": 104857600, "procLimit": 50, "strictMemoryLimit": false,
            "copyIn": {"a.cc": {"content": "int main;"}, "b": {"fileId": "known"}},
            "copyOut": ["stdout", "x?"], "copyOutCached": ["a"]
        }]}))
        .unwrap();
        let command = &plan.commands[0];
        assert_eq!((command.limits.cpu_us, command.limits.wall_us), (Some(10_000_000), None));
        assert_eq!((command.limits.memory_bytes, command.limits.pids), (Some(104857600), Some(50)));
        assert_eq!(command.stdin.as_deref(), Some(&b"in"[..]));
        let stdout = Collector { name: "stdout".to_owned(), max: 10240 };
        assert_eq!(command.collectors, [Some(stdout), None]);
        assert_eq!(&*command.copy_in[1].1, b"kept");
        let names: Vec<_> =
            command.copy_out.iter().map(|out| (out.name.as_str(), out.is_optional, out.is_cached)).collect();
        assert_eq!(names, [("stdout", false, false), ("x", true, false), ("a", false, true)]);
    }

    #[test]
    fn pipes_lead_from_an_output_to_an_input() {
        let two = json!([{"args": ["a"]}, {"args": ["b"]}]);
        let pipe = |from: usize, fd: usize, to: usize, input: usize| json!({"in": {"index": from, "fd": fd}, "out": {"index": to, "fd": input}});
        let found = plan(json!({"cmd": two, "pipeMapping": [pipe(0, 1, 1, 0), pipe(1, 1, 0, 0)]})).unwrap();
        assert_eq!((found.pipes[1].from, found.pipes[1].stream, found.pipes[1].to), (1, 1, 0));
        for (pipes, what) in [
            (json!([pipe(0, 1, 2, 0)]), "there is no command of that index"),
            (json!([pipe(0, 3, 1, 0)]), "only from descriptor 1 or 2"),
            (json!([pipe(0, 1, 1, 4)]), "only from descriptor 1 or 2"),
            (json!([pipe(0, 1, 1, 0), pipe(0, 1, 0, 0)]), "a stream has one pipe"),
            (json!([pipe(0, 1, 1, 0), pipe(0, 2, 1, 0)]), "a stream has one pipe"),
        ] {
            let error = plan(json!({"cmd": two, "pipeMapping": pipes})).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_had_is_refused_by_its_name() {
        for (cmd, what) in [
            (json!({"args": []}), "args: a command has a program"),
            (json!({"args": ["a"], "tty": true}), "tty cannot be had here"),
            (json!({"args": ["a"], "cpuSetLimit": "0"}), "cpuSetLimit cannot be had here"),
            (json!({"args": ["a"], "cpuRateLimit": 500}), "cpuRateLimit cannot be had here"),
            (json!({"args": ["a"], "copyOutDir": "/tmp"}), "copyOutDir cannot be had here"),
            (json!({"args": ["a"], "env": ["A"]}), "env: a variable is `NAME=VALUE`"),
            (json!({"args": ["a\0"]}), "NUL"),
            (json!({"args": ["a"], "files": [{"src": "/etc/passwd"}]}), "no file of the host"),
            (json!({"args": ["a"], "files": [{"streamIn": true}]}), "a file has `content` or `fileId`"),
            (json!({"args": ["a"], "files": [null, {"content": "x"}]}), "an output has `name` and `max`"),
            (
                json!({"args": ["a"], "files": [null, null, null, {"content": "x"}]}),
                "the descriptors 0, 1 and 2",
            ),
            (json!({"args": ["a"], "files": [{"fileId": "other"}]}), "there is no file with this id"),
            (json!({"args": ["a"], "copyIn": {"../a": {"content": ""}}}), "copyIn: "),
            (json!({"args": ["a"], "copyIn": {"a": {"symlink": "/etc"}}}), "symlink cannot be had here"),
            (json!({"args": ["a"], "copyOut": ["x", "y", "x"]}), "\"x\" is there twice"),
            (json!({"args": ["a"], "copyOut": ["x?"], "copyOutCached": ["x"]}), "\"x\" is there twice"),
            (
                json!({"args": ["a"], "files": [null, {"name": "o", "max": 1}, {"name": "o", "max": 1}]}),
                "two outputs are called \"o\"",
            ),
        ] {
            let error = plan(json!({"cmd": [cmd]})).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
        assert_eq!(plan(json!({})).unwrap_err(), "no cmd provided");
    }
}
