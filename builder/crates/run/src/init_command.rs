//! The argument vector of `init run`, built in one place for every caller that starts a sandbox.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use bundle::digest::Sha;
use bundle::layout;
use memchr::memmem;

use crate::error::Error;
use crate::kernel_holes;

/// Options of init whose value may be `fd:N`.
const NAME_DESCRIPTORS: [&str; 3] = ["--report", "--start-on", "--uid-lock"];

/// The number of the first descriptor after the streams.
const FIRST_NAMED: usize = 3;

/// One start of init. If an option is given twice, init takes the last value, so callers add defaults first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitCommand {
    init: PathBuf,
    options: Vec<OsString>,
    command: Vec<OsString>,
}

impl InitCommand {
    /// `init run --root ROOT`.
    pub fn new(init: &Path, root: &Path) -> InitCommand {
        let options = ["run".into(), "--root".into(), root.into()].into();
        InitCommand { init: init.to_path_buf(), options, command: Vec::new() }
    }

    /// The bundle's own init on the bundle's own tree.
    pub fn of_bundle(bundle: &Path) -> InitCommand {
        InitCommand::new(&bundle.join(layout::INIT), &bundle.join(layout::ROOTFS))
    }

    /// Adds `--NAME VALUE`; `name` is without its dashes.
    pub fn option(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut InitCommand {
        self.options.extend([format!("--{name}").into(), value.as_ref().to_owned()]);
        self
    }

    /// Adds `--NAME`, an option without a value.
    pub fn flag(&mut self, name: &str) -> &mut InitCommand {
        self.options.push(format!("--{name}").into());
        self
    }

    /// Has the report name the image, and the holes of this machine's kernel where they are known.
    pub fn reported(&mut self, digest: &Sha) -> &mut InitCommand {
        self.option("rootfs-digest", digest.as_str());
        if let Some(holes) = kernel_holes::of_this_machine().filter(|_| knows_known_bad(&self.init)) {
            let names: Vec<String> = holes.map(|hole| format!("\"{}\"", hole.cve)).collect();
            self.option("known-bad", format!("[{}]", names.join(",")));
        }
        self
    }

    /// Adds limits by their options' names without dashes.
    pub fn limits(&mut self, limits: &BTreeMap<String, String>) -> &mut InitCommand {
        for (name, amount) in limits {
            self.option(name, amount);
        }
        self
    }

    /// Adds options as a caller wrote them.
    pub fn given(&mut self, options: impl IntoIterator<Item = OsString>) -> &mut InitCommand {
        self.options.extend(options);
        self
    }

    /// Adds to the program and its arguments.
    pub fn command(&mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> &mut InitCommand {
        self.command.extend(args.into_iter().map(Into::into));
        self
    }

    /// The program that is started.
    pub fn init(&self) -> &Path {
        &self.init
    }

    /// Everything after the program's name: `run`, options, `--`, command.
    pub fn to_args(&self) -> Vec<OsString> {
        [self.options.as_slice(), &["--".into()], &self.command].concat()
    }

    /// The program's name and [`InitCommand::to_args`].
    pub fn to_argv(&self) -> Vec<OsString> {
        [vec![self.init.clone().into_os_string()], self.to_args()].concat()
    }

    /// The same as a request of `init-serve`: strings that each end with a NUL, and the numbers of this process's
    /// descriptors that options name, in the order of the numbers that they get, from 3 on. `None`: a string has a NUL of its
    /// own, after which it would go on as another one.
    ///
    /// `word` says what the caller asks for: `run` or `warm`.
    pub(crate) fn to_request(&self, name: &str, word: &str) -> Option<(Vec<u8>, Vec<i32>)> {
        let mut named = Vec::new();
        let mut options = self.options.clone();
        options[0] = word.into();
        for at in 1..options.len() {
            let takes_one = NAME_DESCRIPTORS.iter().any(|option| options[at - 1] == *option);
            let number = options[at].to_str().and_then(|value| value.strip_prefix("fd:")?.parse().ok());
            if let (Some(number), true) = (number, takes_one) {
                options[at] = format!("fd:{}", FIRST_NAMED + named.len()).into();
                named.push(number);
            }
        }
        let first = OsString::from(name);
        let dashes = OsString::from("--");
        let all = [&first].into_iter().chain(&options).chain([&dashes]).chain(&self.command);
        let all: Vec<&[u8]> = all.map(|arg| arg.as_bytes()).collect();
        let is_whole = !all.iter().any(|arg| arg.contains(&0));
        is_whole.then(|| ([all.join(&0), vec![0]].concat(), named))
    }

    /// To be started with streams and environment of the caller's choice.
    pub fn to_process(&self) -> Command {
        let mut process = Command::new(&self.init);
        process.args(self.to_args());
        process
    }

    /// Becomes init, execve(2). Returns only with an error.
    pub fn exec(&self) -> Error {
        let error = self.to_process().exec();
        Error::Start { path: self.init.clone(), error }
    }
}

/// Whether an init has the option `--known-bad`, which not every bundle's has: the names stand in it as they are. One that
/// cannot be read cannot be started either.
///
/// A judge starts the same one for each test, and does not read it each time.
fn knows_known_bad(init: &Path) -> bool {
    static LAST: Mutex<Option<([i64; 5], bool)>> = Mutex::new(None);
    let Ok(facts) = fs::metadata(init) else { return false };
    let [device, inode, size] = [facts.dev(), facts.ino(), facts.size()].map(u64::cast_signed);
    let identity = [device, inode, size, facts.ctime(), facts.ctime_nsec()];
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, answer)) = *last
        && of == identity
    {
        return answer;
    }
    let answer = fs::read(init).is_ok_and(|bytes| memmem::find(&bytes, b"--known-bad").is_some());
    *last = Some((identity, answer));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_the_order_in_which_they_were_added() {
        let mut command = InitCommand::of_bundle(Path::new("B"));
        let limits = BTreeMap::from([("cpu-time".to_owned(), "1s".to_owned())]);
        command
            .limits(&limits)
            .flag("tty")
            .given(["--cpu-time".into(), "2s".into()])
            .command(["/bin/ls", "--"]);
        let line = command.to_argv().join(OsStr::new(" "));
        assert_eq!(line, "B/init run --root B/rootfs --cpu-time 1s --tty --cpu-time 2s -- /bin/ls --");
    }

