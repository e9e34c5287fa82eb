//! `capsule build --prepare`: files of an image that its own programs make, such as an archive of a compiler's classes.
//!
//! The image is built once without them. Each program runs in the sandbox of that image, as the compile step of a
//! submission would, and the finished image gets what it made as a file of the recipe.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use bundle::{Error as BundleError, layout};
use image::build::BuildRequest;
use image::write::interrupt::Interrupt;
use recipe::language::{Language, Preparation};
use recipe::{OwnContent, OwnFile, Spanned};
use run::exec::workspace::{self, Workspace};
use run::exec::{StepOption, Steps};
use run::report::Report;

use crate::error::Error;
use crate::tool::scratch::Scratch;

/// What a program's file is called where it is made.
const MADE: &str = "prepared";

/// Holds the prepared files until the build has copied them.
#[derive(Debug)]
pub struct PreparedFiles(#[expect(dead_code, reason = "dropping it removes the files")] Scratch);

/// Makes the prepared files of all languages, and adds them to the request.
///
/// # Errors
/// No language has such a file, the image cannot be built, or a program fails.
pub fn prepare(request: &mut BuildRequest, interrupt: &Interrupt) -> Result<PreparedFiles, Error> {
    let languages = request.image.recipe.languages.clone();
    if languages.values().all(|language| language.value.preparations.is_empty()) {
        return Err(Error::Usage {
            what: "`--prepare` finds no file to make: no language of this image has a `[[prepare]]`"
                .to_owned(),
            hint: "leave the option out, or add the pack of such a language",
        });
    }
    let scratch = Scratch::new()?;
    let bundle = scratch.build(request.image.clone(), interrupt)?;
    if !bundle.join(layout::INIT).exists() {
        return Err(BundleError::NotABundle { path: bundle, missing: layout::INIT }.into());
    }
    workspace::separate(&bundle)?;
    for (name, Spanned { value: language, span }) in languages {
        for (number, preparation) in language.preparations.iter().enumerate() {
            interrupt.check()?;
            let file = scratch.path().join(format!("{name}-{number}"));
            make(&bundle, &language, preparation, &file)?;
            let value = OwnFile { content: OwnContent::From(file), mode: 0o644 };
            let file = Spanned { value, span: span.clone() };
            request.image.recipe.files.insert(preparation.path.clone(), file);
        }
    }
    Ok(PreparedFiles(scratch))
}

/// Runs the program, and copies what it made.
fn make(bundle: &Path, language: &Language, preparation: &Preparation, to: &Path) -> Result<(), Error> {
    let language = Language { compile: Some(preparation.step.clone()), ..language.clone() };
    let mut names = language.names(&preparation.source);
    names.output = MADE.to_owned();
    let (limits, place) = (BTreeMap::new(), bundle.join(layout::WORKSPACE));
    let root = bundle.join(layout::ROOTFS);
    let steps = Steps {
        bundle,
        root: &root,
        workspace: &place,
        digest: None,
        limits: &limits,
        language: &language,
        names: &names,
        uid: None,
        has_several: false,
    };
    let [report, stdout, stderr] = ["report", "stdout", "stderr"].map(|end| to.with_extension(end));
    let options: Vec<StepOption> = [("report", &report), ("stdout", &stdout), ("stderr", &stderr)]
        .map(|(name, file)| (name.to_owned(), file.clone().into_os_string()))
        .into();
    let workspace = Workspace::mount_at(place.clone(), steps.workspace_size(&options))?;
    workspace.put(&names.source, preparation.source.as_bytes())?;
    let init = steps.compile(&options).expect("the step was just put there");
    let mut process = init.to_process();
    process.stdin(Stdio::null());
    process.status().map_err(|error| Error::read(&bundle.join(layout::INIT), error))?;
    let json = fs::read(&report).map_err(|error| Error::read(&report, error))?;
    let status = Report::parse(&json, "init's")?.status;
    let made = place.join(MADE);
    // The step has ended, and what it made is the pack's own; a link would still lead out of the workspace.
    let is_file = fs::symlink_metadata(&made).is_ok_and(|metadata| metadata.is_file());
    if status != "ok" || !is_file {
        return Err(failed(preparation, &status, &[stdout, stderr]));
    }
    fs::copy(&made, to).map_err(|error| Error::write(to, error))?;
    drop(workspace);
    Ok(())
}

fn failed(preparation: &Preparation, status: &str, streams: &[PathBuf]) -> Error {
    let printed: Vec<String> = streams
        .iter()
        .flat_map(fs::read)
        .map(|text| String::from_utf8_lossy(&text).trim_end().to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    let why = if status == "ok" { "its program made no `{output}`".to_owned() } else { status.to_owned() };
    Error::Preparation { path: preparation.path.clone(), why, printed: printed.join("\n") }
}
