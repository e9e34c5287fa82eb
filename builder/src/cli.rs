//! The command line: clap structs, and their one conversion to a [`Request`]. Nothing else imports clap.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::arch::Level;
use crate::audit;
use crate::bench;
use crate::dlopen::DlopenLevel;
use crate::doctor;
use crate::error::Error;
use crate::exec;
use crate::formats::Format;
use crate::name_pattern::{Case, NamePattern};
use crate::pack;
use crate::packs;
use crate::pattern::Pattern;
use crate::recipe::{Allowance, Asked, Data, Guard, Loading, Mistake, Place, Recipe};
use crate::request::{self, Build, Explain, ExplainForm, Image, Question, Request, Run, RunWhat, Trace};
use crate::resolve::Options;
use crate::resolve::Root;
use crate::seccomp::CompileRequest;
use crate::staging::Existing;

/// From a list of binaries to a judge sandbox that is proven on a clean kernel.
#[derive(Debug, Parser)]
#[command(name = "capsule", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a bundle: a root filesystem with everything the binaries need, and the runner beside it
    Build(BuildArgs),
    /// Print build.sh, which makes the same root filesystem with mkdir, cp and ln; write nothing
    Script(ImageArgs),
    /// Say why a file is in a bundle; without a path, show the tree of who asked for what
    Explain(ExplainArgs),
    /// Compare a bundle's tree with its manifest; exit 1 and list what differs
    Verify {
        /// The bundle
        bundle: PathBuf,
    },
    /// Say what differs between two bundles; exit 1 when something does
    Diff {
        /// Before
        one: PathBuf,
        /// After
        other: PathBuf,
    },
    /// List every file that is needed to start programs or to load libraries, one path a line; a directory stands
    /// for all dynamic ELF files in it. Exit 1, and say why, when something is missing
    Closure(ClosureArgs),
    /// Compare our answer for every dynamic ELF file of a root with that of the root's own loader
    Audit {
        /// The tree
        #[arg(long, value_name = "DIR", default_value = "/")]
        root: PathBuf,
        /// Say instead what the loader accepts and a person should know: dlopen without a note, run paths that
        /// depend on the working directory, libraries that only a cache leads to
        #[arg(long)]
        lint: bool,
        /// Directories inside it; all of its file system by default
        directories: Vec<PathBuf>,
    },
    /// Run a command here and list the files it opens that the image lacks: capsule trace [OPTION…] -- COMMAND [ARGUMENT…]
    Trace(ImageArgs),
    /// Run a command in a bundle's sandbox: capsule run BUNDLE [OPTION…] -- COMMAND [ARGUMENT…]
    Run(RunArgs),
    /// Compile and run one submission: capsule exec BUNDLE [--lang L] SOURCE [OPTION…] [-- ARGUMENT…] < input
    ///
    /// Options of `capsule run` are for the run step; with `--compile-` before their names, for the compile step.
    /// Exit code 122 means that it does not compile.
    Exec(RunArgs),
    /// Boot a bundle on clean kernels, attack its sandbox there, and keep the proof: capsule prove BUNDLE [--kernel PATH]
    #[command(disable_help_flag = true)]
    Prove {
        /// Bundle and options; `capsule prove --help` explains them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORD")]
        words: Vec<OsString>,
    },
    /// Open a shell on this terminal in a bundle's sandbox
    Shell(RunArgs),
    /// Say what this host can enforce, what each missing thing weakens, and what mends it
    Doctor {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Measure what a run costs beside its peers, or how exactly limits hold
    Bench {
        /// What to measure
        #[arg(value_enum, default_value = "run")]
        what: bench::What,
        /// How many times each; 200 for `run`, 50 for `limits`, 20 for `packs` unless given
        #[arg(long, value_name = "N")]
        rounds: Option<usize>,
        /// Of `packs` only this one; may be given more than once
        #[arg(long = "pack", value_name = "NAME")]
        packs: Vec<String>,
    },
    /// Packs: sets of files for a purpose, mostly a language
    #[command(subcommand)]
    Pack(PackCommand),
    /// Print what makes a shell complete our words: source <(capsule completions bash)
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// System-call policies of your own
    #[command(subcommand)]
    Seccomp(SeccompCommand),
}

