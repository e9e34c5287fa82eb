//! test_group.yaml: groups one level below secret, with scores and requirements; and `<test>.yaml`.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::data::{self, Directory, Entry};
use super::sheet::Sheet;
use crate::compare::{Compare, TokenRules};
use crate::constants;
use crate::error::{Error, Mistake};
use crate::files::{Files, LARGEST_TEXT};
use crate::problem::{Aggregate, Group, Member, Problem, Scores, StopAt, Test};
use crate::read::yaml::{self, Ignored, Text, Words};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    max_score: Option<Text>,
    score_aggregation: Option<Text>,
    require_pass: Option<Words>,
    static_validation_score: Option<Text>,
    args: Option<Words>,
    output_validator_args: Option<Words>,
    // Of drafts.
    output_validator_flags: Option<Words>,
    input_validator_flags: Ignored,
    input_validator_args: Ignored,
    static_validator_args: Ignored,
    input_visualizer_args: Ignored,
    output_visualizer_args: Ignored,
    full_feedback: Ignored,
    hint: Ignored,
    description: Ignored,
}

impl Keys {
    fn validator_args(&self) -> Option<Vec<String>> {
        self.output_validator_args
            .as_ref()
            .or(self.output_validator_flags.as_ref())
            .map(|words| words.0.clone())
    }
}

pub(super) fn read(files: &Files, sheet: &Sheet, problem: &mut Problem) -> Result<(), Error> {
    let mut reader = Reader { files, sheet, problem, scored: BTreeSet::new(), is_bounded: true };
    let none = if sheet.is_scoring { Aggregate::Sum } else { Aggregate::None };
    let mut root = Group::new("", none);
    root.stop_at = StopAt::failure_if(!sheet.is_scoring);
    let keys = reader.keys("data")?;
    for directory in data::read(files)? {
        let is_sample = directory.name == "sample";
        let mut group = reader.directory(directory, &keys, None)?;
        // The score of a submission is that of secret.
        group.ignored = is_sample && sheet.is_scoring;
        root.members.push(Member::Group(group));
    }
    problem.root = root;
    Ok(())
}

struct Reader<'a> {
    files: &'a Files,
    sheet: &'a Sheet,
    problem: &'a mut Problem,
    /// The groups so far that do more than pass or fail.
    scored: BTreeSet<String>,
    /// Whether secret has a largest score.
    is_bounded: bool,
}

