//! Mistakes in a policy: where they are, and the text that says what is wrong.

use std::fmt;

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
    /// The first word is not a verb.
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
    /// The policy does not allow a call of [`MADE_BY_INIT`](super::rules::MADE_BY_INIT).
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
            Cause::UnknownCall(word) => write!(f, "`{word}` is no system call"),
            Cause::UnknownNumber(word) => write!(f, "`{word}` is neither a number nor a constant"),
            Cause::UnknownSubject(word) => write!(f, "`{word}` is none of arg0 to arg5, net, devices, binds"),
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