#[derive(Debug, Subcommand)]
enum PackCommand {
    /// List the packs that come with capsule
    List,
    /// Print a pack: a file to start your own from
    Show {
        /// Its name, or a file of your own
        name: String,
    },
    /// Say what this machine lacks for packs, and the command that brings it; exit 1 when something is lacking
    Check {
        /// Their names, or files of your own; all by default
        names: Vec<String>,
    },
    /// Run a pack's tests in its image and with all of this machine, and say which files are missing or never used
    Trace {
        /// Its name, or a file of your own
        name: String,
        /// Programs beside the pack's own tests: all files with its language's ending
        #[arg(long, value_name = "DIR")]
        tests: Vec<PathBuf>,
        /// List every file that is never opened, not their directories
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
enum SeccompCommand {
    /// Compile a readable policy to the file that `init run --seccomp FILE` takes
    Compile {
        /// The policy; init/policy/default.policy of capsule's source is one, and explains the language
        policy: PathBuf,
        /// Where to write it; otherwise beside the policy, with the extension `bpf`
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct ImageArgs {
    /// Programs: paths, or names that are looked up on PATH inside the sysroot
    binaries: Vec<PathBuf>,
    /// A recipe (TOML) that says what else is wanted
    #[arg(short, long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// Packs: by name, as `capsule pack list` shows them, or a file of your own, `./my.toml`
    #[arg(long, value_delimiter = ',', value_name = "PACK")]
    pack: Vec<String>,
    /// Files, directories and globs of the build host, kept at their paths
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::new)]
    include: Vec<Pattern>,
    /// Take everything from another tree, without following any link out of it
    #[arg(long, value_name = "DIR", default_value = "/")]
    sysroot: PathBuf,
    #[command(flatten)]
    loading: LoadingArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Lift a guard for paths, as in `unowned=/opt/**`: unowned, modified, shim, setuid, capabilities, world_writable
    #[arg(long, value_name = "GUARD=PATTERN", value_parser = allowance)]
    allow: Vec<Allowance>,
}

/// How libraries are chosen.
#[derive(Debug, Args)]
struct LoadingArgs {
    /// Directories to search for libraries first, as LD_LIBRARY_PATH
    #[arg(long, value_name = "DIR")]
    library_path: Vec<PathBuf>,
    /// How much of what programs open at run time comes along [default: recommended]
    #[arg(long, value_enum, value_name = "LEVEL")]
    dlopen: Option<DlopenLevel>,
    /// The most capable CPU that the image is for; what any CPU can load is always there [default: x86-64]
    #[arg(long, value_enum, value_name = "LEVEL")]
    cpu: Option<Level>,
}

/// Data that programs read by convention.
#[derive(Debug, Args)]
struct DataArgs {
    /// Terminal descriptions; `none` for none [default: xterm*,linux,screen*,tmux*,vt100 where something reads them]
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    terminfo: Vec<String>,
    /// Locales; `none` for none [default: C.UTF-8 where something reads it]
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    locale: Vec<String>,
    /// Time zones, as in `Europe/Berlin`; `*` for all
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    timezone: Vec<String>,
    /// Character sets that iconv(3) converts, as in `ISO-8859-1`; `*` for all
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    charset: Vec<String>,
    /// The certificates of public authorities
    #[arg(long)]
    certificates: bool,
}

#[derive(Debug, Args)]
struct BuildArgs {
    #[command(flatten)]
    image: ImageArgs,
    /// The bundle to make
    #[arg(short, long, value_name = "BUNDLE")]
    output: PathBuf,
    /// Swap the finished bundle in when one stands there already
    #[arg(long)]
    replace: bool,
    /// Forms of the image
    #[arg(long, value_enum, value_delimiter = ',', default_value = "dir,cpio")]
    format: Vec<Format>,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// The bundle
    bundle: PathBuf,
    /// A path inside the image
    path: Option<String>,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: ExplainForm,
    /// Show how many bytes come from which package
    #[arg(long, conflicts_with_all = ["path", "format", "report", "why_not"])]
    sizes: bool,
    /// Write a page with a picture of where the bytes are
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "format", "why_not"])]
    report: Option<PathBuf>,
    /// List every path that a loader tries for a library, and what came of it
    #[arg(long, value_name = "SONAME", conflicts_with_all = ["path", "format"])]
    why_not: Option<OsString>,
    /// The tree that --why-not looks in
    #[arg(long, value_name = "DIR", default_value = "/", requires = "why_not")]
    sysroot: PathBuf,
}

