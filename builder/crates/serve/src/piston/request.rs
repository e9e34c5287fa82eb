//! `POST /execute`: what Piston takes, refused in Piston's order and words.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use recipe::language::Language;
use run::exec::SourceFile;
use serde_json::Value;

use super::constraint::limits;
use super::range::contains;
use super::{Message, wrong};
use crate::alias;
use crate::app::App;
use crate::text::Text;
use crate::work::{Program, Work, bad_arguments};

/// A request that can be done.
pub(super) struct Execute {
    pub(super) language: String,
    pub(super) version: String,
    pub(super) work: Work,
}

impl Execute {
    pub(super) fn read(body: &Value, app: &App) -> Result<Execute, Message> {
        let text = |name: &str| {
            let text = body[name].as_str().filter(|text| !text.is_empty());
            text.ok_or_else(|| wrong(format!("{name} is required as a string")))
        };
        let (asked, range) = (text("language")?, text("version")?);
        let files = body["files"].as_array().ok_or_else(|| wrong("files is required as an array"))?;
        for (at, file) in files.iter().enumerate() {
            if !file["content"].is_string() {
                return Err(wrong(format!("files[{at}].content is required as a string")));
            }
        }
        let unknown = || wrong(format!("{asked}-{range} runtime is unknown"));
        let (language, found) = alias::find(&app.workshop, asked).ok_or_else(unknown)?;
        let version = app.workshop.version(&language).to_owned();
        if !contains(range, &version) {
            return Err(unknown());
        }
        let is_source = |file: &Value| encoding(file) == Encoding::Utf8;
        let start = files.iter().position(is_source);
        let start = start.ok_or_else(|| wrong("files must include at least one utf8 encoded file"))?;
        let (run, compile) = limits(body, app)?;
        let program = program(files, start, found)?;
        app.workshop.check_program(&program.submission, Some(&language)).map_err(wrong)?;
        let args = args(&body["args"])?;
        let stdin = Text(stdin(&body["stdin"]));
        let work =
            Work { program, language: Some(language.clone()), args, stdin, compile, run, problem: None };
        Ok(Execute { language, version, work })
    }
}

#[derive(PartialEq, Eq)]
enum Encoding {
    Utf8,
    Base64,
    Hex,
}

/// One that Piston does not know is text.
fn encoding(file: &Value) -> Encoding {
    match file["encoding"].as_str() {
        Some("base64") => Encoding::Base64,
        Some("hex") => Encoding::Hex,
        _ => Encoding::Utf8,
    }
}

/// Starts at the first file of text. Without a name it has the one that its language wants.
fn program(files: &[Value], start: usize, language: &Language) -> Result<Program, Message> {
    let mut sources = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let name = file["name"].as_str().filter(|name| !name.is_empty());
        let unnamed =
            || if at == start { language.source.usual().to_owned() } else { format!("file{at}.code") };
        let path = name.map_or_else(unnamed, str::to_owned);
        let text = file["content"].as_str().unwrap_or_default();
        let content = match encoding(file) {
            Encoding::Utf8 => Some(text.as_bytes().to_vec()),
            Encoding::Base64 => STANDARD.decode(text).ok(),
            Encoding::Hex => unhex(text),
        };
        let content = content.ok_or_else(|| wrong(format!("files[{at}].content is not in its encoding")))?;
        sources.push(SourceFile { path, content });
    }
    let entry = sources[start].path.clone();
    Program::new(sources, Some(entry)).map_err(|error| wrong(error.to_string()))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits =
        text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    digits.collect::<Option<Vec<u8>>>().filter(|_| text.len().is_multiple_of(2))
}

fn args(args: &Value) -> Result<Vec<String>, Message> {
    let Some(list) = args.as_array() else { return Ok(Vec::new()) };
    let text = |arg: &Value| arg.as_str().map_or_else(|| arg.to_string(), str::to_owned);
    let args: Vec<String> = list.iter().map(text).collect();
    match bad_arguments(&args) {
        Some(what) => Err(Message(StatusCode::BAD_REQUEST, what)),
        None => Ok(args),
    }
}

/// The last line always ends, as with Piston.
fn stdin(stdin: &Value) -> Vec<u8> {
    let mut text = stdin.as_str().unwrap_or_default().to_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_has_pairs_of_digits() {
        assert_eq!(unhex("00fF").as_deref(), Some(&[0, 255][..]));
        assert_eq!((unhex("0"), unhex("zz"), unhex("é")), (None, None, None));
    }

    #[test]
    fn the_last_line_of_stdin_ends() {
        assert_eq!(stdin(&Value::Null), b"\n");
        assert_eq!((stdin(&"a".into()), stdin(&"a\n".into())), (b"a\n".to_vec(), b"a\n".to_vec()));
    }
}