    #[test]
    fn an_init_that_is_older_than_an_option_does_not_get_it() {
        let directory = tempfile::tempdir().unwrap();
        let init = directory.path().join("init");
        let knows = |content: &[u8]| {
            fs::write(&init, content).unwrap();
            knows_known_bad(&init)
        };
        assert!(knows(bundle::init::INIT));
        assert!(!knows(b"\x7fELF --report --rootfs-digest"));
        fs::remove_file(&init).unwrap();
        assert!(!knows_known_bad(&init));
    }

    #[test]
    fn a_request_names_descriptors_by_their_place_in_it() {
        let mut command = InitCommand::new(Path::new("init"), Path::new("/r"));
        command.option("report", "fd:9").option("hostname", "fd:5").option("start-on", "fd:12");
        command.command(["--report", "fd:9"]);
        let (request, named) = command.to_request("7", "run").unwrap();
        let wanted = "7 run --root /r --report fd:3 --hostname fd:5 --start-on fd:4 -- --report fd:9 ";
        assert_eq!(
            (String::from_utf8(request).unwrap().replace('\0', " ").as_str(), named),
            (wanted, vec![9, 12])
        );
    }

    #[test]
    fn a_string_with_a_nul_makes_no_request() {
        let with = |option: &str, argument: &str| {
            let mut command = InitCommand::new(Path::new("init"), Path::new("/r"));
            command.option("env", option).command([argument]).to_request("7", "run")
        };
        assert!(with("A=b", "c").is_some());
        assert_eq!(with("A=b\0--net\0host", "c"), None);
        assert_eq!(with("A=b", "c\0d"), None);
    }
}
