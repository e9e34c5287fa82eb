//! The table of what packs leave out of Debian's packages, `left-out` in `docs/packs.md`, and of the bytes that this saves.
//!
//! A saving is the difference between two plans of one image: with `exclude` of a slice and without it. So a file that the
//! image has for another reason saves nothing, and a library that only an excluded file needs counts.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::gather::dpkg;
use image::{ImageRequest, build};
use libtest_mimic::{Failed, Trial};
use recipe::image_path::ImagePath;
use recipe::slice::{Exclusion, Slice};
use recipe::{Recipe, Span, packs};

use crate::bundle::Workshop;
use crate::tables::Document;

const TABLE: &str = "left-out";
const HEAD: &str = "| pack | of Debian's package | leaves out | files | KiB |\n|---|---|---|---|---|\n";

/// A slice that leaves something out.
#[derive(Debug, Clone)]
struct LeftOut {
    /// The pack whose file has the slice.
    pack: String,
    /// The language in whose image the saving is measured.
    language: String,
    /// The slice's place in that language's recipe.
    index: usize,
    slice: Slice,
}

/// What a slice saves: regular files and bytes.
type Saving = (usize, u64);

/// One test for the names in the table, one for the rows of packs that are always installed, one for all rows.
pub fn trials(languages: &[String], quick: &[String], workshop: &Arc<Workshop>) -> Vec<Trial> {
    let all = all(languages, quick);
    let is_quick = |left_out: &&LeftOut| quick.contains(&left_out.language);
    let installed: Vec<LeftOut> = all.iter().filter(is_quick).cloned().collect();
    let named = all.clone();
    let (of_quick, of_all) = (Arc::clone(workshop), Arc::clone(workshop));
    vec![
        Trial::test("docs::left_out_names", move || are_excluded(&named).map_err(Failed::from)),
        Trial::test("docs::left_out_quick", move || {
            installed.iter().try_for_each(|left_out| compare(left_out, &of_quick)).map_err(Failed::from)
        }),
        Trial::test("docs::left_out", move || {
            let done = match env::var_os("UPDATE_DOCS") {
                Some(_) => update(&all),
                None => all.iter().try_for_each(|left_out| compare(left_out, &of_all)),
            };
            done.map_err(Failed::from)
        })
        .with_ignored_flag(true),
    ]
}

/// Every slice that leaves something out, once. It is measured in the image of its own pack; one without a language is
/// measured in the first image that has it, of a language whose packages are always installed if there is one.
fn all(languages: &[String], quick: &[String]) -> Vec<LeftOut> {
    let mut languages: Vec<&String> = languages.iter().collect();
    languages.sort_by_key(|language| !quick.contains(language));
    let mut found = BTreeMap::new();
    for only_own in [true, false] {
        for language in &languages {
            let recipe = packs::whole(language).expect("a pack that loads, as it has programs");
            for (index, slice) in recipe.slices.into_iter().enumerate() {
                let Span::File { file, line, .. } = slice.span else { continue };
                let pack = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                if slice.value.exclude.is_empty() || (only_own && pack != **language) {
                    continue;
                }
                found.entry((pack.clone(), line)).or_insert_with(|| LeftOut {
                    pack,
                    language: (*language).clone(),
                    index,
                    slice: slice.value,
                });
            }
        }
    }
    found.into_values().collect()
}

/// Every name in the table is one that its pack leaves out of its package, on every machine.
fn are_excluded(all: &[LeftOut]) -> Result<(), String> {
    let document = Document::read(TABLE)?;
    for row in document.table().lines().skip(2) {
        let mut cells = row.split('|').skip(1).map(names);
        let (pack, package, left_out) = (cells.next(), cells.next(), cells.next().unwrap_or_default());
        let is_of = |slice: &&LeftOut| {
            pack.as_deref() == Some([slice.pack.as_str()].as_slice())
                && package.as_deref() == Some([slice.slice.package.as_str()].as_slice())
        };
        let excludes =
            |slice: &LeftOut, name: &str| slice.slice.exclude.iter().any(|exclusion| word(exclusion) == name);
        if !all.iter().filter(is_of).any(|slice| left_out.iter().all(|name| excludes(slice, name))) {
            return Err(stale(row));
        }
    }
    Ok(())
}

