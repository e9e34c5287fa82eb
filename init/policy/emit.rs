//! [`Policy`] to one BPF program: a binary tree over the numbers, then the lines of each call.
//!
//! Why a tree and not a list: at installation the kernel runs every call number through the filter to
//! find those that are always allowed (they skip the filter from then on), so a list of n calls costs
//! n²/2 steps before the program even starts. With a tree it is n·log n, and the calls whose
//! arguments have to be looked at are found in eight steps instead of hundreds.
//!
//! seccompiler turns the tests of a line into instructions; its own filters know only two outcomes
//! (ours are allow, several errnos and kill) and are lists.
//!
//! BPF jumps only forwards, so the program is written from its end to its beginning: the target of
//! each jump is already there. Conditional jumps reach 255 instructions; [`Tail::near`]
//! puts a copy of the return, or a long jump, where that is too short.

use seccompiler::{BpfProgram, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule, sock_filter};

use super::arch::X32_BIT;
use super::rules::{Action, MADE_UNDER_THE_LISTENER, MODES, Op, Policy, Rule, Test};

/// `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation, see `linux/bpf_common.h`.
    pub code: u16,
    /// Instructions to skip if the comparison holds.
    pub jt: u8,
    /// Instructions to skip if it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

impl Instruction {
    /// As the kernel of a little-endian machine reads it.
    pub fn to_bytes(self) -> [u8; 8] {
        let ([c0, c1], [k0, k1, k2, k3]) = (self.code.to_le_bytes(), self.k.to_le_bytes());
        [c0, c1, self.jt, self.jf, k0, k1, k2, k3]
    }
}

// linux/bpf_common.h: class | size | mode, or class | operation | source.
const CLASS: u16 = 0x07;
const LOAD_WORD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

// linux/seccomp.h: offsets in struct seccomp_data, and the values a filter returns.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const RET_KILL_PROCESS: u32 = 0x8000_0000;
const RET_USER_NOTIF: u32 = 0x7fc0_0000;
const RET_ERRNO: u32 = 0x0005_0000;
const RET_ALLOW: u32 = 0x7fff_0000;

/// Beyond the x32 numbers there is nothing, and -1 is what a tracer writes to skip a call.
const BEYOND_X32: u32 = 0x8000_0000;

/// The program of a policy for one mode ([`super::image`]).
///
/// The programs of all modes are the same but for the operand of some jumps: lines for some modes only
/// follow a gate, a jump to the next instruction where it is open and past the lines where it is closed.
pub fn program(policy: &Policy, mode: usize) -> Vec<Instruction> {
    let mut tail = Tail::default();
    let policy = spare_init(policy);
    let ranges = ranges(&policy, mode, &mut tail);
    let root = tree(&leaves(&ranges), &mut tail);
    tail.start_at(root);
    tail.push(LOAD_WORD, OFFSET_NUMBER);
    let native = tail.written.len() - 1;
    let kill = tail.near(Target::Return(Action::Kill));
    tail.branch(JUMP_IF_EQUAL, policy.arch.audit, native, kill);
    tail.push(LOAD_WORD, OFFSET_ARCH);
    tail.written.reverse();
    tail.written
}

/// What a policy says of the calls that it kills; it allows all others. Its program is short: most lines are about answers.
pub fn reports(policy: &Policy) -> Policy {
    let report = |action| if action == Action::Kill { action } else { Action::Allow };
    let mut reports = spare_init(policy);
    reports.default = report(reports.default);
    for rule in reports.calls.values_mut().flatten() {
        rule.action = report(rule.action);
    }
    reports
}

/// Where the policy kills a call that is made under the listener, the process dies, and init does not.
fn spare_init(policy: &Policy) -> Policy {
    let mut spared = policy.clone();
    for number in MADE_UNDER_THE_LISTENER.iter().filter_map(|name| policy.arch.call(name)) {
        let last = Rule { line: 0, tests: Vec::new(), modes: [true; MODES], action: policy.default };
        for rule in spared.calls.entry(number).or_insert_with(|| vec![last]) {
            if rule.action == Action::Kill {
                rule.action = Action::KillProcess;
            }
        }
    }
    spared
}

