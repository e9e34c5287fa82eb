//! The rules of `-E` and `-e`: a program's environment has nothing that they do not ask for.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::misuse::Misuse;

/// One `-E`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// `NAME`: the caller's.
    Inherit(OsString),
    /// `NAME=VALUE`
    Set(OsString, OsString),
    /// `NAME=`
    Remove(OsString),
}

/// All of them, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Environment {
    all: bool,
    rules: Vec<Rule>,
}

impl Default for Environment {
    /// glibc prints what it dies of on stderr, not on a terminal that is not there.
    fn default() -> Environment {
        Environment { all: false, rules: vec![Rule::Set("LIBC_FATAL_STDERR_".into(), "1".into())] }
    }
}

impl Environment {
    pub(crate) fn inherit_all(&mut self) {
        self.all = true;
    }

    #[cfg(test)]
    pub(crate) fn inherits_all(&self) -> bool {
        self.all
    }

    pub(crate) fn set(&mut self, text: &OsStr) -> Result<(), Misuse> {
        let bytes = text.as_bytes();
        let rule = match bytes.iter().position(|byte| *byte == b'=') {
            Some(0) => return Err(invalid(text)),
            None if bytes.is_empty() => return Err(invalid(text)),
            None => Rule::Inherit(text.to_owned()),
            Some(at) => {
                let name = OsString::from_vec(bytes[..at].to_vec());
                match &bytes[at + 1..] {
                    b"" => Rule::Remove(name),
                    value => Rule::Set(name, OsString::from_vec(value.to_vec())),
                }
            }
        };
        self.rules.push(rule);
        Ok(())
    }

    /// The variables of a program, as `NAME=VALUE`, by those of its caller.
    pub(crate) fn of_program(&self, callers: &[(OsString, OsString)]) -> Vec<OsString> {
        let mut variables: Vec<(OsString, OsString)> = if self.all { callers.to_vec() } else { Vec::new() };
        for rule in &self.rules {
            let (Rule::Inherit(name) | Rule::Set(name, _) | Rule::Remove(name)) = rule;
            variables.retain(|(other, _)| other != name);
            match rule {
                Rule::Inherit(name) => {
                    variables.extend(callers.iter().find(|(other, _)| other == name).cloned())
                }
                Rule::Set(name, value) => variables.push((name.clone(), value.clone())),
                Rule::Remove(_) => {}
            }
        }
        let joined = variables.into_iter().map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            name
        });
        joined.collect()
    }
}

fn invalid(text: &OsStr) -> Misuse {
    Misuse(format!("Invalid environment specified: {}", text.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_program(all: bool, rules: &[&str]) -> Vec<OsString> {
        let callers = [("A", "1"), ("B", "2")].map(|(name, value)| (name.into(), value.into()));
        let mut environment = Environment::default();
        rules.iter().for_each(|rule| environment.set(rule.as_ref()).expect(rule));
        environment.all = all;
        environment.of_program(&callers)
    }

    #[test]
    fn rules_hold_in_their_order_after_the_callers_variables() {
        assert_eq!(of_program(false, &[]), ["LIBC_FATAL_STDERR_=1"]);
        assert_eq!(of_program(false, &["B", "X"]), ["LIBC_FATAL_STDERR_=1", "B=2"]);
        assert_eq!(of_program(true, &["A=", "C=a=b"]), ["B=2", "LIBC_FATAL_STDERR_=1", "C=a=b"]);
        assert_eq!(of_program(false, &["A=3", "A", "LIBC_FATAL_STDERR_="]), ["A=1"]);
    }
}
