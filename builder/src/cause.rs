//! Why a path is in the image: one clause, as the manifest keeps it and as people read it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::closure::{Reason, Why};
use crate::image_path::{ImagePath, Unfit};

/// One reason for one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The kind of reason.
    pub because: Because,
    /// The path that asked for it; absent when a person or the sandbox itself did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<ImagePath>,
    /// What it was asked for as: a soname, a pattern, a service.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The rule that found it, for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
}

/// The kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// Named under `binaries`.
    Requested,
    /// `PT_INTERP` of `by`.
    ElfInterpreter,
    /// `DT_NEEDED` of `by`.
    Needed,
    /// `#!` of `by`.
    ScriptInterpreter,
    /// Opened at run time by `by`.
    Dlopen,
    /// Asked for by nsswitch.conf.
    NssModule,
    /// The link `by` leads here.
    LinkTarget,
    /// Matched by a pattern under `include`.
    Included,
    /// Data that `by` reads, or that a person asked for by name.
    Data,
    /// Given by the recipe under `[files]` or `[symlinks]`.
    Recipe,
    /// Every image has it: accounts, mountpoints, name service.
    Sandbox,
    /// Libraries stand outside the loader's own directories.
    LibraryCache,
    /// The build host's top directories are links into /usr.
    MergedUsr,
    /// Something lies below it.
    Parent,
}

impl Cause {
    /// A reason without particulars.
    pub fn plain(because: Because) -> Cause {
        Cause { because, by: None, name: None, rule: None }
    }

    /// An entry of `include`, named by its pattern.
    pub fn included(pattern: &str) -> Cause {
        Cause { name: Some(printable(pattern)), ..Cause::plain(Because::Included) }
    }

    /// Data by its kind and name, which a library reads or a person asked for.
    pub fn data(name: &str, reader: Option<&ImagePath>) -> Cause {
        Cause { by: reader.cloned(), name: Some(printable(name)), ..Cause::plain(Because::Data) }
    }

    /// What the link `by` leads to.
    pub fn target_of(by: &ImagePath) -> Cause {
        Cause { by: Some(by.clone()), ..Cause::plain(Because::LinkTarget) }
    }

    /// From the resolver's reason.
    pub fn from_reason(reason: &Reason) -> Result<Cause, Unfit> {
        let by = reason.by.as_deref().map(ImagePath::new).transpose()?;
        let (because, name, rule) = match &reason.why {
            Why::Requested => (Because::Requested, None, None),
            Why::ElfInterpreter => (Because::ElfInterpreter, None, None),
            Why::Needed { soname, rule } => {
                (Because::Needed, Some(printable(&soname.to_string_lossy())), Some(printable(rule)))
            }
            Why::ScriptInterpreter => (Because::ScriptInterpreter, None, None),
            Why::Dlopen { soname, priority } => {
                (Because::Dlopen, Some(printable(&soname.to_string_lossy())), Some(printable(priority)))
            }
            Why::NssModule { service } => (Because::NssModule, Some(printable(service)), None),
            Why::LinkTarget => (Because::LinkTarget, None, None),
        };
        Ok(Cause { because, by, name, rule })
    }
}

/// Names out of files are anybody's: a newline in one must not start a line of a script or a report.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = self.by.as_ref().map_or("?", ImagePath::as_str);
        let name = self.name.as_deref().unwrap_or("?");
        let rule = self.rule.as_deref().unwrap_or("?");
        match self.because {
            Because::Requested => f.write_str("requested"),
            Because::ElfInterpreter => write!(f, "ELF interpreter of {by}"),
            Because::Needed => write!(f, "needed by {by} as {name} ({rule})"),
            Because::ScriptInterpreter => write!(f, "runs the script {by}"),
            Because::Dlopen => write!(f, "opened by {by} at run time as {name} ({rule})"),
            Because::NssModule => write!(f, "name service `{name}`"),
            Because::LinkTarget => write!(f, "target of the link {by}"),
            Because::Included => write!(f, "included by `{name}`"),
            Because::Data => match &self.by {
                Some(reader) => write!(f, "{name}, which {reader} reads"),
                None => write!(f, "{name}, asked for"),
            },
            Because::Recipe => f.write_str("given by the recipe"),
            Because::Sandbox => f.write_str("part of every sandbox"),
            Because::LibraryCache => f.write_str("leads the loader to libraries outside its own directories"),
            Because::MergedUsr => f.write_str("a top directory that is a link into /usr"),
            Because::Parent => f.write_str("directory of what lies below it"),
        }
    }
}