/// Numbers from `first` up to the next range's go to `target`.
struct Range {
    first: u32,
    target: Target,
}

/// Where a branch of the tree leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// To an answer, wherever one is near.
    Return(Action),
    /// To an instruction, counted from the program's end.
    At(usize),
}

/// All numbers, in order, neighbours with the same answer together.
fn ranges(policy: &Policy, mode: usize, tail: &mut Tail) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    let mut written: Vec<(&[Rule], Target)> = Vec::new();
    let mut add = |first, target| match ranges.last() {
        Some(range) if range.target == target => {}
        _ => ranges.push(Range { first, target }),
    };
    let mut next = 0;
    for (number, rules) in &policy.calls {
        if next < *number {
            add(next, Target::Return(policy.default));
        }
        // Calls of which the policy says the same share their instructions.
        let same = written.iter().find(|(known, _)| is_same(known, rules));
        let target = same.map_or_else(|| lines(rules, mode, tail), |(_, target)| *target);
        if rules.len() > 1 {
            written.push((rules, target));
        }
        add(*number, target);
        next = number + 1;
    }
    add(next, Target::Return(policy.default));
    if policy.arch.has_x32 {
        add(X32_BIT, Target::Return(Action::Kill));
        add(BEYOND_X32, Target::Return(policy.default));
    }
    ranges
}

/// Whether two calls have the same lines, wherever these stand.
fn is_same(one: &[Rule], other: &[Rule]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            (&one.tests, one.modes, one.action) == (&other.tests, other.modes, other.action)
        })
}

/// The lines of one call: if they all come to the same there is nothing to test.
fn lines(rules: &[Rule], mode: usize, tail: &mut Tail) -> Target {
    let last = rules.last().expect("the parser lets no call end undecided").action;
    let mut next = Target::Return(last);
    if rules.iter().all(|rule| rule.action == last) {
        return next;
    }
    for group in rules[..rules.len() - 1].chunk_by(|one, other| one.modes == other.modes).rev() {
        let modes = group[0].modes;
        let group: Vec<Line<'_>> =
            group.iter().map(|rule| Line { tests: &rule.tests, action: rule.action }).collect();
        let entry = chain(&group, next, None, tail);
        next = if modes == [true; MODES] { entry } else { tail.gate(entry, next, modes[mode]) };
    }
    next
}

/// A line, or what is left of it once its first tests are known to hold.
#[derive(Clone, Copy)]
struct Line<'a> {
    tests: &'a [Test],
    action: Action,
}

