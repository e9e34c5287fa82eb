//! The names that judges give to languages, and the extensions of their files, as names of packs.

/// Kattis's codes, where they are not the pack's own (appendix/languages.md).
const CODES: [(&str, &str); 4] =
    [("python3", "python"), ("pypy3", "pypy"), ("javascriptnode", "javascript"), ("lisp", "sbcl")];

const EXTENSIONS: [(&str, &str); 15] = [
    ("c", "c"),
    ("cpp", "cpp"),
    ("cc", "cpp"),
    ("cxx", "cpp"),
    ("py", "python"),
    ("java", "java"),
    ("pas", "pascal"),
    ("rs", "rust"),
    ("go", "go"),
    ("cs", "csharp"),
    ("hs", "haskell"),
    ("js", "javascript"),
    ("ts", "typescript"),
    ("php", "php"),
    ("rb", "ruby"),
];

/// The pack for one of Kattis's codes.
pub(super) fn of_code(code: &str) -> &str {
    CODES.iter().find(|(known, _)| *known == code).map_or(code, |(_, pack)| pack)
}

/// The pack for a file's extension.
pub(super) fn of_extension(extension: &str) -> Option<&'static str> {
    EXTENSIONS.iter().find(|(known, _)| *known == extension).map(|(_, pack)| *pack)
}

/// The pack for one of Hydro's names, `cc.cc17o2`, whose first part is an extension; `py.pypy3` is a language of its own.
pub(super) fn of_hydro(name: &str) -> Option<&'static str> {
    if name.starts_with("py.pypy") {
        return Some("pypy");
    }
    of_extension(name.split('.').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_have_names_of_their_own_for_a_pack() {
        assert_eq!([of_code("python3"), of_code("cpp"), of_code("java")], ["python", "cpp", "java"]);
        assert_eq!(
            [of_hydro("cc.cc17o2"), of_hydro("py.py3"), of_hydro("js"), of_hydro("py.pypy3")],
            [Some("cpp"), Some("python"), Some("javascript"), Some("pypy")]
        );
        assert_eq!((of_extension("pas"), of_extension("xyz")), (Some("pascal"), None));
    }
}