/// What a cell has in backquotes.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn stale(row: &str) -> String {
    format!(
        "the table `{TABLE}` of docs/packs.md is out of date; `just pack-docs {TABLE}` makes it again\n{row}"
    )
}

/// The row says what the slice saves here, within the few per cent that a package changes from one mend to the next, and the
/// image has none of the files.
fn compare(left_out: &LeftOut, workshop: &Workshop) -> Result<(), String> {
    let files = left_out.files()?;
    let Some(start) = left_out.start(&files) else { return Ok(()) };
    let root = workshop.bundle(&left_out.language)?.join("rootfs");
    if let Some(there) = files.iter().find(|path| fs::symlink_metadata(path.below(&root)).is_ok()) {
        return Err(format!("`{there}` is in the image, and pack `{}` leaves it out", left_out.pack));
    }
    let document = Document::read(TABLE)?;
    let row =
        document.table().lines().find_map(|row| row.strip_prefix(&start)).ok_or_else(|| stale(&start))?;
    let figures: Vec<u64> = row.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
    let (files, bytes) = left_out.saving()?;
    let found = [files as u64, bytes / 1024];
    let is_near = |(written, found): (&u64, &u64)| written.abs_diff(*found) <= found / 20 + 1;
    match files > 0 && figures.len() == found.len() && figures.iter().zip(&found).all(is_near) {
        true => Ok(()),
        false => Err(stale(&format!("{start}{row}\nit saves {files} files here, {} KiB", bytes / 1024))),
    }
}

fn update(all: &[LeftOut]) -> Result<(), String> {
    let mut table = HEAD.to_owned();
    for left_out in all {
        let Some(start) = left_out.start(&left_out.files()?) else { continue };
        let (files, bytes) = left_out.saving()?;
        let _infallible = writeln!(table, "{start} {files} | {} |", bytes / 1024);
    }
    Document::read(TABLE)?.write(&table)
}

impl LeftOut {
    /// What the packages have of it here.
    fn files(&self) -> Result<Vec<ImagePath>, String> {
        let package = &self.slice.package;
        let matcher = Slice::matcher(package).map_err(|error| error.to_string())?;
        let files = dpkg::files(Path::new("/"), |name| matcher.is_match(name));
        let files = files.map_err(|error| error.to_string())?;
        if files.is_empty() {
            return Err(format!("pack `{}`: no package `{package}` is installed", self.pack));
        }
        let all = Slice { exclude: Vec::new(), ..self.slice.clone() };
        let is_file =
            |path: &ImagePath| fs::symlink_metadata(path.as_path()).is_ok_and(|facts| !facts.is_dir());
        let is_left_out = |path: &ImagePath| self.slice.leaves_out(path) && all.wants(path) && is_file(path);
        Ok(files.into_values().flatten().filter(is_left_out).collect())
    }

    /// The row up to its figures, with the names that one of the files has. `None` where the packages have none of them:
    /// those of another release may have.
    fn start(&self, files: &[ImagePath]) -> Option<String> {
        let has = |exclusion: &&Exclusion| files.iter().any(|path| exclusion.leaves_out(path));
        let words = self.slice.exclude.iter().filter(has).map(|exclusion| format!("`{}`", word(exclusion)));
        let words: Vec<String> = words.collect();
        let package = &self.slice.package;
        (!words.is_empty()).then(|| format!("| `{}` | `{package}` | {} |", self.pack, words.join(", ")))
    }

    fn saving(&self) -> Result<Saving, String> {
        let recipe = packs::whole(&self.language).map_err(|error| error.to_string())?;
        let mut all = recipe.clone();
        all.slices[self.index].value.exclude.clear();
        let ((files, bytes), (all_files, all_bytes)) = (self.measure(recipe)?, self.measure(all)?);
        Ok((all_files.saturating_sub(files), all_bytes.saturating_sub(bytes)))
    }

    fn measure(&self, recipe: Recipe) -> Result<Saving, String> {
        build::measure(&ImageRequest::of(recipe)).map_err(|error| format!("pack `{}`: {error}", self.pack))
    }
}

/// As the pack has it.
fn word(exclusion: &Exclusion) -> &str {
    match exclusion {
        Exclusion::Name(pattern) => pattern.text.trim_start_matches('/'),
        Exclusion::Path(pattern) => &pattern.text,
    }
}
