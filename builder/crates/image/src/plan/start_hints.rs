//! Programs that are known to need more than a closure can find: what to add to the recipe.

use recipe::{Binary, Recipe};

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

/// A warning for each such program, unless the author of the recipe seems to know: it includes a file, or a pack for
/// the program.
pub(crate) fn warnings(recipe: &Recipe) -> Vec<String> {
    let adds_files = !recipe.include.is_empty() || !recipe.slices.is_empty();
    let has_pack = |name: &str| recipe.packs.iter().any(|pack| pack.value == name);
    let names = recipe.binaries.iter().filter(|_| !adds_files).map(|binary| &binary.value);
    let advised = names.filter_map(|binary| Some((binary, advice(binary)?)));
    let missing = advised.filter(|(_, advice)| !matches!(advice, Advice::Pack(pack) if has_pack(pack)));
    missing.map(|(binary, advice)| warning(&binary.name, advice)).collect()
}

fn warning(name: &str, advice: &Advice) -> String {
    let trace = format!("`capsule trace -- {name} ARGUMENT…` lists those of a run");
    let hint = match advice {
        Advice::Pack(pack) => format!("add `--pack {pack}`, or packs = [\"{pack}\"]; {trace}"),
        Advice::Trace => trace,
    };
    format!("`{name}` reads files that no closure can find, and may not start without them\n  hint: {hint}")
}

fn advice(binary: &Binary) -> Option<&'static Advice> {
    let file = binary.name.rsplit('/').next().unwrap_or_default();
    let name =
        file.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == '-');
    PROGRAMS.iter().find(|(names, _)| names.contains(&name)).map(|(_, advice)| advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipe::{Span, Spanned, packs};

    fn warned(names: &[&str], packs: &[&str]) -> Vec<String> {
        let spanned = |name: &&str| Spanned { value: (*name).to_owned(), span: Span::CommandLine };
        let binary =
            |name: &&str| Spanned { value: Binary::from((*name).to_owned()), span: Span::CommandLine };
        let recipe = Recipe {
            binaries: names.iter().map(binary).collect(),
            packs: packs.iter().map(spanned).collect(),
            ..Recipe::default()
        };
        warnings(&recipe)
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
