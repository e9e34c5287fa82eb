//! testdata.yaml: groups of any depth, whose keys are inherited one by one, and the default grader.

use serde::Deserialize;

use super::data::{self, Directory, Entry};
use super::sheet::Sheet;
use crate::compare::{Compare, TokenRules};
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::{Accept, Aggregate, Checker, Group, Member, Problem, Scores, StopAt};
use crate::read::yaml::{self, Ignored, Number, Text, Words};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    on_reject: Option<Text>,
    grading: Option<Text>,
    grader_flags: Option<Words>,
    input_validator_flags: Ignored,
    output_validator_flags: Option<Words>,
    accept_score: Option<Number>,
    reject_score: Option<Number>,
    range: Ignored,
}

pub(super) fn read(files: &Files, sheet: &Sheet, problem: &mut Problem) -> Result<(), Error> {
    let mut reader = Reader { files, sheet, problem };
    // Of problem.yaml, where these were before testdata.yaml had them.
    let outer = Keys {
        on_reject: sheet.grading.on_reject.clone(),
        accept_score: sheet.grading.accept_score,
        reject_score: sheet.grading.reject_score,
        ..Keys::default()
    };
    let keys = reader.keys("data", &outer)?;
    let mut root = reader.group("", &keys)?;
    let ignores_sample =
        keys.grader_flags.as_ref().is_some_and(|flags| flags.0.iter().any(|flag| flag == "ignore_sample"));
    for directory in data::read(files)? {
        let is_sample = directory.name == "sample";
        let mut group = reader.directory(directory, &keys)?;
        group.ignored = is_sample && ignores_sample;
        root.members.push(Member::Group(group));
    }
    problem.root = root;
    Ok(())
}

struct Reader<'a> {
    files: &'a Files,
    sheet: &'a Sheet,
    problem: &'a mut Problem,
}

impl Reader<'_> {
    /// The keys of a directory, and those of its nearest ancestor for the others.
    fn keys(&self, directory: &str, inherited: &Keys) -> Result<Keys, Error> {
        let sheet = format!("{directory}/testdata.yaml");
        if !self.files.has(&sheet) {
            return Ok(inherited.clone());
        }
        let own: Keys = yaml::read(self.files, &sheet)?;
        let inherited = inherited.clone();
        Ok(Keys {
            on_reject: own.on_reject.or(inherited.on_reject),
            grading: own.grading.or(inherited.grading),
            grader_flags: own.grader_flags.or(inherited.grader_flags),
            output_validator_flags: own.output_validator_flags.or(inherited.output_validator_flags),
            accept_score: own.accept_score.or(inherited.accept_score),
            reject_score: own.reject_score.or(inherited.reject_score),
            ..Keys::default()
        })
    }

    fn directory(&mut self, directory: Directory, inherited: &Keys) -> Result<Group, Error> {
        let keys = self.keys(&format!("data/{}", directory.name), inherited)?;
        let mut group = self.group(&directory.name, &keys)?;
        let check_args = keys.output_validator_flags.clone().unwrap_or_default().0;
        let compare = self.compare(&directory.name, &check_args)?;
        for entry in directory.entries.into_values() {
            group.members.push(match entry {
                Entry::Group(directory) => Member::Group(self.directory(directory, &keys)?),
                Entry::Test(mut test) => {
                    if self.sheet.is_scoring {
                        test.points = keys.accept_score.map_or(1.0, |score| score.0);
                        test.reject_points = keys.reject_score.map_or(0.0, |score| score.0);
                    }
                    test.scores = match (self.sheet.is_scoring, self.sheet.has_custom_score) {
                        (false, _) => Scores::Free,
                        (true, true) => Scores::Required,
                        (true, false) => Scores::Forbidden,
                    };
                    test.check_args.clone_from(&check_args);
                    test.compare = compare;
                    self.problem.tests.push(test);
                    Member::Test(self.problem.tests.len() - 1)
                }
            });
        }
        Ok(group)
    }

    /// The comparison of a group with flags of its own.
    fn compare(&self, name: &str, flags: &[String]) -> Result<Option<Compare>, Error> {
        if self.sheet.is_custom || flags.is_empty() {
            return Ok(None);
        }
        let all = self.sheet.flags.iter().chain(flags).map(String::as_str);
        let rules = TokenRules::parse(all).map_err(|what| self.wrong(name, what))?;
        Ok(Some(Compare::Tokens(rules)))
    }

    fn group(&mut self, name: &str, keys: &Keys) -> Result<Group, Error> {
        let mut group =
            Group::new(name, if self.sheet.is_scoring { Aggregate::Sum } else { Aggregate::None });
        group.accept = Accept::Worst;
        match keys.on_reject.as_ref().map(|text| text.0.as_str()) {
            None | Some("break") => {}
            Some("continue") => group.stop_at = StopAt::Never,
            Some(other) => {
                return Err(self.wrong(
                    name,
                    format!("`on_reject` is break or continue, not `{}`", other.escape_debug()),
                ));
            }
        }
        match keys.grading.as_ref().map(|text| text.0.as_str()) {
            None | Some("default") => {}
            Some("custom") => {
                group.grader = Some(keys.grader_flags.clone().unwrap_or_default().0);
                return Ok(group);
            }
            Some(other) => {
                return Err(self
                    .wrong(name, format!("`grading` is default or custom, not `{}`", other.escape_debug())));
            }
        }
        for flag in keys.grader_flags.iter().flat_map(|flags| &flags.0) {
            match flag.as_str() {
                "worst_error" | "no_errors" => group.accept = Accept::Worst,
                "first_error" => group.accept = Accept::First,
                "always_accept" => group.accept = Accept::Always,
                "accept_if_any_accepted" => group.accept = Accept::Any,
                "ignore_sample" => {}
                "sum" | "avg" | "min" | "max" if !self.sheet.is_scoring => {}
                "sum" => group.score = Aggregate::Sum,
                "avg" => group.score = Aggregate::Average,
                "min" => group.score = Aggregate::Min,
                "max" => group.score = Aggregate::Max,
                other => {
                    return Err(self
                        .wrong(name, format!("the default grader has no flag `{}`", other.escape_debug())));
                }
            }
        }
        Ok(group)
    }

    fn wrong(&self, name: &str, what: String) -> Error {
        let place = if name.is_empty() { "data".to_owned() } else { format!("data/{name}") };
        self.files.error(Mistake::new(format!("{place}/testdata.yaml"), what))
    }
}

/// The default comparison with the flags of problem.yaml.
pub(super) fn default_checker(sheet: &Sheet) -> Result<Checker, String> {
    let rules = TokenRules::parse(sheet.flags.iter().map(String::as_str))?;
    Ok(Checker::Builtin(Compare::Tokens(rules)))
}
