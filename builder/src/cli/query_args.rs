//! Arguments of questions: `explain` and `closure`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser};
use closure::resolve::{Options, Root};
use recipe::{LoaderPrefs, byte_text};

use super::image_args::LoadingArgs;
use super::one_of::one_of;
use super::path::{absolute, is_bare};
use super::request::Request;
use crate::error::Error;
use crate::query::explain::{Explain, ExplainForm, Question};

/// The forms of an answer, by their words in [`form`].
const FORMS: [ExplainForm; 3] = [ExplainForm::Text, ExplainForm::Json, ExplainForm::Dot];

fn form(form: ExplainForm) -> &'static str {
    match form {
        ExplainForm::Text => "text",
        ExplainForm::Json => "json",
        ExplainForm::Dot => "dot",
    }
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The bundle
    bundle: PathBuf,
    /// A path inside the image
    path: Option<OsString>,
    /// The form of the answer
    #[arg(long, value_parser = one_of(&FORMS, form), default_value = "text")]
    format: ExplainForm,
    /// Print how many bytes come from which package
    #[arg(long, conflicts_with_all = ["path", "format", "report", "why_not"])]
    sizes: bool,
    /// Write an HTML page with a picture of where the bytes are
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "format", "why_not"])]
    report: Option<PathBuf>,
    /// List every path that a loader tries for a library, with the result
    #[arg(long, value_name = "SONAME", conflicts_with_all = ["path", "format"])]
    why_not: Option<OsString>,
    /// The tree that --why-not reads
    #[arg(long, value_name = "DIR", default_value = "/", requires = "why_not")]
    sysroot: PathBuf,
}

/// `capsule closure` alone: the tree of all commands takes as long to build as a closure of ten programs does.
#[derive(Debug, Parser)]
#[command(name = "closure")]
pub(super) struct ClosureLine {
    #[command(flatten)]
    pub(super) args: ClosureArgs,
}

#[derive(Debug, Args)]
pub(super) struct ClosureArgs {
    /// Programs, libraries and directories; bare names are looked up on PATH inside the sysroot
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Read this tree; no link leads out of it
    #[arg(long, value_name = "DIR", default_value = "/")]
    sysroot: PathBuf,
    #[command(flatten)]
    loading: LoadingArgs,
}

impl ExplainArgs {
    pub(super) fn into_question(self) -> Result<Explain, Error> {
        let question = match (self.path, self.report, self.why_not) {
            (Some(path), _, _) => Question::Path(byte_text::from_os(&path).into_owned(), self.format),
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
    pub(super) fn into_request(self) -> Result<Request, Error> {
        let root = |path: &PathBuf| match is_bare(path) {
            true => Ok(Root::Name(path.into())),
            false => absolute(path).map(Root::Path),
        };
        let roots = self.paths.iter().map(root).collect::<Result<_, _>>()?;
        let options = LoaderPrefs::from(self.loading).options(absolute(&self.sysroot)?);
        Ok(Request::Closure { options, roots })
    }
}