#[derive(Debug, Args)]
struct ClosureArgs {
    /// Programs, libraries and directories; bare names are looked up on PATH inside the sysroot
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Look in another tree, without following any link out of it
    #[arg(long, value_name = "DIR", default_value = "/")]
    sysroot: PathBuf,
    #[command(flatten)]
    loading: LoadingArgs,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The bundle
    bundle: PathBuf,
    /// Options of `init run`; see `BUNDLE/init run --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<OsString>,
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &Format::ALL
    }
    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.word()))
    }
}

impl ValueEnum for DlopenLevel {
    fn value_variants<'a>() -> &'a [Self] {
        &DlopenLevel::ALL
    }
    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.word()))
    }
}

impl ValueEnum for Level {
    fn value_variants<'a>() -> &'a [Self] {
        &Level::ALL
    }
    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.word()))
    }
}

impl ValueEnum for bench::What {
    fn value_variants<'a>() -> &'a [Self] {
        &[bench::What::Run, bench::What::Limits, bench::What::Packs]
    }
    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            bench::What::Run => "run",
            bench::What::Limits => "limits",
            bench::What::Packs => "packs",
        }))
    }
}

impl ValueEnum for ExplainForm {
    fn value_variants<'a>() -> &'a [Self] {
        &[ExplainForm::Text, ExplainForm::Json, ExplainForm::Dot]
    }
    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let word = match self {
            ExplainForm::Text => "text",
            ExplainForm::Json => "json",
            ExplainForm::Dot => "dot",
        };
        Some(clap::builder::PossibleValue::new(word))
    }
}

/// Parses this process's arguments. Exits by itself with 2 on a usage error, and with 0 for `--help`.
pub fn request() -> Result<Request, Error> {
    let (ours, command) = split_command(env::args_os().collect());
    passed_on(&ours).unwrap_or_else(|| Cli::parse_from(ours).command).into_request(command)
}

/// A command that judges start for each submission, and whose words behind the bundle pass as they are: to build clap's
/// tree of all commands for that takes longer than all else that this program does then. `None` where clap has to speak.
fn passed_on(words: &[OsString]) -> Option<Command> {
    let [_, command, bundle, options @ ..] = words else { return None };
    let is_option = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
    let is_help = |word: &OsString| word == "--help" || word.as_encoded_bytes().starts_with(b"-h");
    if bundle.is_empty() || is_option(bundle) || options.first().is_some_and(is_help) {
        return None;
    }
    let words = || RunArgs { bundle: bundle.into(), options: options.to_vec() };
    match command.to_str()? {
        "run" => Some(Command::Run(words())),
        "exec" => Some(Command::Exec(words())),
        _ => None,
    }
}

/// The commands whose arguments hold words that are not ours.
const SPLIT: [&str; 3] = ["run", "trace", "exec"];

/// What follows the first `--` of these is somebody else's, and none of it is ours to read.
fn split_command(mut arguments: Vec<OsString>) -> (Vec<OsString>, Option<Vec<OsString>>) {
    if !arguments.get(1).is_some_and(|command| SPLIT.iter().any(|split| command == split)) {
        return (arguments, None);
    }
    match arguments.iter().position(|argument| argument == "--") {
        Some(at) => {
            let command = arguments.split_off(at + 1);
            arguments.pop();
            (arguments, Some(command))
        }
        None => (arguments, None),
    }
}

