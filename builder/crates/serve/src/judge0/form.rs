//! A submission as Judge0 takes it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use run::exec::SourceFile;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::languages;
use crate::limit::Limits;
use crate::text::Text;
use crate::work::{Program, Work, bad_arguments};
use crate::workshop::Workshop;

/// With or without padding, as clients write it.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What its answer needs, beside the work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Extra {
    pub(super) language_id: u64,
    pub(super) expected_output: Option<Text>,
    pub(super) redirect_stderr_to_stdout: bool,
}

/// Fields that are wrong, each with what is wrong with it: Judge0's own form.
pub(super) type Wrong = BTreeMap<String, Vec<String>>;

/// What a service cannot give; Judge0 without it refuses in the same form.
const REFUSED: [(&str, &str); 4] = [
    ("compiler_options", "setting compiler options is not allowed"),
    ("callback_url", "setting callback is not allowed"),
    ("additional_files", "setting additional files is not allowed"),
    ("enable_network", "enabling network is not allowed"),
];

/// A limit: its field, how many of ours one of its units is, and where it is kept.
type Amount = (&'static str, f64, fn(&mut Limits) -> &mut Option<u64>);

const AMOUNTS: [Amount; 6] = [
    ("cpu_time_limit", 1e6, |limits| &mut limits.cpu_us),
    ("wall_time_limit", 1e6, |limits| &mut limits.wall_us),
    ("memory_limit", 1024.0, |limits| &mut limits.memory_bytes),
    ("stack_limit", 1024.0, |limits| &mut limits.stack_bytes),
    ("max_processes_and_or_threads", 1.0, |limits| &mut limits.pids),
    ("max_file_size", 1024.0, |limits| &mut limits.output_bytes),
];

/// Reads one submission.
pub(super) fn read(form: &Value, is_base64: bool, workshop: &Workshop) -> Result<(Work, Extra), Wrong> {
    let mut wrong = Wrong::new();
    let text = |name: &str, wrong: &mut Wrong| match form[name].as_str() {
        None => None,
        Some(text) if !is_base64 => Some(text.as_bytes().to_vec()),
        Some(text) => decoded(text).or_else(|| refuse(wrong, name, "is not base64")),
    };
    let source = text("source_code", &mut wrong).filter(|source| !source.is_empty());
    let stdin = text("stdin", &mut wrong).unwrap_or_default();
    let expected_output = text("expected_output", &mut wrong).map(Text);
    for (field, what) in REFUSED {
        if !is_empty(&form[field]) {
            refuse::<()>(&mut wrong, field, what);
        }
    }
    let id = number(&form["language_id"]).map(|id| id as u64);
    let language = id.and_then(|id| languages::find(workshop, id));
    let args = words(form["command_line_arguments"].as_str().unwrap_or_default());
    if let Some(what) = bad_arguments(&args) {
        refuse::<()>(&mut wrong, "command_line_arguments", &what);
    }
    let run = limits(form, workshop, &mut wrong);
    let (Some(language), Some(language_id)) = (language, id) else {
        let what = match id {
            Some(id) => format!("language with id {id} doesn't exist"),
            None => "can't be blank".to_owned(),
        };
        refuse::<()>(&mut wrong, "language_id", &what);
        return Err(wrong);
    };
    let Some(content) = source else {
        refuse::<()>(&mut wrong, "source_code", "can't be blank");
        return Err(wrong);
    };
    let path = workshop.languages()[language].source.usual().to_owned();
    let program = Program::new(vec![SourceFile { path, content }], None);
    let program = program.map_err(|error| refuse::<()>(&mut wrong, "source_code", &error.to_string()));
    let (Ok(program), true) = (program, wrong.is_empty()) else { return Err(wrong) };
    let redirect_stderr_to_stdout = form["redirect_stderr_to_stdout"] == json!(true);
    let language = Some(language.to_owned());
    let work =
        Work { program, language, args, stdin: Text(stdin), compile: Limits::default(), run, problem: None };
    Ok((work, Extra { language_id, expected_output, redirect_stderr_to_stdout }))
}

fn limits(form: &Value, workshop: &Workshop, wrong: &mut Wrong) -> Limits {
    let (mut limits, mut most) = (Limits::default(), workshop.most());
    for (field, scale, place) in AMOUNTS {
        let Some(amount) = number(&form[field]) else { continue };
        let highest = place(&mut most).map(|most| most as f64 / scale);
        if amount <= 0.0 {
            refuse::<()>(wrong, field, "must be greater than 0");
        } else if let Some(highest) = highest.filter(|highest| amount > *highest) {
            refuse::<()>(wrong, field, &format!("must be less than or equal to {highest}"));
        } else {
            *place(&mut limits) = Some(((amount * scale) as u64).max(1));
        }
    }
    limits
}

fn refuse<T>(wrong: &mut Wrong, field: &str, what: &str) -> Option<T> {
    wrong.entry(field.to_owned()).or_default().push(what.to_owned());
    None
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value == ""
}

/// A number, or a text that is one: Judge0 takes both.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    ENGINE.decode(text).ok()
}

/// Words as a shell divides them: at blanks, except between quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_divided_at_blanks_outside_of_quotes() {
        assert_eq!(words(" a 'b c'  \"\" d\"e f\" "), ["a", "b c", "", "de f"]);
        assert!(words("  ").is_empty());
    }

    #[test]
    fn base64_may_have_line_breaks_and_no_padding() {
        assert_eq!(decoded("aGk=\n").as_deref(), Some(&b"hi"[..]));
        assert_eq!((decoded("aGk").as_deref(), decoded("*")), (Some(&b"hi"[..]), None));
    }

    #[test]
    fn numbers_may_be_texts() {
        let numbers = [json!(1.5), json!("2"), json!("x"), json!(null)].map(|value| number(&value));
        assert_eq!(numbers, [Some(1.5), Some(2.0), None, None]);
    }
}
