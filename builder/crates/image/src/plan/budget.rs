//! Budgets: what an image may cost. A build that exceeds its budget fails and names the largest offenders.

use std::fmt;

use crate::error::Error;
use crate::image_path::ImagePath;
use crate::plan::Plan;
use crate::quantity::bytes_for_people;
use crate::recipe::{Asked, Budget};

/// As many offenders as are named.
const SHOWN: usize = 10;

/// Names of command interpreters that POSIX, Debian's /etc/shells or busybox know.
const SHELLS: [&str; 11] =
    ["sh", "ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "tcsh", "zsh"];

/// What was exceeded, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    rule: String,
    offenders: Vec<(ImagePath, u64, String)>,
    hint: &'static str,
}

/// Compares the plan with its budget.
pub fn check(plan: &Plan, budget: &Budget) -> Result<(), Error> {
    let (files, bytes) = (plan.files().count() as u64, plan.bytes());
    let over = |most: &Option<Asked<u64>>, used| most.clone().filter(|most| used > most.value);
    let (at, rule, hint, offenders) = if let Some(most) = over(&budget.max_files, files) {
        let rule = format!("the image has {files} files, and `max_files` is {}", most.value);
        (most.at, rule, "leave some of these out, or raise `max_files`", offenders(plan, false))
    } else if let Some(most) = over(&budget.max_bytes, bytes) {
        let (has, may) = (bytes_for_people(bytes), bytes_for_people(most.value));
        let rule = format!("the image has {has} of files, and `max_bytes` is {may}");
        (most.at, rule, "leave some of these out, or raise `max_bytes`", offenders(plan, false))
    } else if let Some(at) = &budget.no_shell {
        let rule = "the image has a shell, and the budget says `no_shell`".to_owned();
        (
            at.clone(),
            rule,
            "leave it out, with what asks for it, or take `no_shell` away",
            offenders(plan, true),
        )
    } else {
        return Ok(());
    };
    if offenders.is_empty() { Ok(()) } else { Err(Error::Budget(Excess { rule, offenders, hint }).at(&at)) }
}

/// The largest files first, each with its first reason.
fn offenders(plan: &Plan, shells_only: bool) -> Vec<(ImagePath, u64, String)> {
    let files =
        plan.files().filter(|(path, entry, _)| !shells_only || (is_shell(path) && entry.mode & 0o111 != 0));
    let mut offenders: Vec<_> = files
        .map(|(path, entry, source)| (path.clone(), source.size(), entry.causes[0].to_string()))
        .collect();
    offenders.sort_by(|(a, a_size, _), (b, b_size, _)| b_size.cmp(a_size).then(a.cmp(b)));
    offenders.truncate(SHOWN);
    offenders
}

fn is_shell(path: &ImagePath) -> bool {
    path.as_str().rsplit('/').next().is_some_and(|name| SHELLS.contains(&name))
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)?;
        for (path, size, why) in &self.offenders {
            write!(f, "\n  {:>9}  {path}: {why}", bytes_for_people(*size))?;
        }
        write!(f, "\n  hint: {}", self.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::{Because, Cause};
    use crate::plan::{Entry, Planner};
    use crate::recipe::Place;

    fn plan() -> Plan {
        let mut planner = Planner::default();
        for (path, size) in [("/usr/bin/bash", 3), ("/usr/bin/ls", 2), ("/usr/lib/big", 5)] {
            let entry = Entry::inline(vec![0; size], 0o755, Cause::plain(Because::Recipe));
            planner.want(ImagePath::parse(path).expect("normal"), entry).expect("no conflict");
        }
        planner.finish().expect("no conflict")
    }

    fn most(value: u64) -> Option<Asked<u64>> {
        Some(Asked { value, at: Place::CommandLine })
    }

    fn excess(budget: &Budget) -> String {
        check(&plan(), budget).expect_err("over budget").to_string()
    }

    #[test]
    fn the_largest_offender_comes_first_with_its_reason() {
        let message = excess(&Budget { max_bytes: most(9), ..Budget::default() });
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(lines[0], "the image has 10 B of files, and `max_bytes` is 9 B");
        assert_eq!(lines[1], "        5 B  /usr/lib/big: given by the recipe");
    }

    #[test]
    fn no_shell_names_the_shell_only() {
        let message = excess(&Budget { no_shell: Some(Place::CommandLine), ..Budget::default() });
        assert_eq!(message.lines().count(), 3);
        assert!(message.contains("/usr/bin/bash"), "{message}");
    }

    #[test]
    fn a_budget_that_is_kept_is_silent() {
        let budget = Budget { max_files: most(3), max_bytes: most(10), no_shell: None };
        assert!(check(&plan(), &budget).is_ok());
    }
}
