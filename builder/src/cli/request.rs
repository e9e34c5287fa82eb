//! One invocation of capsule, already validated: nothing after this sees a flag.

use std::ffi::OsString;
use std::path::PathBuf;

use closure::{audit, resolve};
use image::ImageRequest;
use image::build::BuildRequest;
use run::command::Run;
use run::doctor;
use run::exec::ExecRequest;

use crate::query::explain::Explain;
use crate::query::judge::JudgeCommand;
use crate::query::problem::ProblemRequest;
use crate::tool::bench;
use crate::tool::calibrate::CalibrateRequest;
use crate::tool::pack::PackRequest;
use crate::tool::seccomp::CompileRequest;
use crate::tool::serve::ServeCommand;
use crate::tool::trace::TraceRequest;

/// One invocation of capsule.
#[derive(Debug)]
pub enum Request {
    /// `capsule build`
    Build {
        /// The bundle.
        build: BuildRequest,
        /// Whether its programs are started once it is finished.
        check: bool,
        /// Whether programs of the image make files of it first.
        prepare: bool,
    },
    /// `capsule script`
    Script(ImageRequest),
    /// `capsule explain`
    Explain(Explain),
    /// `capsule verify`
    Verify {
        /// The bundle.
        bundle: PathBuf,
    },
    /// `capsule diff`
    Diff {
        /// Before.
        one: PathBuf,
        /// After.
        other: PathBuf,
    },
    /// `capsule closure`
    Closure {
        /// In which tree, and how.
        options: resolve::Options,
        /// Programs, libraries and directories.
        roots: Vec<resolve::Root>,
    },
    /// `capsule audit`
    Audit(audit::Options),
    /// `capsule audit --lint`
    Lint(audit::Options),
    /// `capsule trace`
    Trace(TraceRequest),
    /// `capsule run`, `shell`: become the bundle's init.
    Run(Run),
    /// `capsule exec`
    Exec(ExecRequest),
    /// `capsule pack`
    Pack(PackRequest),
    /// `capsule judge`
    Judge(JudgeCommand),
    /// `capsule problem`
    Problem(ProblemRequest),
    /// `capsule isolate`, and a program of that name, with its arguments unread.
    Isolate(Vec<OsString>),
    /// `capsule serve`
    Serve(ServeCommand),
    /// `capsule worker`
    Worker(ServeCommand),
    /// `capsule prove`, with its arguments unread: become `capsule-prove`.
    Prove(Vec<OsString>),
    /// `capsule bench`
    Bench(bench::Bench),
    /// `capsule doctor`
    Doctor(doctor::Form),
    /// `capsule doctor --timing`
    DoctorTiming(doctor::Form),
    /// `capsule calibrate`
    Calibrate(CalibrateRequest),
    /// `capsule completions`: what the command line knows of itself.
    Print(String),
    /// `capsule seccomp compile`
    CompilePolicy(CompileRequest),
}