impl Command {
    fn into_request(self, command: Option<Vec<OsString>>) -> Result<Request, Error> {
        Ok(match self {
            Command::Build(args) => Request::Build(args.into_request()?),
            Command::Script(args) => Request::Script(args.into_image()?),
            Command::Explain(args) => Request::Explain(args.into_question()?),
            Command::Verify { bundle } => Request::Verify { bundle },
            Command::Diff { one, other } => Request::Diff { one, other },
            Command::Closure(args) => args.into_request()?,
            Command::Audit { root, lint, directories } => {
                let whole = audit::Options::default().directories;
                let directories = if directories.is_empty() { whole } else { directories };
                let options = audit::Options { root, directories };
                if lint { Request::Lint(options) } else { Request::Audit(options) }
            }
            Command::Trace(mut args) => {
                let command = command.filter(|command| !command.is_empty()).ok_or(Error::NoCommand)?;
                args.binaries.push(PathBuf::from(&command[0]));
                Request::Trace(Trace { image: args.into_image()?, command })
            }
            Command::Prove { words } => Request::Prove(words),
            Command::Bench { what, rounds, packs } => Request::Bench(bench::Bench { what, rounds, packs }),
            Command::Doctor { json } => {
                Request::Doctor(if json { doctor::Form::Json } else { doctor::Form::Text })
            }
            Command::Run(RunArgs { bundle, options }) => {
                let command = command.filter(|command| !command.is_empty()).ok_or(Error::NoCommand)?;
                Request::Run(Run { bundle, what: RunWhat::Command { options, command } })
            }
            Command::Exec(RunArgs { bundle, options }) => {
                Request::Exec(exec::parse(bundle, options, command.unwrap_or_default())?)
            }
            Command::Shell(RunArgs { bundle, options }) => {
                Request::Run(Run { bundle, what: RunWhat::Shell { options } })
            }
            Command::Pack(command) => Request::Pack(match command {
                PackCommand::List => pack::Ask::List,
                PackCommand::Show { name } => pack::Ask::Show(name),
                PackCommand::Check { names } => pack::Ask::Check(names),
                PackCommand::Trace { name, tests, all } => {
                    pack::Ask::Trace(pack::Tracing { name, tests, all })
                }
            }),
            Command::Completions { shell } => Request::Tell(completions(shell)),
            Command::Seccomp(SeccompCommand::Compile { policy, output }) => {
                Request::CompilePolicy(CompileRequest { policy, output })
            }
        })
    }
}

/// The shell's script, made from the definition above.
fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "capsule", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

impl ExplainArgs {
    fn into_question(self) -> Result<Explain, Error> {
        let question = match (self.path, self.report, self.why_not) {
            (Some(path), _, _) => Question::Path(path, self.format),
            (None, Some(file), _) => Question::Report(file),
            (None, None, Some(soname)) => {
                let sysroot = absolute(&self.sysroot)?;
                Question::WhyNot { soname, options: Options { sysroot, ..Options::default() } }
            }
            (None, None, None) if self.sizes => Question::Sizes,
            (None, None, None) => Question::All(self.format),
        };
        Ok(Explain { bundle: self.bundle, question })
    }
}

impl ClosureArgs {
    fn into_request(self) -> Result<Request, Error> {
        let root = |path: &PathBuf| match is_bare(path) {
            true => Ok(Root::Name(path.into())),
            false => absolute(path).map(Root::Path),
        };
        let roots = self.paths.iter().map(root).collect::<Result<_, _>>()?;
        let options = Loading::from(self.loading).options(absolute(&self.sysroot)?);
        Ok(Request::Closure { options, roots })
    }
}

impl BuildArgs {
    fn into_request(self) -> Result<Build, Error> {
        let existing = if self.replace { Existing::Replace } else { Existing::Keep };
        let formats: BTreeSet<Format> = self.format.into_iter().collect();
        Ok(Build { image: self.image.into_image()?, output: self.output, existing, formats })
    }
}

impl ImageArgs {
    fn asks_for_nothing(&self) -> bool {
        self.binaries.is_empty() && self.pack.is_empty() && self.include.is_empty()
    }

    fn into_image(self) -> Result<Image, Error> {
        let mut recipe = match &self.recipe {
            Some(file) => Recipe::load(file)?,
            None if self.asks_for_nothing() => return Err(Error::NothingAsked),
            None => Recipe { packs: vec![asked(packs::HELLO.to_owned())], ..Recipe::default() },
        };
        for binary in &self.binaries {
            recipe.binaries.push(asked(binary_name(binary)?));
        }
        recipe.packs.extend(self.pack.into_iter().map(asked));
        recipe.include.extend(self.include.into_iter().map(asked));
        recipe.allow.extend(self.allow.into_iter().map(asked));
        packs::unfold(&mut recipe)?;
        recipe.data.merge(self.data.into_data()?);
        recipe.loading.merge(self.loading.into());
        let sysroot = absolute(&self.sysroot)?;
        let options = recipe.loading.options(sysroot);
        let time = request::image_time(env::var("SOURCE_DATE_EPOCH").ok().as_deref())?;
        Ok(Image { recipe, options, time })
    }
}

