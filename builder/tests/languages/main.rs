//! Every language of `tests/packs/` compiled and run by `capsule exec` in a bundle of its pack.
//!
//! All is data: `tests/packs/cases.toml` holds the cases of every language and their results, a directory holds a
//! language's programs, and its `expect.toml` the results that differ. A pack with a language and without a directory
//! fails, and so does a pack that cannot be built here, and a table in docs/packs.md that is out of date.

mod attempt;
mod bundle;
#[path = "../packs/corpus.rs"]
mod corpus;
#[path = "../packs/integers.rs"]
mod integers;
mod language;
mod left_out;
mod tables;
mod warm;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use bundle::Workshop;
use corpus::Cases;
use language::Language;

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/packs");
/// The packs that come with capsule.
const PACKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../recipes/packs");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, trials()).exit_code()
}

/// Case by case, not language by language, so that the bundles are built in parallel.
fn trials() -> Vec<Trial> {
    let programs = Path::new(PROGRAMS);
    let cases = match Cases::load(&programs.join("cases.toml")) {
        Ok(cases) => cases,
        Err(mistake) => return vec![broken("cases.toml", mistake)],
    };
    let workshop = Arc::new(Workshop::open(&cases));
    let mut trials = Vec::new();
    let mut languages = Vec::new();
    let names = language::packs(Path::new(PACKS));
    for name in cases.quick.iter().filter(|name| !names.contains(name)) {
        trials.push((
            0,
            broken(name, format!("cases.toml calls `{name}` quick, and no pack has this language")),
        ));
    }
    for name in names {
        match Language::load(&programs.join(&name), &cases) {
            Ok(language) => {
                let language = Arc::new(language);
                let is_quick = cases.quick.contains(&name);
                let is_warm = cases.warm.contains(&name);
                for program in 0..language.programs.len() {
                    trials.push((program, trial(&language, program, &workshop, is_quick)));
                    if is_warm && language.programs[program].file.is_file() {
                        trials.push((program, warm_trial(&language, program, &workshop, is_quick)));
                    }
                }
                languages.push(language);
            }
            Err(mistake) => trials.push((0, broken(&name, mistake))),
        }
    }
    trials.sort_by_key(|(place, _)| *place);
    let languages: Vec<&Language> = languages.iter().map(Arc::as_ref).collect();
    let names: Vec<String> = languages.iter().map(|language| language.name.clone()).collect();
    let mut tried = tables::trials(&languages);
    tried.extend(left_out::trials(&names, &cases.quick, &workshop));
    tried.extend(trials.into_iter().map(|(_, trial)| trial));
    tried
}

fn trial(language: &Arc<Language>, program: usize, workshop: &Arc<Workshop>, is_quick: bool) -> Trial {
    let (language, workshop) = (Arc::clone(language), Arc::clone(workshop));
    let name = format!("{}::{}", language.name, language.programs[program].name);
    Trial::test(name, move || {
        let bundle = workshop.bundle(&language.name)?;
        attempt::attempt(&workshop, &bundle, &language, &language.programs[program]).map_err(Failed::from)
    })
    .with_ignored_flag(!is_quick)
}

/// The same where the language has got ready before, which only root can have.
fn warm_trial(language: &Arc<Language>, program: usize, workshop: &Arc<Workshop>, is_quick: bool) -> Trial {
    let (language, workshop) = (Arc::clone(language), Arc::clone(workshop));
    let name = format!("{}::{} (warm)", language.name, language.programs[program].name);
    Trial::test(name, move || {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this test needs root, and CI must not skip it");
            eprintln!("skipped: it needs root");
            return Ok(());
        }
        let bundle = workshop.prepared_bundle(&language.name)?;
        warm::attempt(&workshop, &bundle, &language, &language.programs[program]).map_err(Failed::from)
    })
    .with_ignored_flag(!is_quick)
}

/// A mistake in the data becomes a test that fails.
fn broken(name: &str, mistake: String) -> Trial {
    Trial::test(name.to_owned(), move || Err(Failed::from(mistake)))
}
