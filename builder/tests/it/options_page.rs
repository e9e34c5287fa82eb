//! The tables of docs/options.md, between `<!-- table: options -->` and `<!-- end -->`, are made from init's option
//! table. They are compared; `UPDATE_DOCS=1` writes them instead.

use std::fmt::Write as _;
use std::fs;

use init::contract::{Group, OPTIONS, OptionSpec};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/options.md");
const START: &str = "<!-- table: options -->\n";
const END: &str = "<!-- end -->";

#[test]
fn the_page_of_options_has_what_init_parses() {
    let text = fs::read_to_string(DOCUMENT).unwrap();
    let start = text.find(START).unwrap() + START.len();
    let end = start + text[start..].find(END).unwrap();
    let made = tables();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(DOCUMENT, format!("{}{made}{}", &text[..start], &text[end..])).unwrap();
    } else {
        let missing = made.lines().find(|line| !text[start..end].lines().any(|there| there == *line));
        assert!(text[start..end] == made, "run it with UPDATE_DOCS=1; first difference: {missing:?}");
    }
}

fn tables() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let _infallible =
            writeln!(text, "### {}\n\n| option | meaning | default |\n|---|---|---|", group.title());
        for option in OPTIONS.iter().filter(|option| option.group == *group) {
            text += &row(option);
        }
        text += "\n";
    }
    text
}

fn row(option: &OptionSpec) -> String {
    let value = option.value.map_or(String::new(), |value| format!(" {}", value.replace('|', "\\|")));
    let default = if option.default.is_empty() { "–".to_owned() } else { format!("`{}`", option.default) };
    let repeatable = if option.repeatable { " (may be given more than once)" } else { "" };
    format!("| `{}{value}` | {}{repeatable} | {default} |\n", option.name, option.help)
}