impl From<LoadingArgs> for Loading {
    fn from(args: LoadingArgs) -> Loading {
        Loading { cpu: args.cpu, dlopen: args.dlopen, library_path: args.library_path }
    }
}

impl DataArgs {
    fn into_data(self) -> Result<Data, Error> {
        let said = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let some = |list: Option<Vec<String>>| list.map(|list| names(list, Case::Told)).transpose();
        Ok(Data {
            terminfo: some(said(self.terminfo))?,
            locales: some(said(self.locale))?,
            timezones: names(self.timezone, Case::Told)?,
            charsets: names(self.charset, Case::Ignored)?,
            certificates: self.certificates.then_some(Place::CommandLine),
        })
    }
}

/// The word for an empty list, which a recipe writes as `[]`.
const NONE: &str = "none";

fn names(list: Vec<String>, case: Case) -> Result<Vec<Asked<NamePattern>>, Error> {
    let name = |text: String| match NamePattern::new(&text, case) {
        Ok(name) => Ok(asked(name)),
        Err(what) => Err(Error::Recipe(Mistake { at: Place::CommandLine, what, hint: None })),
    };
    list.into_iter().filter(|text| text != NONE).map(name).collect()
}

/// A bare name stays one; a path becomes absolute, as a shell's user means it.
fn binary_name(binary: &Path) -> Result<String, Error> {
    let path = if is_bare(binary) { binary.to_path_buf() } else { absolute(binary)? };
    let unfit = || Error::Unfit { path: binary.to_path_buf(), unfit: crate::image_path::Unfit::NotText };
    path.to_str().map(str::to_owned).ok_or_else(unfit)
}

/// `bash`, not `./bash` or `bin/bash`.
fn is_bare(path: &Path) -> bool {
    path.components().count() == 1 && !path.has_root() && !path.starts_with(".") && !path.starts_with("..")
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| Error::read(path, error))
}

fn asked<T>(value: T) -> Asked<T> {
    Asked { value, at: Place::CommandLine }
}

fn allowance(text: &str) -> Result<Allowance, String> {
    let known = || Guard::ALL.map(Guard::key).join(", ");
    let (key, pattern) =
        text.split_once('=').ok_or_else(|| format!("write GUARD=PATTERN; guards are {}", known()))?;
    let guard =
        Guard::from_key(key).ok_or_else(|| format!("unknown guard `{key}`; known are {}", known()))?;
    Ok(Allowance { guard, pattern: Pattern::new(pattern)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is passed on without clap is what clap would have passed on; and what clap refuses or answers itself is not.
    #[test]
    fn clap_would_say_the_same() {
        let rests = [
            "",
            "B",
            "B --cpu-time 1s",
            "B x --help",
            "B --help",
            "B -h",
            "B -hx",
            "B -x",
            "B -",
            "-x B",
            "--help",
        ];
        let lines =
            ["run", "exec"].into_iter().flat_map(|command| rests.map(|rest| format!("{command} {rest}")));
        let mut passed = 0;
        for line in lines.chain(["shell B", "verify B", "nothing B"].map(str::to_owned)) {
            let Some(command) = passed_on(&words(&format!("capsule {line}"))) else { continue };
            let clap = Cli::try_parse_from(words(&format!("capsule {line}"))).expect(&line).command;
            assert_eq!(format!("{command:?}"), format!("{clap:?}"), "{line}");
            passed += 1;
        }
        assert_eq!(passed, 10);
        let empty = ["capsule", "run", ""].map(OsString::from);
        assert!(passed_on(&empty).is_none() && Cli::try_parse_from(empty).is_err());
    }

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_command_of_run_starts_after_the_first_double_dash() {
        let (ours, command) = split_command(words("capsule run B --cpu-time 1s -- ls -- -l"));
        assert_eq!(ours, words("capsule run B --cpu-time 1s"));
        assert_eq!(command, Some(words("ls -- -l")));
        let Command::Run(args) = Cli::parse_from(ours).command else { panic!("run") };
        assert_eq!(args.options, words("--cpu-time 1s"));
    }

    #[test]
    fn names_stay_names_and_paths_become_absolute() {
        assert_eq!(binary_name(Path::new("bash")).expect("text"), "bash");
        assert_eq!(binary_name(Path::new("/bin/bash")).expect("text"), "/bin/bash");
        assert!(binary_name(Path::new("./a.out")).expect("text").starts_with('/'));
    }
}
