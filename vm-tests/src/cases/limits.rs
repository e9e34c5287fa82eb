//! Every limit that a report names, compared with what happens.
//!
//! One run has all of them. Its report may name no limit that has no row here, and each row names the case in which the
//! limit is reached.

use super::{PROBE, case};
use crate::case::{Case, Expect};
use crate::message::Observation;
use crate::plan::Step;
use crate::suite::Suite;

/// A limit of the report.
struct Reported {
    /// Its name there.
    key: &'static str,
    option: &'static str,
    value: &'static str,
    /// The value as the report has it.
    number: u64,
    /// The case of the verdicts in which it is reached.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test looks for the case"))]
    reached_in: &'static str,
}

const fn row(
    key: &'static str,
    [option, value]: [&'static str; 2],
    number: u64,
    reached_in: &'static str,
) -> Reported {
    Reported { key, option, value, number, reached_in }
}

const ROWS: &[Reported] = &[
    row("cpu_us", ["--cpu-time", "10s"], 10_000_000, "busy --cpu-time 300ms"),
    row("cpu_quota_us", ["--cpu-quota", "90ms"], 90_000, "busy --cpu-quota 20ms --wall-time 2s"),
    row("wall_us", ["--wall-time", "20s"], 20_000_000, "busy --wall-time 500ms"),
    row("idle_us", ["--idle-time", "19s"], 19_000_000, "sleep --idle-time 300ms"),
    row("memory_bytes", ["--memory", "512M"], 512 << 20, "memory-heap 100 --memory 32M"),
    row("pids", ["--pids", "31"], 31, "fork-until-refused --pids 8"),
    row("output_bytes", ["--output", "1M"], 1 << 20, "flood-stdout --output 64K"),
    row("stack_bytes", ["--stack", "17M"], 17 << 20, "stack 64 --stack 16M"),
    row("open_files", ["--open-files", "21"], 21, "files-until-refused --open-files 20"),
    row("tmp_bytes", ["--tmp", "9M"], 9 << 20, "memory-file 100 --tmp 8M"),
];

pub(crate) fn cases() -> Vec<Case> {
    let options: Vec<&str> = ROWS.iter().flat_map(|row| [row.option, row.value]).collect();
    let step = Step::sandbox("all limits of a report", &[PROBE, "verdict", "hello"]).with(&options);
    vec![case(Suite::Verdicts, step, &[], vec![Expect::Status("ok".into()), Expect::Rule(each_has_a_row)])]
}

fn each_has_a_row(seen: &Observation) -> Result<(), String> {
    let report = seen.report()?;
    let limits = report["limits"].as_object().ok_or("the report has no limits")?;
    if let Some(key) = limits.keys().find(|key| ROWS.iter().all(|row| row.key != key.as_str())) {
        return Err(format!("nothing shows that `{key}` is held"));
    }
    let wrong = ROWS.iter().find(|row| limits.get(row.key).is_none_or(|limit| limit["limit"] != row.number));
    match wrong {
        Some(row) => Err(format!("`{}` is {:?}, not {}", row.key, limits.get(row.key), row.number)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::verdicts;

    #[test]
    fn each_limit_is_reached_in_a_case() {
        let cases = verdicts::cases(false);
        for row in ROWS {
            let name = Suite::Verdicts.case_name(row.reached_in);
            assert!(cases.iter().any(|case| case.step.name == name), "{name}");
            assert!(row.reached_in.contains(row.option), "{name} has another limit than {}", row.option);
        }
    }

    #[test]
    fn a_limit_without_a_row_and_one_with_another_value_are_seen() {
        let report = |limits: &str| Observation {
            report: format!("{{\"limits\":{{{limits}}}}}\n"),
            ..Observation::silent("all limits of a report")
        };
        let known: Vec<String> =
            ROWS.iter().map(|row| format!("\"{}\":{{\"limit\":{}}}", row.key, row.number)).collect();
        let known = known.join(",");
        assert_eq!(each_has_a_row(&report(&known)), Ok(()));
        assert!(each_has_a_row(&report(&format!("{known},\"disk_bytes\":{{\"limit\":1}}"))).is_err());
        assert!(each_has_a_row(&report(&known.replace("31", "32"))).is_err());
        assert!(each_has_a_row(&report("\"cpu_us\":{\"limit\":10000000}")).is_err());
    }
}
