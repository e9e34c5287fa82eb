//! Budgets: how many files and bytes an image may have. A build over its budget fails and names the largest files.

use bundle::human_bytes;
use recipe::image_path::ImagePath;
use recipe::{Budget, Spanned};

use crate::error::{Error, Excess};
use crate::plan::entry::Plan;

/// The most files that an error names.
const SHOWN: usize = 10;

/// Names of command interpreters that POSIX, Debian's /etc/shells or busybox know.
const SHELLS: [&str; 11] =
    ["sh", "ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "tcsh", "zsh"];

/// Compares the plan with its budget; the first limit that it exceeds is the error.
pub(crate) fn check(plan: &Plan, budget: &Budget) -> Result<(), Error> {
    let (files, bytes) = (plan.files().count() as u64, plan.bytes());
    let over = |most: &Option<Spanned<u64>>, used| most.clone().filter(|most| used > most.value);
    let (at, rule, hint, offenders) = if let Some(most) = over(&budget.max_files, files) {
        let rule = format!("the image has {files} files, and `max_files` is {}", most.value);
        (most.span, rule, "remove some of these, or raise `max_files`", offenders(plan, false))
    } else if let Some(most) = over(&budget.max_bytes, bytes) {
        let (used, limit) = (human_bytes(bytes), human_bytes(most.value));
        let rule = format!("the image has {used} of files, and `max_bytes` is {limit}");
        (most.span, rule, "remove some of these, or raise `max_bytes`", offenders(plan, false))
    } else if let Some(at) = &budget.no_shell {
        let rule = "the image has a shell, but the budget has `no_shell`".to_owned();
        (
            at.clone(),
            rule,
            "remove the shell and the entries that need it, or remove `no_shell`",
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
        .map(|(path, entry, source)| (path.clone(), source.size(), entry.provenance[0].to_string()))
        .collect();
    offenders.sort_by(|(a, a_size, _), (b, b_size, _)| b_size.cmp(a_size).then(a.cmp(b)));
    offenders.truncate(SHOWN);
    offenders
}

fn is_shell(path: &ImagePath) -> bool {
    path.as_str().rsplit('/').next().is_some_and(|name| SHELLS.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::entry::Entry;
    use crate::plan::planner::Planner;
    use bundle::provenance::{Provenance, ProvenanceKind};
    use recipe::Span;

    fn plan() -> Plan {
        let mut planner = Planner::default();
        for (path, size) in [("/usr/bin/bash", 3), ("/usr/bin/ls", 2), ("/usr/lib/big", 5)] {
            let entry = Entry::inline(vec![0; size], 0o755, Provenance::plain(ProvenanceKind::Recipe));
            planner.add(ImagePath::parse(path).expect("normal"), entry).expect("no conflict");
        }
        planner.finish().expect("no conflict")
    }

    fn most(value: u64) -> Option<Spanned<u64>> {
        Some(Spanned { value, span: Span::CommandLine })
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
        let message = excess(&Budget { no_shell: Some(Span::CommandLine), ..Budget::default() });
        assert_eq!(message.lines().count(), 3);
        assert!(message.contains("/usr/bin/bash"), "{message}");
    }

    #[test]
    fn an_image_within_its_budget_passes() {
        let budget = Budget { max_files: most(3), max_bytes: most(10), no_shell: None };
        assert!(check(&plan(), &budget).is_ok());
    }
}
