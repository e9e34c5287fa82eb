//! The policy language: text to [`Policy`], strictly; every mistake has a line, a column and a cause.

use std::collections::BTreeMap;
use std::fmt;

use super::names;

/// Something that is the same for all of a run, and that a line can be for.
struct Circumstance {
    name: &'static str,
    values: &'static [&'static str],
    /// What its values count in a mode, the number that says all circumstances at once.
    weight: usize,
}

const CIRCUMSTANCES: [Circumstance; 2] = [
    // `--net`.
    Circumstance { name: "net", values: &["none", "loopback", "host"], weight: 1 },
    // Whose the device nodes in /dev are.
    Circumstance { name: "devices", values: &["own", "host"], weight: 3 },
];

/// How many modes there are.
pub const MODES: usize = 6;

/// What init does between the filter and the program: it hands the listener over, says that the clocks
/// start, and executes, or says why not. A policy that forbids one of these could start nothing.
pub const MADE_BY_INIT: [&str; 6] = ["sendmsg", "close", "clock_gettime", "write", "execve", "exit_group"];

/// What to do with every system call, in the order the lines were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// For numbers that no line names.
    pub default: Action,
    /// For each number the lines to try from the front; the last one always applies.
    pub calls: BTreeMap<u32, Vec<Rule>>,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It is made.
    Allow,
    /// It is not made and returns this errno; 0 pretends success.
    Errno(u16),
    /// It is not made and ends the run.
    Kill,
}

/// One line, for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands, counted from 1.
    pub line: usize,
    /// All of them have to hold.
    pub tests: Vec<Test>,
    /// The modes that it is for.
    pub modes: [bool; MODES],
    /// What happens then.
    pub action: Action,
}

/// One comparison of an argument with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Test {
    /// 0 to 5.
    pub argument: u8,
    /// All 64 bits instead of the low 32.
    pub wide: bool,
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub value: u64,
}

/// A comparison; numbers are unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `& MASK ==`
    Masked(u64),
}

/// A mistake in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub cause: Cause,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The first word is no verb.
    UnknownVerb(String),
    /// No system call of this name.
    UnknownCall(String),
    /// Neither a number nor a constant.
    UnknownNumber(String),
    /// After `when` or `and` stands neither `argN` nor a circumstance.
    UnknownSubject(String),
    /// Not one of the comparisons.
    UnknownOperator(String),
    /// Not a value of the circumstance.
    UnknownValue(String, &'static [&'static str]),
    /// The line ends where this should follow.
    Missing(&'static str),
    /// A word too many.
    Unexpected(String),
    /// The line has no `# reason`.
    NoReason,
    /// No line can be reached after this one.
    Decided {
        /// The call.
        call: String,
        /// The line without `when`.
        line: usize,
    },
    /// The same test stands in an earlier line.
    Repeated {
        /// The call.
        call: String,
        /// The earlier line.
        line: usize,
    },
    /// All lines of a call have a `when`.
    Undecided {
        /// The call.
        call: String,
    },
    /// The number does not fit in 32 bits, and the argument is compared by its low 32.
    TooWide(String),
    /// The test can never hold.
    NeverHolds,
    /// The policy does not allow a call of [`MADE_BY_INIT`].
    NeededByInit {
        /// The call.
        call: &'static str,
    },
    /// A second `default`.
    SecondDefault {
        /// The first one's line.
        line: usize,
    },
    /// No `default` at all.
    NoDefault,
    /// The program would be longer than init takes.
    TooLong {
        /// How long it would be.
        instructions: usize,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::UnknownVerb(word) => {
                write!(f, "`{word}` is no verb: allow, succeed, kill, default or an errno")
            }
            Cause::UnknownCall(word) => write!(f, "`{word}` is no system call of x86-64"),
            Cause::UnknownNumber(word) => write!(f, "`{word}` is neither a number nor a constant"),
            Cause::UnknownSubject(word) => write!(f, "`{word}` is neither arg0 to arg5 nor net nor devices"),
            Cause::UnknownOperator(word) => write!(f, "`{word}` is no comparison that fits here"),
            Cause::UnknownValue(word, known) => write!(f, "`{word}` is none of {}", known.join(", ")),
            Cause::Missing(what) => write!(f, "{what} is missing"),
            Cause::Unexpected(word) => write!(f, "`{word}` is a word too many"),
            Cause::NoReason => write!(f, "the line gives no reason: end it with `# why`"),
            Cause::Decided { call, line } => {
                write!(f, "`{call}` is decided by line {line} already, this line cannot apply")
            }
            Cause::Repeated { call, line } => write!(f, "`{call}` has the same test in line {line}"),
            Cause::Undecided { call } => write!(f, "`{call}` needs a last line without `when`"),
            Cause::TooWide(word) => write!(f, "`{word}` needs more than 32 bits: compare `argN:64`"),
            Cause::NeverHolds => write!(f, "this test can never hold"),
            Cause::NeededByInit { call } => {
                write!(f, "`{call}` has to be allowed: init makes it itself, once the filter is there")
            }
            Cause::SecondDefault { line } => write!(f, "line {line} gives the default already"),
            Cause::NoDefault => write!(f, "no line gives the default"),
            Cause::TooLong { instructions } => {
                write!(f, "the policy needs {instructions} instructions, more than 1024")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.cause)
    }
}

