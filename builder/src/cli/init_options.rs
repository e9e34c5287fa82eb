//! init's options as clap knows them: made from init's own table, so that help, completions and manual pages cannot
//! differ from what init parses.

use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use init::contract::{OPTIONS, OptionSpec};

/// Options of `init run` for a command that sets some of them itself. They are passed on as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct InitOptions(pub(super) Vec<OsString>);

/// What `capsule run` and `capsule shell` set: the bundle's tree.
const SET_BY_RUN: [&str; 1] = ["--root"];

impl Args for InitOptions {
    fn augment_args(command: Command) -> Command {
        command.args(offered(&SET_BY_RUN).map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for InitOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<InitOptions, clap::Error> {
        Ok(InitOptions(offered(&SET_BY_RUN).flat_map(|option| given(matches, option, option.name)).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = InitOptions::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Options of init for the steps of `capsule exec`: as they are for the run step, with `--compile-` for the other one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StepOptions(pub(super) Vec<OsString>);

/// What `capsule exec` sets for both steps.
const SET_BY_EXEC: [&str; 3] = ["--root", "--rootfs-digest", "--known-bad"];
/// What only the run step has.
const RUN_ONLY: [&str; 6] = ["--root", "--rootfs-digest", "--known-bad", "--cwd", "--tty", "--report"];

/// `--compile-NAME` for `--NAME`.
fn for_compile(option: &OptionSpec) -> String {
    format!("--compile-{}", option.name.trim_start_matches('-'))
}

impl Args for StepOptions {
    fn augment_args(command: Command) -> Command {
        // Listed once, for the run step: the usage line says what `--compile-` means. Completions know both.
        let compile = offered(&RUN_ONLY).map(|option| {
            let name: &'static str = for_compile(option).leak();
            arg_named(option, name).hide(true)
        });
        command.args(offered(&SET_BY_EXEC).map(arg)).args(compile)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StepOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<StepOptions, clap::Error> {
        let run = offered(&SET_BY_EXEC).flat_map(|option| given(matches, option, option.name));
        let compile = offered(&RUN_ONLY).flat_map(|option| given(matches, option, &for_compile(option)));
        Ok(StepOptions(run.chain(compile).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = StepOptions::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The option with a short name, as in ssh(1).
const NO_INPUT: &str = "--no-input";

fn offered(set_by_us: &[&str]) -> impl Iterator<Item = &'static OptionSpec> {
    OPTIONS.iter().filter(|option| !set_by_us.contains(&option.name))
}

fn arg(option: &'static OptionSpec) -> Arg {
    arg_named(option, option.name)
}

fn arg_named(option: &'static OptionSpec, name: &'static str) -> Arg {
    let arg = Arg::new(name).long(name.trim_start_matches('-')).help_heading(option.group.title());
    let arg = if name == NO_INPUT { arg.short_alias('n') } else { arg };
    let arg = match option.value {
        None => arg.action(ArgAction::SetTrue),
        // Appended even where the last one counts: init decides that.
        Some(value) => arg
            .action(ArgAction::Append)
            .value_name(value)
            .value_parser(ValueParser::os_string())
            .allow_hyphen_values(true),
    };
    match option.default {
        "" => arg.help(option.help),
        default => arg.help(format!("{} [default: {default}]", option.help)),
    }
}

/// The option as it was given, for init.
fn given(matches: &ArgMatches, option: &OptionSpec, name: &str) -> Vec<OsString> {
    if option.value.is_none() {
        return if matches.get_flag(name) { vec![name.into()] } else { Vec::new() };
    }
    let values = matches.get_many::<OsString>(name).into_iter().flatten();
    values.flat_map(|value| [name.into(), value.clone()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Vec<OsString> {
        let command = InitOptions::augment_args(Command::new("run"));
        let matches = command.try_get_matches_from(line.split(' ')).expect(line);
        InitOptions::from_arg_matches(&matches).expect(line).0
    }

    #[test]
    fn options_reach_init_as_they_were_given() {
        let line = "run --memory 1G --tty --report - --env A=1 --env B=2 --memory 2G";
        let expected = "--memory 1G --memory 2G --tty --report - --env A=1 --env B=2";
        let mut given = run(line);
        let mut expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
        assert_eq!(
            given[given.iter().position(|arg| arg == "2G").unwrap_or(0) - 2],
            "1G",
            "the last one stays last"
        );
        given.sort();
        expected.sort();
        assert_eq!(given, expected);
    }

    #[test]
    fn every_option_of_init_but_the_bundles_is_offered_under_its_heading() {
        let command = InitOptions::augment_args(Command::new("run"));
        for option in offered(&SET_BY_RUN) {
            let arg = command.get_arguments().find(|arg| arg.get_id() == option.name).expect(option.name);
            assert_eq!(arg.get_help_heading(), Some(option.group.title()), "{}", option.name);
        }
        assert_eq!(command.get_arguments().count() + SET_BY_RUN.len(), OPTIONS.len());
    }
}
