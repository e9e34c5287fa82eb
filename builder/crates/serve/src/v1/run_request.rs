//! A program as the native API takes it.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use run::exec::SourceFile;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::http::{Problem, parse};
use crate::limit::Limits;
use crate::text::{Text, Written};
use crate::work::{Program, Work, bad_arguments};
use crate::workshop::Workshop;

/// One program: its source, its input, and its limits.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunRequest {
    /// A language of the bundle, or a variant of one. Without it, the name of the file where the program starts tells.
    language: Option<String>,
    /// The only file of a program, under the name that its language wants.
    #[schema(value_type = Option<Written>)]
    source: Option<Text>,
    /// All files of a program by their paths, instead of `source`.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Written>)]
    files: BTreeMap<String, Text>,
    /// The file where it starts; otherwise its language's usual one.
    entry: Option<String>,
    /// What it reads.
    #[serde(default)]
    #[schema(value_type = Written)]
    stdin: Text,
    /// Its arguments.
    #[serde(default)]
    args: Vec<String>,
    /// The id of a problem of the tenant's: the program is judged with its tests and under its limits, instead of one run.
    /// Only for submissions.
    problem: Option<String>,
    /// Limits of the run.
    #[serde(default)]
    limits: Limits,
    /// Limits of the compile step.
    #[serde(default)]
    compile_limits: Limits,
}

impl RunRequest {
    /// The same for one run.
    pub(super) fn into_run(self, workshop: &Workshop) -> Result<Work, Problem> {
        match &self.problem {
            Some(_) => Err(Problem::of_field("problem", "only a submission is judged (/v1/submissions)")),
            None => self.into_work(workshop),
        }
    }

    /// The same as work, if the operator allows it.
    pub(super) fn into_work(self, workshop: &Workshop) -> Result<Work, Problem> {
        if let Some(name) = &self.language
            && workshop.language(name).is_none()
        {
            let known: Vec<&str> = workshop.languages().keys().map(String::as_str).collect();
            let what = format!("there is no language `{name}`; there are {}", known.join(", "));
            return Err(Problem::of_field("language", what));
        }
        let file = |path, Text(content)| SourceFile { path, content };
        let files: Vec<SourceFile> = match (self.source, self.files.is_empty()) {
            (Some(source), true) => {
                let language = self.language.as_deref().and_then(|name| workshop.language(name));
                let language =
                    language.ok_or_else(|| Problem::of_field("language", "`source` needs `language`"))?;
                vec![file(language.source.usual().to_owned(), source)]
            }
            (None, false) => self.files.into_iter().map(|(path, text)| file(path, text)).collect(),
            _ => return Err(Problem::of_field("source", "a program needs either `source` or `files`")),
        };
        let program = Program::new(files, self.entry);
        let program = program.map_err(|error| Problem::of_field("files", error.to_string()))?;
        // A problem may add the file where it starts, and be answered with files that are no program.
        if self.problem.is_none() {
            let language = self.language.as_deref();
            let checked = workshop.check_program(&program.submission, language);
            checked.map_err(|what| Problem::of_field("files", what))?;
        }
        if let Some(what) = bad_arguments(&self.args) {
            return Err(Problem::of_field("args", what));
        }
        workshop.check(self.limits, self.compile_limits).map_err(|(error, of_compile)| {
            let object = if of_compile { "compile_limits" } else { "limits" };
            Problem::of_field(&format!("{object}.{}", error.field), error.to_string())
        })?;
        Ok(Work {
            program,
            language: self.language,
            args: self.args,
            stdin: self.stdin,
            compile: self.compile_limits,
            run: self.limits,
            problem: self.problem,
        })
    }
}

/// Reads what is JSON.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the request has no body"));
    }
    parse(body).map_err(|error| Problem::of_json(&error))
}
