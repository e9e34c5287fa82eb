//! A plan that may be written: it is within its budget, and no guard refuses a file of it.

use std::collections::BTreeSet;

use bundle::digest::FileDigests;
use bundle::package::Distribution;
use bundle::provenance::ProvenanceKind;
use closure::arch::Machine;
use recipe::Recipe;
use recipe::image_path::ImagePath;

use crate::error::{Error, Refusals, Refused};
use crate::gather::dpkg::{self, Owners};
use crate::gather::os_release;
use crate::plan::assemble::{Assembled, assemble_plan, placed};
use crate::plan::entry::{Entry, Plan};
use crate::plan::{budget, guards, private, scan};
use crate::request::ImageRequest;

/// A plan whose files passed the guards that need no content. [`CheckedPlan::check_contents`] runs the last guard, after
/// all files were read.
pub(crate) struct CheckedPlan {
    /// The entries to write.
    pub(crate) plan: Plan,
    /// The machine that the image is for.
    pub(crate) machine: Machine,
    /// The packages that own its files; `None` when the sysroot has no dpkg database.
    pub(crate) owners: Option<Owners>,
    /// The distribution of these packages, if the sysroot says so.
    pub(crate) distribution: Option<Distribution>,
    /// Files whose MD5 has to be compared with the one in their package.
    pub(crate) touched: BTreeSet<ImagePath>,
    /// The programs of the recipe's `binaries`.
    pub(crate) programs: Vec<ImagePath>,
    /// Warnings for the user, one line each.
    pub(crate) warnings: Vec<String>,
}

impl CheckedPlan {
    /// Plans the image.
    ///
    /// # Errors
    /// The recipe names a file that does not exist, two entries conflict, the image exceeds its budget, or a guard refuses a
    /// file.
    pub(crate) fn new(image: &ImageRequest) -> Result<CheckedPlan, Error> {
        let (checked, refused) = CheckedPlan::inspect(image)?;
        budget::check(&checked.plan, &image.recipe.budget)?;
        checked.refuse(&image.recipe, refused)?;
        Ok(checked)
    }

    /// Plans the image without its budget, and lists the files that a guard refuses before their contents are read.
    pub(crate) fn inspect(image: &ImageRequest) -> Result<(CheckedPlan, Vec<Refused>), Error> {
        let Assembled { mut plan, machine, mut warnings } = assemble_plan(image)?;
        warnings.extend(private::warning(&plan));
        let owners = dpkg::owners(&image.options.sysroot, &plan.owned_paths())?;
        if image.recipe.data.scan.is_some() {
            plan = scan::with_status(plan, owners.as_ref(), &image.options.sysroot)?;
        }
        guards::record_unowned(&mut plan, owners.as_ref(), &image.recipe);
        let refused = guards::refused_files(&plan, owners.as_ref(), &image.recipe)?;
        let touched = guards::touched(&plan, owners.as_ref())?;
        let requested = |entry: &Entry| {
            entry.provenance.iter().any(|provenance| provenance.kind == ProvenanceKind::Requested)
        };
        let programs =
            plan.entries().filter(|(_, entry)| requested(entry)).map(|(path, _)| path.clone()).collect();
        let distribution = os_release::distribution(&image.options.sysroot)?;
        Ok((CheckedPlan { plan, machine, owners, distribution, touched, programs, warnings }, refused))
    }

    /// The files whose MD5 differs from the one in their package.
    pub(crate) fn refused_contents(&self, recipe: &Recipe, digests: &FileDigests) -> Vec<Refused> {
        guards::refused_contents(&self.plan, self.owners.as_ref(), digests, &recipe.allow)
    }

    /// Fails when a file's MD5 differs from the one in its package.
    pub(crate) fn check_contents(&self, recipe: &Recipe, digests: &FileDigests) -> Result<(), Error> {
        self.refuse(recipe, self.refused_contents(recipe, digests))
    }

    /// Fails unless `refused` is empty; the error points at the request that the first file answers.
    fn refuse(&self, recipe: &Recipe, refused: Vec<Refused>) -> Result<(), Error> {
        let Some((first, _)) = refused.first() else { return Ok(()) };
        let provenance = self.plan.get(first).map(|entry| entry.provenance[0].clone());
        let error = Error::Guard(Refusals(refused));
        Err(match provenance {
            Some(provenance) => placed(recipe, &provenance, error),
            None => error,
        })
    }
}
