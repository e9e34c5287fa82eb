//! Placeholders: the words in braces that arguments and environment of a step may have in them; [`PLACEHOLDERS`] is the
//! table.

use crate::amount::Unit;

/// Where the submission's file and what is made of it lie inside the sandbox.
pub const WORK_DIR: &str = "/home/judge/box";

/// What init grants by default: what `{memory}` and `{stack}` stand for then.
const DEFAULTS: init::contract::Limits = init::contract::Limits::DEFAULT;

/// The smallest part of the memory that `{heap}` can be, whatever the runtime needs in addition.
const SMALLEST_HEAP: u64 = 4;

/// The value of a placeholder: a name, any number of arguments, or an amount, which exists only if the limit is set.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Name(fn(&Names) -> String),
    List(fn(&Names) -> Vec<String>),
    Amount(fn(&Amounts) -> Option<u64>),
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// All placeholders.
const PLACEHOLDERS: [(&str, Meaning); 14] = [
    ("source", Meaning::Name(|names| in_work_dir(&names.source))),
    ("units", Meaning::List(|names| names.units.iter().map(|unit| in_work_dir(unit)).collect())),
    ("output", Meaning::Name(|names| in_work_dir(&names.output))),
    ("dir", Meaning::Name(|_| WORK_DIR.to_owned())),
    ("main", Meaning::Name(|names| names.main.clone())),
    ("flags", Meaning::List(|names| names.flags.clone())),
    ("name", Meaning::Name(|names| stem(&names.source).to_owned())),
    ("memory", Meaning::Amount(|amounts| amounts.memory)),
    ("memory_mb", Meaning::Amount(|amounts| amounts.memory.map(|bytes| bytes / MIB))),
    ("heap", Meaning::Amount(|amounts| amounts.heap())),
    ("heap_mb", Meaning::Amount(|amounts| amounts.heap().map(|bytes| bytes / MIB))),
    ("stack", Meaning::Amount(|amounts| amounts.stack)),
    ("stack_kb", Meaning::Amount(|amounts| amounts.stack.map(|bytes| bytes / KIB))),
    ("stack_mb", Meaning::Amount(|amounts| amounts.stack.map(|bytes| bytes / MIB))),
];

/// The files in the box, by their paths there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The one where the submission starts.
    pub source: String,
    /// The others that are compiled with it.
    pub units: Vec<String>,
    /// What the compile step makes.
    pub output: String,
    /// The class where a program starts, where a language has such a thing; else the source without its extension.
    pub main: String,
    /// What a variant of the language adds to its arguments.
    pub flags: Vec<String>,
}

/// The limits of a step that its arguments can name, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    memory: Option<u64>,
    stack: Option<u64>,
    reserve: u64,
}

impl Amounts {
    /// Those under `limits`, init's options without their dashes, of which later ones win; `reserve` is what the runtime
    /// needs in addition to its heap.
    pub(crate) fn of<'a>(limits: impl Iterator<Item = (&'a str, &'a str)>, reserve: u64) -> Amounts {
        let mut amounts = Amounts { memory: DEFAULTS.memory, stack: DEFAULTS.stack, reserve };
        for (name, amount) in limits {
            match name {
                "memory" => amounts.memory = Unit::Size.parse(amount),
                "stack" => amounts.stack = Unit::Size.parse(amount),
                _ => {}
            }
        }
        amounts
    }

    /// The memory less what the runtime needs itself.
    fn heap(&self) -> Option<u64> {
        self.memory.map(|memory| memory.saturating_sub(self.reserve).max(memory / SMALLEST_HEAP))
    }
}

/// The first word in braces that looks like a placeholder and is not one.
pub(crate) fn unknown(word: &str) -> Option<&str> {
    placeholders(word).map(|(_, name)| name).find(|name| meaning(name).is_none())
}

/// The first list in a word.
pub(crate) fn list_in(word: &str) -> Option<&str> {
    let is_list = |name: &&str| matches!(meaning(name), Some(Meaning::List(_)));
    placeholders(word).map(|(_, name)| name).find(is_list)
}

/// Whether a word is a list, and nothing else.
pub(crate) fn is_list(word: &str) -> bool {
    alone(word).is_some()
}

/// All names that may stand in braces.
pub(crate) fn all() -> Vec<&'static str> {
    PLACEHOLDERS.iter().map(|(name, _)| *name).collect()
}

/// `{word}`s of lower-case letters and `_`, each with where it starts. Other braces are a program's own.
fn placeholders(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('{').filter_map(|(at, _)| {
        let (name, _) = text[at + 1..].split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        is_name.then_some((at, name))
    })
}

fn meaning(name: &str) -> Option<Meaning> {
    PLACEHOLDERS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

/// One word as arguments: a list of them, one, or none where it names a limit that is not set.
pub(crate) fn expand(word: &str, names: &Names, amounts: &Amounts) -> Vec<String> {
    match alone(word) {
        Some(list) => list(names),
        None => fill(word, names, amounts).into_iter().collect(),
    }
}

/// The list that a word is, if it is nothing else.
fn alone(word: &str) -> Option<fn(&Names) -> Vec<String>> {
    match meaning(word.strip_prefix('{')?.strip_suffix('}')?) {
        Some(Meaning::List(list)) => Some(list),
        _ => None,
    }
}

pub(crate) fn fill(word: &str, names: &Names, amounts: &Amounts) -> Option<String> {
    let mut filled = String::new();
    let mut done = 0;
    for (at, name) in placeholders(word) {
        let value = match meaning(name) {
            Some(Meaning::Name(value)) => value(names),
            Some(Meaning::Amount(value)) => value(amounts)?.to_string(),
            Some(Meaning::List(_)) | None => continue,
        };
        filled += &word[done..at];
        filled += &value;
        done = at + name.len() + 2;
    }
    Some(filled + &word[done..])
}

fn in_work_dir(name: &str) -> String {
    format!("{WORK_DIR}/{name}")
}

pub(crate) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_is_found() {
        assert_eq!(unknown("-o{outptu}"), Some("outptu"));
        assert_eq!(unknown("print({1}, {A}, {'x'}, {source}"), None);
    }

    #[test]
    fn a_list_is_a_word_of_its_own() {
        let names = Names {
            source: "a.c".into(),
            units: ["b.c", "d/c.c"].map(String::from).into(),
            output: "a".into(),
            main: "a".into(),
            flags: vec!["-x".into()],
        };
        let amounts = Amounts::of([].into_iter(), 0);
        assert_eq!(expand("{units}", &names, &amounts), ["/home/judge/box/b.c", "/home/judge/box/d/c.c"]);
        assert_eq!(expand("{units}", &Names { units: Vec::new(), ..names }, &amounts), [""; 0]);
        assert!(is_list("{units}") && !is_list("-I{units}"));
        assert_eq!((list_in("-I{units}"), list_in("-I{dir}")), (Some("units"), None));
    }
}