impl Reader<'_> {
    fn keys(&self, directory: &str) -> Result<Keys, Error> {
        for name in ["test_group.yaml", "testdata.yaml"] {
            let sheet = format!("{directory}/{name}");
            if self.files.has(&sheet) {
                let text = constants::filled(&self.sheet.constants, &self.files.text(&sheet)?, LARGEST_TEXT);
                let text = text.map_err(|what| self.files.error(Mistake::new(&*sheet, what)))?;
                return yaml::parse(&text, &sheet).map_err(|mistake| self.files.error(mistake));
            }
        }
        Ok(Keys::default())
    }

    /// `outer` is the directory around it; arguments are inherited, scores are not.
    fn directory(
        &mut self,
        directory: Directory,
        inherited: &Keys,
        outer: Option<&str>,
    ) -> Result<Group, Error> {
        let name = directory.name.clone();
        if outer.is_some_and(|outer| outer != "secret") {
            return Err(self.wrong(&name, "a group must lie directly below secret".to_owned()));
        }
        let own = self.keys(&format!("data/{name}"))?;
        let args = own.args.clone().or_else(|| inherited.args.clone());
        let validator_args = own.validator_args().or_else(|| inherited.validator_args()).unwrap_or_default();
        let keys = Keys { args, output_validator_args: Some(Words(validator_args)), ..own };
        let mut group = self.group(&name, &keys)?;
        let (points, scores) = match (group.score, group.points) {
            _ if !self.sheet.is_scoring => (0.0, Scores::Free),
            _ if name == "sample" => (0.0, Scores::Ignored),
            (Aggregate::PassFail, most) => (most.unwrap_or(0.0), Scores::Forbidden),
            (Aggregate::Sum, Some(most)) => (most / directory.count_tests().max(1) as f64, Scores::Bounded),
            (_, Some(most)) => (most, Scores::Bounded),
            // The score is then so many times one point.
            (_, None) => (1.0, Scores::Required),
        };
        for entry in directory.entries.into_values() {
            group.members.push(match entry {
                Entry::Group(inner) => Member::Group(self.directory(inner, &keys, Some(&name))?),
                Entry::Test(mut test) => {
                    (test.points, test.scores) = (points, scores);
                    self.test(&mut test, &keys)?;
                    self.problem.tests.push(test);
                    Member::Test(self.problem.tests.len() - 1)
                }
            });
        }
        let (has_tests, has_groups) = (
            group.tests().len() > group.groups().flat_map(|inner| inner.tests()).count(),
            group.groups().next().is_some(),
        );
        if has_tests && has_groups && self.sheet.is_scoring {
            return Err(self.wrong(&name, "it has both tests and groups, which share no score".to_owned()));
        }
        Ok(group)
    }

    fn test(&self, test: &mut Test, keys: &Keys) -> Result<(), Error> {
        let sheet = format!("data/{}.yaml", test.name);
        let own: Keys =
            if self.files.has(&sheet) { yaml::read(self.files, &sheet)? } else { Keys::default() };
        let args_file = format!("data/{}.args", test.name);
        if self.files.has(&args_file) {
            test.args = self.files.text(&args_file)?.split_whitespace().map(str::to_owned).collect();
        } else {
            test.args = own.args.clone().or_else(|| keys.args.clone()).unwrap_or_default().0;
        }
        test.check_args = own.validator_args().or_else(|| keys.validator_args()).unwrap_or_default();
        if !super::programs::has_validator(self.files) && !test.check_args.is_empty() {
            let all = self.sheet.flags.iter().chain(&test.check_args).map(String::as_str);
            let rules = TokenRules::parse(all).map_err(|what| self.wrong(&test.name, what))?;
            test.compare = Some(Compare::Tokens(rules));
        }
        Ok(())
    }

    fn group(&mut self, name: &str, keys: &Keys) -> Result<Group, Error> {
        let mut group = Group::new(name, Aggregate::None);
        if !self.sheet.is_scoring {
            return Ok(group);
        }
        let is_secret = name == "secret";
        group.score = match (keys.score_aggregation.as_ref().map(|text| text.0.as_str()), is_secret) {
            (Some("sum"), _) | (None, true) => Aggregate::Sum,
            (Some("min"), _) => Aggregate::Min,
            (Some("pass-fail"), _) | (None, false) => Aggregate::PassFail,
            (Some(other), _) => {
                return Err(self.wrong(
                    name,
                    format!("`score_aggregation` is pass-fail, sum or min, not `{}`", other.escape_debug()),
                ));
            }
        };
        group.points = match keys.max_score.as_ref().map(|text| text.0.as_str()) {
            None if is_secret => Some(100.0),
            None | Some("unbounded") => None,
            Some(text) => {
                let score = text.parse().ok().filter(|score: &f64| *score > 0.0 && score.is_finite());
                let what = || {
                    self.wrong(
                        name,
                        format!(
                            "`max_score` is a number above 0 or `unbounded`, not `{}`",
                            text.escape_debug()
                        ),
                    )
                };
                Some(score.ok_or_else(what)?)
            }
        };
        let is_binary = group.score == Aggregate::PassFail;
        if group.points.is_none() && name != "sample" && (is_binary || self.is_bounded && !is_secret) {
            let why = if is_binary { "it passes or fails" } else { "secret has one" };
            return Err(self.wrong(name, format!("`max_score` must not be unbounded: {why}")));
        }
        if is_secret {
            self.is_bounded = group.points.is_some();
        }
        if !is_binary && name != "sample" {
            self.scored.insert(name.to_owned());
        }
        group.stop_at = StopAt::failure_if(is_binary);
        group.requires = keys
            .require_pass
            .clone()
            .unwrap_or_default()
            .0
            .iter()
            .map(|required| full_name(required))
            .collect();
        self.check_requirements(&group)?;
        if keys.static_validation_score.is_some() {
            self.problem.unsupported.push(format!("data/{name}: a score of the static validator"));
        }
        Ok(group)
    }

    /// A requirement is a group that comes earlier: data/sample, or one of secret that has this one's tests after it.
    fn check_requirements(&self, group: &Group) -> Result<(), Error> {
        for required in &group.requires {
            let has_it = self.files.has_directory(&format!("data/{required}"));
            if !has_it || required.as_str() >= group.name.as_str() {
                let what = format!("`require_pass` names `{required}`, which is not a group before this one");
                return Err(self.wrong(&group.name, what));
            }
            if self.scored.contains(required) {
                let what = format!("`require_pass` names `{required}`, which does not pass or fail");
                return Err(self.wrong(&group.name, what));
            }
        }
        Ok(())
    }

    fn wrong(&self, name: &str, what: String) -> Error {
        self.files.error(Mistake::new(format!("data/{name}"), what))
    }
}

/// `sample`, or a group of secret by its own name.
fn full_name(name: &str) -> String {
    if name == "sample" || name.starts_with("secret/") { name.to_owned() } else { format!("secret/{name}") }
}
