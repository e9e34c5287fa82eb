//! The grammar of the policy language: text to [`Policy`], strictly; every mistake has a line, a column and a cause.

use std::collections::BTreeMap;

use super::arch::Arch;
use super::error::{Cause, Error};
use super::names;
use super::rules::{Action, MODES, Op, Policy, Rule, Test};
use super::words::{Word, Words};

/// Something that is the same for all of a run, and that a line can be for.
struct Circumstance {
    name: &'static str,
    values: &'static [&'static str],
    /// What its values count in a mode, the number that stands for all circumstances at once.
    weight: usize,
}

const CIRCUMSTANCES: [Circumstance; 3] = [
    // `--net`.
    Circumstance { name: "net", values: &["none", "loopback", "host"], weight: 1 },
    // Whose the device nodes in /dev are.
    Circumstance { name: "devices", values: &["own", "host"], weight: 3 },
    // Whether anything on the host's disks can be written.
    Circumstance { name: "binds", values: &["read-only", "writable"], weight: 6 },
];

impl Policy {
    /// Reads the text of a policy. Calls that this processor has not are left out.
    ///
    /// # Errors
    /// The first mistake from the top; mistakes that concern the whole file come last.
    pub fn parse(text: &str, arch: &'static Arch) -> Result<Policy, Error> {
        let mut default: Option<(usize, Action)> = None;
        let mut calls = Calls { arch, rules: BTreeMap::new() };
        for (line, content) in text.lines().enumerate().map(|(index, content)| (index + 1, content)) {
            let mut words = Words::new(line, content);
            let Some(verb) = words.next() else { continue };
            if verb.text == "default" {
                let action = action(&words.expect("the answer")?)?;
                words.end_of_line()?;
                if let Some((first, _)) = default {
                    return Err(verb.error(Cause::SecondDefault { line: first }));
                }
                default = Some((line, action));
            } else {
                calls.add_line(action(&verb)?, words)?;
            }
        }
        let last = text.lines().count().max(1);
        let (_, default) = default.ok_or(Error { line: last, column: 1, cause: Cause::NoDefault })?;
        calls.are_decided()?;
        Ok(Policy { arch, default, calls: calls.rules })
    }
}

/// The lines so far, by the numbers of their calls.
struct Calls {
    arch: &'static Arch,
    rules: BTreeMap<u32, Vec<Rule>>,
}

impl Calls {
    /// The rest of a line after its verb: calls, tests, reason.
    fn add_line(&mut self, action: Action, mut words: Words<'_>) -> Result<(), Error> {
        let mut named = vec![words.expect("the name of a system call")?];
        let mut tests = Vec::new();
        let mut modes = [true; MODES];
        while let Some(word) = words.next() {
            if word.text == "when" {
                conditions(&mut words, &mut tests, &mut modes)?;
                break;
            }
            named.push(word);
        }
        words.end_of_line()?;
        for word in named {
            let Some(number) = self.arch.call(word.text) else {
                if Arch::is_known(word.text) {
                    continue;
                }
                return Err(word.error(Cause::UnknownCall(word.text.to_owned())));
            };
            let rules = self.rules.entry(number).or_default();
            let rule = Rule { line: words.line, tests: tests.clone(), modes, action };
            if let Some(cause) = conflict(rules, &rule, word.text) {
                return Err(word.error(cause));
            }
            rules.push(rule);
        }
        Ok(())
    }

    fn are_decided(&self) -> Result<(), Error> {
        let undecided = self
            .rules
            .iter()
            .filter_map(|(number, rules)| Some((number, rules.last().filter(|rule| !rule.is_last())?)))
            .min_by_key(|(_, rule)| rule.line);
        let Some((number, rule)) = undecided else { return Ok(()) };
        let call = self.arch.calls().find(|(known, _)| known == number).map_or("?", |(_, name)| name);
        Err(Error { line: rule.line, column: 1, cause: Cause::Undecided { call: call.to_owned() } })
    }
}

fn conflict(rules: &[Rule], new: &Rule, call: &str) -> Option<Cause> {
    let call = call.to_owned();
    if let Some(rule) = rules.iter().find(|rule| rule.is_last()) {
        return Some(Cause::Decided { call, line: rule.line });
    }
    let same = rules.iter().find(|rule| rule.tests == new.tests && rule.modes == new.modes)?;
    Some(Cause::Repeated { call, line: same.line })
}

