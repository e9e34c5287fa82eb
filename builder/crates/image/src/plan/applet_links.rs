//! Links to busybox for its applets, next to it: with them the image has a shell and its usual programs.

use bundle::provenance::{Provenance, ProvenanceKind};
use recipe::image_path::ImagePath;
use recipe::{Recipe, RequestId};

use crate::error::Error;
use crate::gather::applets;
use crate::plan::entry::{Entry, EntryKind, FileSource};
use crate::plan::planner::Planner;

const BUSYBOX: &str = "busybox";

/// Adds the links, unless the recipe has `applets = false`. A file that is planned at such a path stays.
pub(crate) fn add(planner: &mut Planner, recipe: &Recipe) -> Result<(), Error> {
    if recipe.applets.as_ref().is_some_and(|applets| !applets.value) {
        return Ok(());
    }
    let programs = requested(planner);
    if let (Some(wanted), []) = (&recipe.applets, programs.as_slice()) {
        return Err(Error::NoApplets.at(&wanted.span));
    }
    for (path, file, request) in programs {
        let names = applets::of_file(&file).map_err(|error| Error::read(&file, error))?;
        if names.is_empty() {
            return Err(Error::NoApplets.at(recipe.span(request)));
        }
        for name in names.iter().filter(|name| *name != BUSYBOX) {
            let place = format!("{}{name}", path.parent_prefix());
            let place =
                ImagePath::parse(&place).map_err(|unfit| Error::Unfit { path: place.into(), unfit })?;
            let provenance =
                Provenance { by: Some(path.clone()), ..Provenance::plain(ProvenanceKind::Applet) };
            if !planner.has(&place) {
                planner.add(place, Entry::symlink(BUSYBOX, provenance))?;
            }
        }
    }
    Ok(())
}

/// The programs of the recipe that are called busybox in the image: path, file of the build host, request.
fn requested(planner: &Planner) -> Vec<(ImagePath, std::path::PathBuf, RequestId)> {
    let program = |(path, entry): (&ImagePath, &Entry)| {
        let EntryKind::File(FileSource::Host { path: file, .. }) = &entry.kind else { return None };
        let request = entry.provenance.iter().find_map(|one| one.request)?;
        (path.name() == BUSYBOX).then(|| (path.clone(), file.clone(), request))
    };
    planner.entries().filter_map(program).collect()
}
