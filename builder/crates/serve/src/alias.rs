//! What other APIs call the languages of the packs.

use recipe::language::Language;

use crate::workshop::Workshop;

/// Packs' languages, and other names for them.
const ALIASES: [(&str, &[&str]); 22] = [
    ("bash", &["sh", "shell"]),
    ("c", &["gcc"]),
    ("cpp", &["c++", "g++", "cxx"]),
    ("csharp", &["c#", "cs", "mono", "csharp.net"]),
    ("d", &["dlang", "D_ut"]),
    ("fortran", &["f90"]),
    ("go", &["golang"]),
    ("haskell", &["hs"]),
    ("java", &[]),
    ("javascript", &["js", "node", "nodejs", "node-javascript", "node-js"]),
    ("lua", &[]),
    ("nasm", &["asm", "nasm64"]),
    ("ocaml", &["ml"]),
    ("pascal", &["freepascal", "fpc"]),
    ("perl", &["pl"]),
    ("php", &[]),
    ("python", &["py", "python3"]),
    ("ruby", &["rb"]),
    ("rust", &["rs"]),
    ("sbcl", &["lisp", "commonlisp"]),
    ("sqlite", &["sqlite3", "sql"]),
    ("typescript", &["ts", "node-ts", "tsc"]),
];

/// Languages that Piston calls otherwise.
const PISTON: [(&str, &str); 3] = [("cpp", "c++"), ("sbcl", "lisp"), ("sqlite", "sqlite3")];

/// What Piston calls a language: its clients look for that name in the list.
pub(crate) fn in_piston(name: &str) -> &str {
    PISTON.iter().find(|(pack, _)| *pack == name).map_or(name, |(_, piston)| piston)
}

/// Other names for a language.
pub(crate) fn of(name: &str) -> &'static [&'static str] {
    ALIASES.iter().find(|(pack, _)| *pack == name).map_or(&[], |(_, aliases)| aliases)
}

/// The bundle's name for what a request calls a language.
pub(crate) fn find<'w>(workshop: &'w Workshop, asked: &str) -> Option<(String, &'w Language)> {
    if let Some(language) = workshop.language(asked) {
        return Some((asked.to_owned(), language));
    }
    let (pack, _) = ALIASES.iter().find(|(_, aliases)| aliases.contains(&asked))?;
    Some(((*pack).to_owned(), workshop.language(pack)?))
}