/// Lines for the same modes, one after the other; what none of them answers goes to `next`. `loaded` is the argument whose
/// low half is loaded when they begin.
fn chain(lines: &[Line<'_>], mut next: Target, loaded: Option<u8>, tail: &mut Tail) -> Target {
    let groups: Vec<&[Line<'_>]> = lines.chunk_by(begin_alike).collect();
    for (index, group) in groups.iter().enumerate().rev() {
        let loaded = index.checked_sub(1).map_or(loaded, |before| loaded_after(groups[before]));
        next = together(group, next, loaded, tail);
    }
    next
}

/// Whether two lines ask the same first: then one test is enough for both.
fn begin_alike(one: &Line<'_>, other: &Line<'_>) -> bool {
    one.tests.len() > 1 && other.tests.len() > 1 && one.tests[0] == other.tests[0]
}

/// Lines that ask the same first.
fn together(lines: &[Line<'_>], next: Target, loaded: Option<u8>, tail: &mut Tail) -> Target {
    let Some((first, _)) = lines[0].tests.split_first() else { return Target::Return(lines[0].action) };
    let others: Vec<Line<'_>> = lines.iter().map(|line| Line { tests: &line.tests[1..], ..*line }).collect();
    let holds = chain(&others, next, kept_by(first), tail);
    let again = !first.wide && loaded == Some(first.argument);
    link(&test_code(first), again, holds, next, tail)
}

/// The argument whose low half is still loaded wherever lines send those they do not apply to.
fn loaded_after(lines: &[Line<'_>]) -> Option<u8> {
    let mut tests = lines.iter().flat_map(|line| line.tests);
    let argument = kept_by(tests.next()?)?;
    tests.all(|test| kept_by(test) == Some(argument)).then_some(argument)
}

/// The argument whose low half is loaded after a test, whatever came of it.
fn kept_by(test: &Test) -> Option<u8> {
    match test {
        Test { wide: true, .. } | Test { op: Op::Masked(_), .. } => None,
        Test { argument, .. } => Some(*argument),
    }
}

/// Writes a test so that it leads to `holds` or to `fails`; with `loaded` its first load is left out.
fn link(code: &[Instruction], loaded: bool, holds: Target, fails: Target, tail: &mut Tail) -> Target {
    let (compare, before) = code.split_last().expect("a test has instructions");
    let inner = before.iter().any(|instruction| instruction.code & CLASS == JUMP);
    if inner {
        // The 64-bit tests jump more than once: as they are, followed by the two ways out.
        tail.go_to(fails);
        tail.go_to(holds);
        tail.written.extend(code.iter().rev());
    } else {
        let holds = tail.near(holds);
        let fails = tail.near(fails);
        // Seccompiler's last jump skips nothing if the test holds and one instruction if it fails.
        let (jt, jf) = if compare.jt == 0 { (holds, fails) } else { (fails, holds) };
        tail.branch(compare.code, compare.k, jt, jf);
        tail.written.extend(before.iter().skip(usize::from(loaded)).rev());
    }
    Target::At(tail.written.len() - 1)
}

/// The instructions of one test; after their end follows what to do if it holds, one further what to do if it fails.
fn test_code(test: &Test) -> Vec<Instruction> {
    let rule = SeccompRule::new(vec![condition(test)]).expect("a rule with one condition is not empty");
    let code: Vec<Instruction> = BpfProgram::from(rule).into_iter().map(Instruction::from).collect();
    // Seccompiler begins a rule with a jump over a second jump that nothing else can reach, as
    // there are no jumps backwards: both are left out.
    match code.split_first_chunk() {
        Some(([enter, skip], rest)) if (enter.code, enter.k, skip.code) == (JUMP, 1, JUMP) => rest.to_vec(),
        _ => code,
    }
}

fn condition(test: &Test) -> SeccompCondition {
    let width = if test.wide { SeccompCmpArgLen::Qword } else { SeccompCmpArgLen::Dword };
    let op = match test.op {
        Op::Eq => SeccompCmpOp::Eq,
        Op::Ne => SeccompCmpOp::Ne,
        Op::Lt => SeccompCmpOp::Lt,
        Op::Le => SeccompCmpOp::Le,
        Op::Gt => SeccompCmpOp::Gt,
        Op::Ge => SeccompCmpOp::Ge,
        Op::Masked(mask) => SeccompCmpOp::MaskedEq(mask),
    };
    SeccompCondition::new(test.argument, width, op, test.value).expect("the parser takes arg0 to arg5 only")
}

impl From<sock_filter> for Instruction {
    fn from(raw: sock_filter) -> Self {
        Instruction { code: raw.code, jt: raw.jt, jf: raw.jf, k: raw.k }
    }
}

fn answer(action: Action) -> Instruction {
    let k = match action {
        Action::Allow => RET_ALLOW,
        Action::Errno(errno) => RET_ERRNO | u32::from(errno),
        Action::Kill => RET_USER_NOTIF,
        Action::KillProcess => RET_KILL_PROCESS,
    };
    Instruction { code: RETURN, jt: 0, jf: 0, k }
}

/// A range in which single numbers go to other targets: most calls whose arguments matter stand between others that are
/// allowed. Such a number takes one comparison, and two as a range of its own.
struct Leaf<'a> {
    range: &'a Range,
    singles: &'a [Range],
}

/// The most single numbers of a leaf: they are compared one after the other.
const MOST_SINGLES: usize = 4;

/// The ranges, with single numbers between two of the same target in a leaf with both.
fn leaves(ranges: &[Range]) -> Vec<Leaf<'_>> {
    let mut leaves = Vec::new();
    let mut rest = ranges;
    while let Some((range, others)) = rest.split_first() {
        let is_single = |at: usize| Some(others[at].first + 1) == others.get(at + 1).map(|next| next.first);
        let is_inside = |at: &usize| others[*at].target == range.target || is_single(*at);
        let inside = (0..others.len().min(2 * MOST_SINGLES)).take_while(is_inside);
        let is_outer = |at: &usize| others[*at].target == range.target;
        let count = |len: usize| (0..len).filter(|at| !is_outer(at)).count();
        let last = inside.filter(|at| is_outer(at) && count(*at) <= MOST_SINGLES).last();
        let (singles, after) = others.split_at(last.map_or(0, |at| at + 1));
        leaves.push(Leaf { range, singles });
        rest = after;
    }
    leaves
}

/// Compares with the single numbers of a leaf.
fn comparisons(leaf: &Leaf<'_>, tail: &mut Tail) -> Target {
    let mut otherwise = leaf.range.target;
    for single in leaf.singles.iter().filter(|single| single.target != leaf.range.target) {
        let equal = tail.near(single.target);
        let other = tail.near(otherwise);
        tail.branch(JUMP_IF_EQUAL, single.first, equal, other);
        otherwise = Target::At(tail.written.len() - 1);
    }
    otherwise
}

/// Halves the leaves until one is left.
fn tree(leaves: &[Leaf<'_>], tail: &mut Tail) -> Target {
    let (low, high) = match leaves {
        [leaf] => return comparisons(leaf, tail),
        _ => leaves.split_at(leaves.len() / 2),
    };
    let above = tree(high, tail);
    let below = tree(low, tail);
    let above = tail.near(above);
    let below = tail.near(below);
    tail.branch(JUMP_IF_AT_LEAST, high[0].range.first, above, below);
    Target::At(tail.written.len() - 1)
}

/// The program so far, its last instruction first.
#[derive(Default)]
struct Tail {
    written: Vec<Instruction>,
    /// The foremost copy of each answer.
    answers: Vec<(Action, usize)>,
}

/// How far a branch may lead when up to five more instructions could come in between.
const REACH: usize = 250;

impl Tail {
    fn push(&mut self, code: u16, k: u32) {
        self.written.push(Instruction { code, jt: 0, jf: 0, k });
    }

    /// Where a branch to `target` can jump from here.
    fn near(&mut self, target: Target) -> usize {
        let here = self.written.len();
        match target {
            Target::At(place) if here - place <= REACH => place,
            Target::At(place) => {
                self.push(JUMP, u32::try_from(here - place - 1).expect("programs are short"));
                here
            }
            Target::Return(action) => {
                let known = self.answers.iter().find(|(known, _)| *known == action);
                match known {
                    Some((_, place)) if here - place <= REACH => *place,
                    _ => self.new_answer(action),
                }
            }
        }
    }

    fn new_answer(&mut self, action: Action) -> usize {
        let place = self.written.len();
        self.written.push(answer(action));
        self.answers.retain(|(known, _)| *known != action);
        self.answers.push((action, place));
        place
    }

    /// A jump to `open` or to `closed`, as its operand decides.
    fn gate(&mut self, open: Target, closed: Target, is_open: bool) -> Target {
        let open = self.near(open);
        let closed = self.near(closed);
        self.go_to(Target::At(if is_open { open } else { closed }));
        Target::At(self.written.len() - 1)
    }

    /// One instruction that answers, or jumps to `target`.
    fn go_to(&mut self, target: Target) {
        match target {
            Target::Return(action) => {
                self.new_answer(action);
            }
            Target::At(place) => {
                let distance = self.written.len() - place - 1;
                self.push(JUMP, u32::try_from(distance).expect("programs are short"));
            }
        }
    }

    /// Makes `target` what runs next.
    fn start_at(&mut self, target: Target) {
        if target != Target::At(self.written.len().wrapping_sub(1)) {
            self.go_to(target);
        }
    }

    fn branch(&mut self, code: u16, k: u32, holds: usize, fails: usize) {
        let here = self.written.len();
        let skip = |place: usize| u8::try_from(here - place - 1).expect("near() keeps targets in reach");
        self.written.push(Instruction { code, jt: skip(holds), jf: skip(fails), k });
    }
}