impl Policy {
    /// Reads the text of a policy.
    ///
    /// # Errors
    /// The first mistake from the top; mistakes that concern the whole file come last.
    pub fn parse(text: &str) -> Result<Policy, Error> {
        let mut default: Option<(usize, Action)> = None;
        let mut calls: BTreeMap<u32, Vec<Rule>> = BTreeMap::new();
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
                add_rule(&mut calls, action(&verb)?, words)?;
            }
        }
        let last = text.lines().count().max(1);
        let (_, default) = default.ok_or(Error { line: last, column: 1, cause: Cause::NoDefault })?;
        every_call_is_decided(&calls)?;
        Ok(Policy { default, calls })
    }

    /// Whether init can start a program under this policy.
    ///
    /// # Errors
    /// The first call of [`MADE_BY_INIT`] that is killed by some line, or not allowed by its last one.
    pub fn can_start(&self) -> Result<(), Error> {
        let refused = |name: &&'static str| {
            let number = names::call(name);
            let last = number.and_then(|number| self.calls.get(&number)).and_then(|rules| rules.last());
            let answer = last.map_or(self.default, |rule| rule.action);
            answer != Action::Allow || number.is_some_and(|number| self.kills(number))
        };
        match MADE_BY_INIT.iter().find(|name| refused(name)) {
            None => Ok(()),
            Some(call) => {
                let rules = names::call(call).and_then(|number| self.calls.get(&number));
                let line = rules.and_then(|rules| rules.last()).map_or(1, |rule| rule.line);
                Err(Error { line, column: 1, cause: Cause::NeededByInit { call } })
            }
        }
    }

    /// Whether some line kills the call, or every unnamed number is killed and it is one of them.
    pub fn kills(&self, number: u32) -> bool {
        match self.calls.get(&number) {
            Some(rules) => rules.iter().any(|rule| rule.action == Action::Kill),
            None => self.default == Action::Kill,
        }
    }
}

/// The rest of a line after its verb: calls, tests, reason.
fn add_rule(calls: &mut BTreeMap<u32, Vec<Rule>>, action: Action, mut words: Words<'_>) -> Result<(), Error> {
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
        let number =
            names::call(word.text).ok_or_else(|| word.error(Cause::UnknownCall(word.text.to_owned())))?;
        let rules = calls.entry(number).or_default();
        let rule = Rule { line: words.line, tests: tests.clone(), modes, action };
        if let Some(cause) = conflict(rules, &rule, word.text) {
            return Err(word.error(cause));
        }
        rules.push(rule);
    }
    Ok(())
}

fn conflict(rules: &[Rule], new: &Rule, call: &str) -> Option<Cause> {
    let call = call.to_owned();
    if let Some(rule) = rules.iter().find(|rule| rule.is_last()) {
        return Some(Cause::Decided { call, line: rule.line });
    }
    let same = rules.iter().find(|rule| rule.tests == new.tests && rule.modes == new.modes)?;
    Some(Cause::Repeated { call, line: same.line })
}

fn every_call_is_decided(calls: &BTreeMap<u32, Vec<Rule>>) -> Result<(), Error> {
    let undecided = calls
        .iter()
        .filter_map(|(number, rules)| Some((number, rules.last().filter(|rule| !rule.is_last())?)))
        .min_by_key(|(_, rule)| rule.line);
    let Some((number, rule)) = undecided else { return Ok(()) };
    let call = names::calls().find(|(known, _)| known == number).map_or("?", |(_, name)| name);
    Err(Error { line: rule.line, column: 1, cause: Cause::Undecided { call: call.to_owned() } })
}

impl Rule {
    fn is_last(&self) -> bool {
        self.tests.is_empty() && self.modes == [true; MODES]
    }
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

/// A word and where it stands.
#[derive(Clone, Copy)]
struct Word<'a> {
    line: usize,
    column: usize,
    text: &'a str,
}

impl Word<'_> {
    fn error(&self, cause: Cause) -> Error {
        Error { line: self.line, column: self.column, cause }
    }
}

/// The words of a line up to its reason.
struct Words<'a> {
    line: usize,
    content: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    fn new(line: usize, content: &'a str) -> Self {
        Words { line, content, at: 0 }
    }

    /// The next word; `None` where the reason or the end of the line is.
    fn next(&mut self) -> Option<Word<'a>> {
        let rest = &self.content[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        let text = self.content[start..].split(char::is_whitespace).next().unwrap_or("");
        if text.is_empty() || text.starts_with('#') {
            self.at = start;
            return None;
        }
        self.at = start + text.len();
        Some(Word { line: self.line, column: self.column(start), text })
    }

    fn expect(&mut self, what: &'static str) -> Result<Word<'a>, Error> {
        self.next().ok_or_else(|| self.error_here(Cause::Missing(what)))
    }

    /// Nothing but a reason may follow, and it must.
    fn end_of_line(&mut self) -> Result<(), Error> {
        if let Some(word) = self.next() {
            return Err(word.error(Cause::Unexpected(word.text.to_owned())));
        }
        match self.content[self.at..].trim_matches(|c: char| c == '#' || c.is_whitespace()) {
            "" => Err(self.error_here(Cause::NoReason)),
            _ => Ok(()),
        }
    }

    fn error_here(&self, cause: Cause) -> Error {
        Error { line: self.line, column: self.column(self.at), cause }
    }

    fn column(&self, at: usize) -> usize {
        self.content[..at].chars().count() + 1
    }
}
