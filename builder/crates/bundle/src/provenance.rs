//! Why a path is in the image: a value for the manifest, and its text for explanations and errors.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use closure::{Reason, Why};
use recipe::RequestId;
use recipe::image_path::{ImagePath, Unfit};
use serde::{Deserialize, Serialize};

/// One reason why a path is in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The kind of reason.
    #[serde(rename = "because")]
    pub kind: ProvenanceKind,
    /// The path that needs it; absent when the recipe or the sandbox does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<ImagePath>,
    /// The name by which it is needed: a soname, a pattern, a service.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The rule by which the loader finds it, or by which a guard lets it pass, as text for the user.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// The request in the recipe that it answers. Only known while an image is built: the manifest does not have it.
    #[serde(skip)]
    pub request: Option<RequestId>,
}

/// The kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProvenanceKind {
    /// A name of `binaries`.
    Requested,
    /// `PT_INTERP` of `by`.
    ElfInterpreter,
    /// `DT_NEEDED` of `by`.
    Needed,
    /// `#!` of `by`.
    ScriptInterpreter,
    /// `by` opens it at run time (dlopen(3)).
    Dlopen,
    /// The module of a name service in nsswitch.conf(5).
    NssModule,
    /// The target of the link `by`.
    LinkTarget,
    /// A link to the program `by`, which has an applet of this name.
    Applet,
    /// A match of a pattern under `include`, or a file of a slice.
    Included,
    /// Data that `by` reads, or that the recipe names.
    Data,
    /// An entry of the recipe's `[files]` or `[symlinks]`.
    Recipe,
    /// A file that every image has: accounts, mount points, name service.
    Sandbox,
    /// The loader's cache, for libraries outside of its default directories.
    LibraryCache,
    /// A directory of the root that is a link into /usr on the build host.
    MergedUsr,
    /// The directory of another entry.
    Parent,
}

impl Provenance {
    /// A reason of this kind without any detail.
    pub fn plain(kind: ProvenanceKind) -> Provenance {
        Provenance { kind, by: None, name: None, rule: None, request: None }
    }

    /// The reason of a program of `binaries`.
    pub fn requested(request: RequestId) -> Provenance {
        Provenance { request: Some(request), ..Provenance::plain(ProvenanceKind::Requested) }
    }

    /// The reason of a file of `include`, by its pattern, or of a slice, by its package.
    pub fn included(pattern: &str, request: RequestId) -> Provenance {
        let name = Some(printable(pattern));
        Provenance { name, request: Some(request), ..Provenance::plain(ProvenanceKind::Included) }
    }

    /// Whether both are equal in the manifest, which does not have the request.
    pub fn reads_like(&self, other: &Provenance) -> bool {
        (self.kind, &self.by, &self.name, &self.rule) == (other.kind, &other.by, &other.name, &other.rule)
    }

    /// The reason of runtime data, by its kind and name; without a `reader` the recipe names it.
    pub fn data(name: &str, reader: Option<&ImagePath>) -> Provenance {
        Provenance {
            by: reader.cloned(),
            name: Some(printable(name)),
            ..Provenance::plain(ProvenanceKind::Data)
        }
    }

    /// The reason of the target of the link `by`.
    pub fn target_of(by: &ImagePath) -> Provenance {
        Provenance { by: Some(by.clone()), ..Provenance::plain(ProvenanceKind::LinkTarget) }
    }

    /// The reason that the resolver gives; `None` for a root, whose request only the caller knows. `places` has the paths
    /// in the image of files that have another path in the sysroot.
    ///
    /// # Errors
    /// The path of the file that needs it cannot be in an image.
    pub fn from_reason(
        reason: &Reason,
        places: &BTreeMap<PathBuf, ImagePath>,
    ) -> Result<Option<Provenance>, Unfit> {
        let place = |path: &Path| places.get(path).cloned().map_or_else(|| ImagePath::new(path), Ok);
        let by = reason.by.as_deref().map(place).transpose()?;
        let (kind, name, rule) = match &reason.why {
            Why::Requested { .. } => return Ok(None),
            Why::ElfInterpreter => (ProvenanceKind::ElfInterpreter, None, None),
            Why::Needed { soname, rule } => {
                (ProvenanceKind::Needed, Some(printable(&soname.to_string_lossy())), Some(printable(rule)))
            }
            Why::ScriptInterpreter => (ProvenanceKind::ScriptInterpreter, None, None),
            Why::Dlopen { soname, priority } => (
                ProvenanceKind::Dlopen,
                Some(printable(&soname.to_string_lossy())),
                Some(printable(priority)),
            ),
            Why::NssModule { service } => (ProvenanceKind::NssModule, Some(printable(service)), None),
            Why::LinkTarget => (ProvenanceKind::LinkTarget, None, None),
            Why::Directory => (ProvenanceKind::Parent, None, None),
        };
        Ok(Some(Provenance { kind, by, name, rule, request: None }))
    }
}

/// Replaces control characters: a newline in a soname of a hostile ELF file would start a new line of a script.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = self.by.as_ref().map_or("?", ImagePath::as_str);
        let name = self.name.as_deref().unwrap_or("?");
        let rule = self.rule.as_deref().unwrap_or("?");
        match self.kind {
            ProvenanceKind::Requested => match &self.rule {
                Some(rule) => write!(f, "requested by its path; {rule}"),
                None => f.write_str("requested"),
            },
            ProvenanceKind::ElfInterpreter => write!(f, "ELF interpreter of {by}"),
            ProvenanceKind::Needed => write!(f, "needed by {by} as {name} ({rule})"),
            ProvenanceKind::ScriptInterpreter => write!(f, "runs the script {by}"),
            ProvenanceKind::Dlopen => write!(f, "opened by {by} at run time as {name} ({rule})"),
            ProvenanceKind::NssModule => write!(f, "name service `{name}`"),
            ProvenanceKind::LinkTarget => match &self.rule {
                Some(rule) => write!(f, "target of the link {by}; {rule}"),
                None => write!(f, "target of the link {by}"),
            },
            ProvenanceKind::Applet => write!(f, "applet of {by}"),
            ProvenanceKind::Included => write!(f, "included by `{name}`"),
            ProvenanceKind::Data => match &self.by {
                Some(reader) => write!(f, "{name}, which {reader} reads"),
                None => write!(f, "{name}, requested"),
            },
            ProvenanceKind::Recipe => f.write_str("given by the recipe"),
            ProvenanceKind::Sandbox => f.write_str("part of every sandbox"),
            ProvenanceKind::LibraryCache => {
                f.write_str("leads the loader to libraries outside its own directories")
            }
            ProvenanceKind::MergedUsr => f.write_str("a top directory that is a link into /usr"),
            ProvenanceKind::Parent => f.write_str("directory of other entries"),
        }
    }
}
