//! domjudge-problem.ini: `key = value`, where a value may be quoted.

use super::amount;
use crate::error::{Error, Mistake};
use crate::files::Files;

/// What matters of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ini {
    pub(super) name: Option<String>,
    pub(super) cpu_us: Option<u64>,
}

/// Keys that DOMjudge has and that do not matter here.
const OTHERS: [&str; 6] = ["allow_submit", "allow_judge", "points", "color", "externalid", "short-name"];
/// Executables of DOMjudge's own database.
const EXECUTABLES: [&str; 2] = ["special_run", "special_compare"];

pub(super) fn read(files: &Files, name: &str) -> Result<Ini, Error> {
    parse(&files.text(name)?, name).map_err(|mistake| files.error(mistake))
}

fn parse(text: &str, file: &str) -> Result<Ini, Mistake> {
    let mut ini = Ini::default();
    for (number, line) in text.lines().enumerate() {
        let wrong = |what: String| Mistake::at(file, number as u64 + 1, what);
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#', '[']) {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(wrong(format!("expected `key = value`, found `{}`", line.escape_debug())));
        };
        let value = value.trim().trim_matches(['"', '\'']);
        match key.trim() {
            "name" => ini.name = Some(value.to_owned()),
            "timelimit" => {
                let seconds = value.parse().ok().and_then(amount::seconds);
                let what =
                    || wrong(format!("expected a number of seconds, found `{}`", value.escape_debug()));
                ini.cpu_us = Some(seconds.ok_or_else(what)?);
            }
            key if OTHERS.contains(&key) => {}
            key if EXECUTABLES.contains(&key) => {
                return Err(wrong(format!("`{key}` names an executable of a DOMjudge server")).hint(
                    "put the program into output_validators/ and `validation: custom` into problem.yaml",
                ));
            }
            key => return Err(wrong(format!("unknown key `{}`", key.escape_debug()))),
        }
    }
    Ok(ini)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_be_quoted() {
        let ini =
            parse("; a comment\nname = \"A sum\"\ntimelimit='2.5'\ncolor = #ff0000\n", "x.ini").unwrap();
        assert_eq!(ini, Ini { name: Some("A sum".to_owned()), cpu_us: Some(2_500_000) });
        for (text, what) in [
            ("\ntimelimit = fast", "x.ini:2: expected a number of seconds, found `fast`"),
            ("timelimit = 0", "expected a number of seconds"),
            ("name", "expected `key = value`"),
            ("limit = 1", "unknown key `limit`"),
            ("special_compare = float", "names an executable"),
        ] {
            assert!(parse(text, "x.ini").unwrap_err().to_string().contains(what), "{text}");
        }
    }
}