fn action(word: &Word<'_>) -> Result<Action, Error> {
    match word.text {
        "allow" => Ok(Action::Allow),
        "succeed" => Ok(Action::Errno(0)),
        "kill" => Ok(Action::Kill),
        text => match names::errno(text) {
            Some(value) => Ok(Action::Errno(value)),
            None => Err(word.error(Cause::UnknownVerb(text.to_owned()))),
        },
    }
}

/// `TEST [and TEST]…` up to the end of the line.
fn conditions(words: &mut Words<'_>, tests: &mut Vec<Test>, modes: &mut [bool; MODES]) -> Result<(), Error> {
    loop {
        let subject = words.expect("a test")?;
        match CIRCUMSTANCES.iter().find(|known| known.name == subject.text) {
            Some(circumstance) => narrow_modes(words, modes, circumstance)?,
            None => tests.push(test(&subject, words)?),
        }
        match words.next() {
            None => return Ok(()),
            Some(word) if word.text == "and" => {}
            Some(word) => return Err(word.error(Cause::Unexpected(word.text.to_owned()))),
        }
    }
}

/// Leaves the modes in which the circumstance has, or has not, a value.
fn narrow_modes(
    words: &mut Words<'_>,
    modes: &mut [bool; MODES],
    circumstance: &Circumstance,
) -> Result<(), Error> {
    let Circumstance { values, weight, .. } = circumstance;
    let operator = words.expect("`==` or `!=`")?;
    let equal = match operator.text {
        "==" => true,
        "!=" => false,
        other => return Err(operator.error(Cause::UnknownOperator(other.to_owned()))),
    };
    let value = words.expect("a value")?;
    let named = values.iter().position(|known| *known == value.text);
    let named = named.ok_or_else(|| value.error(Cause::UnknownValue(value.text.to_owned(), values)))?;
    for (mode, holds) in modes.iter_mut().enumerate() {
        *holds &= (mode / weight % values.len() == named) == equal;
    }
    if *modes == [false; MODES] {
        return Err(value.error(Cause::NeverHolds));
    }
    Ok(())
}

/// `argN[:64] OP NUMBER` or `argN[:64] & MASK == NUMBER`.
fn test(subject: &Word<'_>, words: &mut Words<'_>) -> Result<Test, Error> {
    let (argument, wide) = argument(subject.text)
        .ok_or_else(|| subject.error(Cause::UnknownSubject(subject.text.to_owned())))?;
    let operator = words.expect("a comparison")?;
    let op = match operator.text {
        "==" => Op::Eq,
        "!=" => Op::Ne,
        "<" => Op::Lt,
        "<=" => Op::Le,
        ">" => Op::Gt,
        ">=" => Op::Ge,
        "&" => {
            let (_, mask) = number(words, wide)?;
            let equal = words.expect("`==`")?;
            if equal.text != "==" {
                return Err(equal.error(Cause::UnknownOperator(equal.text.to_owned())));
            }
            Op::Masked(mask)
        }
        other => return Err(operator.error(Cause::UnknownOperator(other.to_owned()))),
    };
    let (word, value) = number(words, wide)?;
    let max = if wide { u64::MAX } else { u64::from(u32::MAX) };
    let never = match op {
        Op::Masked(mask) => value & !mask != 0,
        Op::Lt => value == 0,
        Op::Gt => value == max,
        Op::Eq | Op::Ne | Op::Le | Op::Ge => false,
    };
    if never {
        return Err(word.error(Cause::NeverHolds));
    }
    Ok(Test { argument, wide, op, value })
}

fn argument(text: &str) -> Option<(u8, bool)> {
    let (name, wide) = match text.strip_suffix(":64") {
        Some(name) => (name, true),
        None => (text, false),
    };
    match name.strip_prefix("arg")?.as_bytes() {
        [digit @ b'0'..=b'5'] => Some((digit - b'0', wide)),
        _ => None,
    }
}

/// One number, or several joined by `|` without blanks.
fn number<'a>(words: &mut Words<'a>, wide: bool) -> Result<(Word<'a>, u64), Error> {
    let word = words.expect("a number")?;
    let mut sum = 0;
    for part in word.text.split('|') {
        sum |= literal(part)
            .or_else(|| names::constant(part))
            .ok_or_else(|| word.error(Cause::UnknownNumber(part.to_owned())))?;
    }
    if !wide && sum > u64::from(u32::MAX) {
        return Err(word.error(Cause::TooWide(word.text.to_owned())));
    }
    Ok((word, sum))
}

/// Decimal or `0x`; signs, blanks and `_` are no digits.
fn literal(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| u64::from_str_radix(digits, radix).ok())?
}
