//! Two entries of an image that contradict each other.

use bundle::layout::MOUNTPOINTS;
use bundle::provenance::Provenance;
use recipe::image_path::ImagePath;

/// Two entries that contradict each other, or one that contradicts the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Two different entries at one path.
    #[error(
        "`{path}` cannot be both {first} and {second}{}",
        second_source_hint(first_provenance, second_provenance)
    )]
    Twice {
        /// The path.
        path: ImagePath,
        /// The entry that came first, with its article.
        first: &'static str,
        /// Why the image has it.
        first_provenance: Box<Provenance>,
        /// The other entry, with its article.
        second: &'static str,
        /// Why the image has it.
        second_provenance: Box<Provenance>,
    },
    /// An entry below one that is not a directory.
    #[error("`{path}` lies below `{above}`, which is {what}\n  hint: {hint}")]
    Below {
        /// The path.
        path: ImagePath,
        /// The path of the entry above it.
        above: ImagePath,
        /// The type of that entry, with its article.
        what: &'static str,
        /// How to avoid the conflict.
        hint: String,
    },
    /// An entry below a directory that the running sandbox mounts over.
    #[error(
        "`{path}` would be hidden: the sandbox mounts its own `{mount}`\n  hint: choose a path outside {}{}",
        MOUNTPOINTS.map(|(path, _)| path).join(", "),
        place_hint(path, *from)
    )]
    Hidden {
        /// The path.
        path: ImagePath,
        /// The mount point above it.
        mount: &'static str,
        /// What the user can give another place.
        from: HiddenSource,
    },
}

/// Where an entry comes from that would be hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiddenSource {
    /// A program of the build host, or what it needs.
    Program,
    /// A file or directory that `include` names.
    Included,
    /// The recipe, which has its path.
    Recipe,
}

fn second_source_hint(first: &Provenance, second: &Provenance) -> String {
    format!("\n  first: {first}\n  second: {second}\n  hint: keep one of the two")
}

fn place_hint(path: &ImagePath, from: HiddenSource) -> String {
    let name = path.name();
    match from {
        HiddenSource::Program => format!(
            ", as in `{path}:/usr/local/bin/{name}` on the command line or {{ from = \"{path}\", to = \"/usr/local/bin/{name}\" }} in a recipe"
        ),
        HiddenSource::Included => {
            format!(", as in {{ from = \"{path}\", to = \"/opt/{name}\" }} under `include` in a recipe")
        }
        HiddenSource::Recipe => String::new(),
    }
}

impl Conflict {
    /// The paths of the entries.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &ImagePath> {
        let (path, above) = match self {
            Conflict::Twice { path, .. } | Conflict::Hidden { path, .. } => (path, None),
            Conflict::Below { path, above, .. } => (path, Some(above)),
        };
        std::iter::once(path).chain(above)
    }
}
