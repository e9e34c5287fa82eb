//! Tests and groups of tests, and how their results make one.

use serde::Serialize;

/// Tests and groups that make one verdict and one score together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its name; the root's is empty.
    pub name: String,
    /// How the members' scores make the group's.
    pub score: Aggregate,
    /// The most that it can be worth; absent if that is what its members make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<f64>,
    /// Which members must be accepted for the group to be.
    pub accept: Accept,
    /// Which member is the last one that is judged.
    pub stop_at: StopAt,
    /// Groups that must be accepted before this one is judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Arguments of the problem's grader, which makes verdict and score of this group; absent if the rules above do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grader: Option<Vec<String>>,
    /// Whether its members do not count: they are shown only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    /// Its tests and groups, in order.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Member {
    /// A test, by its place in [`crate::problem::Problem::tests`].
    Test(usize),
    /// A group.
    Group(Group),
}

/// How scores of members make the score of their group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
    /// The problem gives no scores.
    None,
    /// All points if all members are accepted, none otherwise.
    PassFail,
    /// The sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The mean.
    Average,
    /// The points times the product of the members' shares.
    Product,
    /// All points if each checker's number is above 0 and at most this.
    Threshold(f64),
}

/// Which members must be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accept {
    /// All of them; the worst verdict is the group's.
    Worst,
    /// All of them; the first verdict that is not accepted is the group's.
    First,
    /// One of them.
    Any,
    /// None of them.
    Always,
}

/// Which member of a group is the last one that is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopAt {
    /// All are judged.
    Never,
    /// The first one that is not accepted.
    Failure,
    /// The first one that is not accepted and has no points to give: a sample.
    Sample,
    /// The first one that is worth nothing, in a group that is worth its least member.
    Nothing,
    /// The first one that is worth all points, in a group that is worth its best member.
    Everything,
}

impl StopAt {
    /// At a failure, or never.
    pub(crate) fn failure_if(stops: bool) -> StopAt {
        if stops { StopAt::Failure } else { StopAt::Never }
    }
}

impl Group {
    /// A group in which every member must be accepted, and the first failure ends it.
    pub fn new(name: impl Into<String>, score: Aggregate) -> Group {
        Group {
            name: name.into(),
            score,
            points: None,
            accept: Accept::First,
            stop_at: StopAt::Failure,
            requires: Vec::new(),
            grader: None,
            ignored: false,
            members: Vec::new(),
        }
    }

    /// Whether a member that gets this part of its points, and this score, is worth all points of the group. None is in a
    /// group whose points are not given.
    pub fn is_full(&self, share: f64, score: f64) -> bool {
        share > 0.0 && self.points.is_some_and(|points| score >= points)
    }

    /// The tests of the group and of the groups in it, in order.
    pub fn tests(&self) -> Vec<usize> {
        let of_member = |member: &Member| match member {
            Member::Test(test) => vec![*test],
            Member::Group(group) => group.tests(),
        };
        self.members.iter().flat_map(of_member).collect()
    }

    /// The groups in it.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.members.iter().filter_map(|member| match member {
            Member::Group(group) => Some(group),
            Member::Test(_) => None,
        })
    }
}
