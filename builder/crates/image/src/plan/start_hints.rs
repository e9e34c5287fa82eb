//! Programs that are known to need more than a closure can find: what to add to the recipe.

use bundle::provenance::ProvenanceKind;
use recipe::Recipe;
use recipe::image_path::ImagePath;

use crate::plan::entry::Plan;

/// What to do for a program.
enum Advice {
    /// A pack has what it needs.
    Pack(&'static str),
    /// No pack does: a trace of a typical run finds it.
    Trace,
}

/// Names of programs without version, and the advice for them.
const PROGRAMS: [(&[&str], Advice); 16] = [
    (&["python"], Advice::Pack("python")),
    (&["pypy"], Advice::Pack("pypy")),
    (&["perl"], Advice::Pack("perl")),
    (&["ruby"], Advice::Pack("ruby")),
    (&["php"], Advice::Pack("php")),
    (&["java", "javac"], Advice::Pack("java")),
    (&["gcc", "cc"], Advice::Pack("c")),
    (&["g++", "c++"], Advice::Pack("cpp")),
    (&["go"], Advice::Pack("go")),
    (&["rustc"], Advice::Pack("rust")),
    (&["ghc"], Advice::Pack("haskell")),
    (&["ocamlc", "ocamlopt", "ocamlfind"], Advice::Pack("ocaml")),
    (&["fpc"], Advice::Pack("pascal")),
    (&["mono", "mcs"], Advice::Pack("csharp")),
    (&["vim"], Advice::Pack("vim")),
    (
        &[
            "git", "nginx", "apache", "postgres", "initdb", "mysqld", "mariadbd", "pdflatex", "pdftex",
            "xelatex", "lualatex", "clang", "clang++", "emacs", "julia", "R", "Rscript", "sbcl", "guile",
            "gdb",
        ],
        Advice::Trace,
    ),
];

/// A warning for each such program, and for each that interprets a script of the recipe, unless the author of the recipe
/// seems to know: it includes a file, or a pack for the program.
pub(crate) fn warnings(recipe: &Recipe, plan: &Plan) -> Vec<String> {
    if !recipe.include.is_empty() || !recipe.slices.is_empty() {
        return Vec::new();
    }
    let has_pack = |name: &str| recipe.packs.iter().any(|pack| pack.value == name);
    let advice = |name| advice(name).filter(|advice| !matches!(advice, Advice::Pack(pack) if has_pack(pack)));
    let asked: Vec<&str> = recipe.binaries.iter().map(|binary| binary.value.name.as_str()).collect();
    let programs = asked.iter().filter_map(|name| Some(warning(&format!("`{name}`"), name, advice(name)?)));
    let is_asked = |path: &ImagePath| asked.iter().any(|name| file_name(name) == file_name(path.as_str()));
    let of_scripts = plan.entries().filter(|(path, _)| !is_asked(path)).filter_map(|(path, entry)| {
        let mut reasons = entry.provenance.iter();
        let script = reasons.find(|one| one.kind == ProvenanceKind::ScriptInterpreter)?.by.as_ref()?;
        let what = format!("`{path}`, which interprets `{script}`,");
        Some(warning(&what, script.as_str(), advice(path.as_str())?))
    });
    programs.chain(of_scripts).collect()
}

/// `what` reads files, and a trace of `program` finds them.
fn warning(what: &str, program: &str, advice: &Advice) -> String {
    let trace = format!("`capsule trace -- {program} ARGUMENT…` lists those of a run");
    let hint = match advice {
        Advice::Pack(pack) => format!("add `--pack {pack}`, or packs = [\"{pack}\"]; {trace}"),
        Advice::Trace => trace,
    };
    format!("{what} reads files that no closure can find, and may not start without them\n  hint: {hint}")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn advice(name: &str) -> Option<&'static Advice> {
    let file = file_name(name);
    let name =
        file.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == '-');
    PROGRAMS.iter().find(|(names, _)| names.contains(&name)).map(|(_, advice)| advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipe::{Binary, Span, Spanned, packs};
    use std::collections::BTreeMap;

    fn warned(names: &[&str], packs: &[&str]) -> Vec<String> {
        let spanned = |name: &&str| Spanned { value: (*name).to_owned(), span: Span::CommandLine };
        let binary =
            |name: &&str| Spanned { value: Binary::from((*name).to_owned()), span: Span::CommandLine };
        let recipe = Recipe {
            binaries: names.iter().map(binary).collect(),
            packs: packs.iter().map(spanned).collect(),
            ..Recipe::default()
        };
        warnings(&recipe, &Plan { entries: BTreeMap::new() })
    }

    #[test]
    fn a_program_of_a_pack_is_warned_about_whatever_its_version() {
        for name in ["python3", "/usr/bin/python3.11", "gcc-12", "perl5.36.0"] {
            let warnings = warned(&[name], &[]);
            assert!(warnings.len() == 1 && warnings[0].contains("add `--pack "), "{name}: {warnings:?}");
        }
        assert!(
            warned(&["/usr/sbin/nginx"], &[])[0]
                .ends_with("hint: `capsule trace -- /usr/sbin/nginx ARGUMENT…` lists those of a run")
        );
        assert_eq!(warned(&["bash", "ls", "lua5.4", "node"], &[]), [""; 0]);
        assert_eq!(warned(&["python3"], &["python"]), [""; 0]);
    }

    #[test]
    fn every_pack_of_an_advice_exists() {
        let packs = PROGRAMS.iter().filter_map(|(_, advice)| match advice {
            Advice::Pack(pack) => Some(pack),
            Advice::Trace => None,
        });
        packs.for_each(|pack| assert!(packs::text(pack).is_some(), "{pack}"));
    }
}
