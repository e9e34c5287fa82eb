//! The two steps of a submission as starts of init.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use bundle::digest::Sha;
use bundle::layout;
use recipe::amount::Unit;
use recipe::language::{Language, Step};
use recipe::placeholder::{Names, WORK_DIR};

use super::args;
use super::request::StepOption;
use super::submission_uid::{SubmissionUid, names_user};
use super::workspace::Workspace;
use crate::init_command::InitCommand;

/// What both steps are made from.
pub struct Steps<'a> {
    /// The bundle, whose init starts both.
    pub bundle: &'a Path,
    /// The tree that becomes `/`.
    pub root: &'a Path,
    /// Where the workspace is mounted.
    pub workspace: &'a Path,
    /// The digest of the tree's manifest, when a report will name it.
    pub digest: Option<&'a Sha>,
    /// The bundle's own limits: they are for the run step.
    pub limits: &'a BTreeMap<String, String>,
    /// How the submission is compiled and run.
    pub language: &'a Language,
    /// The files in the workspace.
    pub names: &'a Names,
    /// The uid of all steps whose options name no user.
    pub uid: Option<&'a SubmissionUid>,
    /// Whether there are several: data may be among them, so that the run step starts where they are.
    pub has_several: bool,
}

/// What a step may do in the workspace.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

impl Steps<'_> {
    /// The compile step: the pack's limits, then the caller's options.
    pub fn compile(&self, options: &[StepOption]) -> Option<InitCommand> {
        let step = self.language.compile.as_ref()?;
        Some(self.start(step, &[&step.limits], options, Access::ReadWrite))
    }

    /// The same, started so that it gets ready and stops; `None` where the pack does not say how.
    pub(super) fn compile_warm(&self, options: &[StepOption]) -> Option<InitCommand> {
        let step = self.language.compile.as_ref()?.warming_up()?;
        Some(self.start(&step, &[&step.limits], options, Access::ReadWrite))
    }

    /// The run step, likewise.
    pub(super) fn run_warm(&self, options: &[StepOption], arguments: &[OsString]) -> Option<InitCommand> {
        let step = self.language.run.warming_up()?;
        let mut init = self.start(&step, &[&step.limits, self.limits], options, Access::ReadOnly);
        init.command(arguments);
        Some(init)
    }

    /// The run step: the pack's limits, the bundle's, then the caller's options; `arguments` are the submission's.
    pub fn run(&self, options: &[StepOption], arguments: &[OsString]) -> InitCommand {
        let step = &self.language.run;
        let mut init = self.start(step, &[&step.limits, self.limits], options, Access::ReadOnly);
        init.command(arguments);
        init
    }

    /// Arguments and environment of a step under the pack's own limits, for a caller that starts it without init.
    pub fn bare(&self, step: &Step) -> (Vec<String>, Vec<String>) {
        let limits = in_force(&[&step.limits], &[]);
        let amounts = step.amounts(limits.iter().map(|(name, amount)| (*name, amount.as_ref())));
        (step.to_args(self.names, &amounts), step.environment(self.names, &amounts))
    }

    /// Bytes that the workspace may take.
    pub fn workspace_size(&self, options: &[StepOption]) -> u64 {
        workspace_size(self.language, options)
    }

    fn start(
        &self,
        step: &Step,
        limits: &[&BTreeMap<String, String>],
        options: &[StepOption],
        access: Access,
    ) -> InitCommand {
        let mut init = InitCommand::new(&self.bundle.join(layout::INIT), self.root);
        if let Some(digest) = self.digest {
            init.reported(digest);
        }
        for layer in limits {
            init.limits(layer);
        }
        let mut bind = self.workspace.as_os_str().to_owned();
        bind.push(format!(":{WORK_DIR}"));
        if access == Access::ReadWrite {
            bind.push(":rw");
        }
        if access == Access::ReadWrite || self.has_several {
            init.option("cwd", WORK_DIR);
        }
        init.option("bind", bind);
        let limits = in_force(limits, options);
        let amounts = step.amounts(limits.iter().map(|(name, amount)| (*name, amount.as_ref())));
        for variable in step.environment(self.names, &amounts) {
            if !sets(options, &variable) {
                init.option("env", variable);
            }
        }
        if let Some(uid) = self.uid.filter(|_| !names_user(options)) {
            uid.add_to(&mut init);
        }
        init.given(options.iter().flat_map(args::to_init_args));
        init.command(step.to_args(self.names, &amounts));
        init
    }
}

/// Bytes that a workspace may take: as many as the compile step may write elsewhere.
pub(super) fn workspace_size(language: &Language, options: &[StepOption]) -> u64 {
    let Some(step) = &language.compile else { return Workspace::SIZE };
    let limits = in_force(&[&step.limits], options);
    limits.get("tmp").and_then(|amount| Unit::Size.parse(amount)).unwrap_or(Workspace::SIZE)
}

/// The limits that hold by name: a later layer wins over an earlier one, and the caller's options over all.
pub(super) fn in_force<'a>(
    layers: &[&'a BTreeMap<String, String>],
    options: &'a [StepOption],
) -> BTreeMap<&'a str, Cow<'a, str>> {
    let of_layers = layers.iter().flat_map(|layer| layer.iter());
    let of_layers = of_layers.map(|(name, amount)| (name.as_str(), Cow::Borrowed(amount.as_str())));
    let of_caller = options.iter().map(|(name, value)| (name.as_str(), value.to_string_lossy()));
    of_layers.chain(of_caller).collect()
}

/// Whether the caller sets the variable of this `NAME=VALUE` too.
fn sets(options: &[StepOption], variable: &str) -> bool {
    let name = |variable: &OsStr| variable.to_string_lossy().split('=').next().map(str::to_owned);
    options.iter().any(|(option, value)| option == "env" && name(value) == name(variable.as_ref()))
}
