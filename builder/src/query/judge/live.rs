//! What a terminal shows while tests run: a letter for each test, the slowest time, the most memory.

use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::time::Duration;

use bundle::human_bytes;
use image::write::interrupt::Interrupt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use judge::judging::{TestResult, Watch};
use judge::problem::{Problem, Verdict};

/// More letters do not fit into a line: the last ones are shown.
const MOST_LETTERS: usize = 40;

/// The line, if there is a terminal for it.
pub(super) struct Live<'a> {
    bar: Option<ProgressBar>,
    state: Mutex<State>,
    interrupt: &'a Interrupt,
}

#[derive(Debug, Default)]
struct State {
    name: String,
    is_compiled: bool,
    tests: Vec<char>,
    slowest_us: u64,
    memory_bytes: u64,
}

impl<'a> Live<'a> {
    /// On stderr, which does not get the result.
    pub(super) fn new(problem: &Problem, is_text: bool, interrupt: &'a Interrupt) -> Live<'a> {
        let is_shown = is_text && io::stderr().is_terminal();
        let bar = is_shown.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let live = Live { bar, state: Mutex::default(), interrupt };
        live.submission(None, problem.tests.len());
        live
    }

    /// Removes the line.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn show(&self, change: impl FnOnce(&mut State)) {
        let Some(bar) = &self.bar else { return };
        if let Ok(mut state) = self.state.lock() {
            change(&mut state);
            bar.set_message(state.line());
        }
    }
}

impl Watch for Live<'_> {
    fn submission(&self, name: Option<&str>, tests: usize) {
        let name = name.map(|name| format!("{} ", name.escape_debug())).unwrap_or_default();
        self.show(|state| *state = State { name, tests: vec![' '; tests], ..State::default() });
    }

    fn compiled(&self) {
        self.show(|state| state.is_compiled = true);
    }

    fn test(&self, number: usize, result: &TestResult) {
        self.show(|state| {
            if let Some(place) = state.tests.get_mut(number) {
                *place = letter(result.verdict);
            }
            state.slowest_us = state.slowest_us.max(result.time_us.unwrap_or(0));
            state.memory_bytes = state.memory_bytes.max(result.memory_bytes.unwrap_or(0));
        });
    }

    fn interrupted(&self) -> Option<String> {
        self.interrupt.signal().map(|signal| format!("interrupted by signal {signal}"))
    }
}

impl State {
    fn line(&self) -> String {
        let ended = self.tests.iter().filter(|letter| **letter != ' ').count();
        let last = self.tests.iter().rposition(|letter| *letter != ' ').map_or(0, |last| last + 1);
        let letters: String = self.tests[last.saturating_sub(MOST_LETTERS)..last].iter().collect();
        if !self.is_compiled {
            return format!("{}compiling, {} tests", self.name, self.tests.len());
        }
        let (seconds, memory) = (self.slowest_us as f64 / 1e6, human_bytes(self.memory_bytes));
        format!("{}{letters} {ended}/{}, slowest {seconds:.3} s, {memory}", self.name, self.tests.len())
    }
}

/// A dot for what is right.
fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::Accepted => '.',
        Verdict::WrongAnswer => 'W',
        Verdict::TimeLimit => 'T',
        Verdict::MemoryLimit => 'M',
        Verdict::OutputLimit => 'O',
        Verdict::RunTimeError => 'R',
        Verdict::CompileError => 'C',
        Verdict::JudgeError => 'J',
        Verdict::InternalError => 'I',
        Verdict::Skipped => '-',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_letter_for_each_test_that_has_ended() {
        let mut state = State { tests: vec![' '; 3], ..State::default() };
        assert_eq!(state.line(), "compiling, 3 tests");
        state.is_compiled = true;
        (state.tests, state.slowest_us, state.memory_bytes) = (vec!['.', 'W', ' '], 1_500_000, 2 << 20);
        assert_eq!(state.line(), ".W 2/3, slowest 1.500 s, 2.00 MiB");
        state.tests = vec!['.'; 1000];
        assert!(state.line().starts_with(&format!("{} 1000/1000", ".".repeat(MOST_LETTERS))));
    }
}
