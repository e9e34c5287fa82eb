//! Which sibling modules import each other in a circle.
//!
//! A module and all modules inside of it are one, seen from its siblings. So an import counts only at the level where
//! the two modules part, and not at all between a module and one inside of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::module::Module;
use crate::paths::Mention;
use crate::resolve::{globs, module_of};
use crate::source::{SourceFile, Tree};

/// Siblings that all reach each other by imports.
pub(crate) struct Circle {
    /// The directory of the source, for messages.
    directory: String,
    /// The module that the siblings are in.
    parent: Module,
    siblings: BTreeSet<String>,
    /// The imports of the circle.
    arrows: Vec<Arrow>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    parent: Module,
    from: String,
    to: String,
    file: String,
    line: usize,
}

/// One after the other, by the module that they are in.
pub(crate) fn circles(tree: &Tree) -> Vec<Circle> {
    let mut levels: BTreeMap<Module, BTreeSet<Arrow>> = BTreeMap::new();
    for arrow in arrows(tree) {
        levels.entry(arrow.parent.clone()).or_default().insert(arrow);
    }
    levels.into_iter().flat_map(|(parent, arrows)| circles_of(tree, &parent, &arrows)).collect()
}

fn circles_of(tree: &Tree, parent: &Module, arrows: &BTreeSet<Arrow>) -> Vec<Circle> {
    let mut circles: BTreeMap<BTreeSet<&str>, Vec<Arrow>> = BTreeMap::new();
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.iter().map(|arrow| (&*arrow.from, reached_from(&arrow.from, arrows))).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|modules| modules.contains(to));
    for arrow in arrows.iter().filter(|arrow| reaches(&arrow.to, &arrow.from)) {
        let siblings = reached[&*arrow.from].iter().copied().filter(|other| reaches(other, &arrow.from));
        circles.entry(siblings.collect()).or_default().push(arrow.clone());
    }
    let circle = |(siblings, arrows): (BTreeSet<&str>, _)| Circle {
        directory: tree.directory.clone(),
        parent: parent.clone(),
        siblings: siblings.into_iter().map(str::to_owned).collect(),
        arrows,
    };
    circles.into_iter().map(circle).collect()
}

/// All modules that one leads to, itself only if it is on a circle.
fn reached_from<'a>(start: &'a str, arrows: &'a BTreeSet<Arrow>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(module) = open.pop() {
        let next = arrows.iter().filter(|arrow| arrow.from == module).map(|arrow| &*arrow.to);
        open.extend(next.filter(|to| reached.insert(*to)));
    }
    reached
}

fn arrows(tree: &Tree) -> Vec<Arrow> {
    tree.files.iter().flat_map(|file| arrows_of(tree, file)).collect()
}

fn arrows_of(tree: &Tree, file: &SourceFile) -> Vec<Arrow> {
    let globs = globs(tree, &file.mentions);
    let arrow = |mention: &Mention| {
        let target = module_of(tree, mention, &globs)?;
        let shared = file.module.iter().zip(&target).take_while(|(a, b)| a == b).count();
        Some(Arrow {
            parent: target[..shared].to_vec(),
            from: file.module.get(shared)?.clone(),
            to: target.get(shared)?.clone(),
            file: file.path.clone(),
            line: mention.line,
        })
    };
    file.mentions.iter().filter_map(arrow).collect()
}

/// An arrow a line, each with all its places.
impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let siblings: Vec<&str> = self.siblings.iter().map(String::as_str).collect();
        let place = [&self.directory[..]].into_iter().chain(self.parent.iter().map(String::as_str));
        write!(f, "{}: {}", place.collect::<Vec<_>>().join("/"), siblings.join(", "))?;
        let mut places: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for arrow in &self.arrows {
            let place = format!("{}:{}", arrow.file, arrow.line);
            places.entry((&arrow.from, &arrow.to)).or_default().push(place);
        }
        places
            .iter()
            .try_for_each(|((from, to), places)| write!(f, "\n    {from} -> {to}: {}", places.join(" ")))
    }
}

/// What is said about a crate of these files.
fn found(texts: &[(&str, &str)]) -> Vec<String> {
    circles(&Tree::new("demo", texts.iter().copied())).iter().map(Circle::to_string).collect()
}

#[test]
fn two_siblings_that_import_each_other_are_a_circle() {
    let expected =
        "demo/src: a, b\n    a -> b: demo/src/a.rs:1\n    b -> a: demo/src/b.rs:2 demo/src/b/c.rs:1";
    let texts = [
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "mod c;\nuse super::a::A;"),
        ("b/c.rs", "use super::super::a::A;"),
    ];
    assert_eq!(found(&texts), [expected]);
}

#[test]
fn a_circle_of_three_is_seen_through_a_group() {
    let texts = [
        ("a.rs", "use crate::{b::{self, B}, d::D};"),
        ("b.rs", "use crate::c as other;"),
        ("c/mod.rs", "use super::a::*;"),
        ("d.rs", ""),
    ];
    let expected = "demo/src: a, b, c
    a -> b: demo/src/a.rs:1
    b -> c: demo/src/b.rs:1
    c -> a: demo/src/c/mod.rs:1";
    assert_eq!(found(&texts), [expected]);
}

#[test]
fn paths_in_code_make_a_circle() {
    let texts =
        [("a.rs", "fn f(b: crate::b::B) {}"), ("b.rs", "fn g() { println!(\"{}\", crate::a::NAME) }")];
    let expected = "demo/src: a, b\n    a -> b: demo/src/a.rs:1\n    b -> a: demo/src/b.rs:1";
    assert_eq!(found(&texts), [expected]);
}

#[test]
fn a_circle_deep_inside_names_the_module_that_it_is_in() {
    let texts = [
        ("lib.rs", "mod a;"),
        ("a.rs", "mod b; mod c;"),
        ("a/b.rs", "use super::*; fn f() { c::f() }"),
        ("a/c.rs", "use super::b::f;"),
    ];
    let expected = "demo/src/a: b, c\n    b -> c: demo/src/a/b.rs:1\n    c -> b: demo/src/a/c.rs:1";
    assert_eq!(found(&texts), [expected]);
}

#[test]
fn a_circle_cannot_hide_in_what_a_parent_imports() {
    let texts = [
        ("lib.rs", "mod a; mod b; pub use a::A as First; use b::*;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use super::First; pub struct B;"),
    ];
    let expected = "demo/src: a, b\n    a -> b: demo/src/a.rs:1\n    b -> a: demo/src/b.rs:1";
    assert_eq!(found(&texts), [expected]);
}

#[test]
fn a_module_and_its_parts_may_name_each_other() {
    let texts = [
        ("lib.rs", "mod a; pub use a::A; pub const ROOT: u8 = a::b::B;"),
        ("a.rs", "mod b; use b::B; fn f() { b::g() } pub struct A;"),
        ("a/b.rs", "use super::A; use crate::ROOT; pub struct B;"),
    ];
    assert_eq!(found(&texts), Vec::<String>::new());
}

#[test]
fn tests_and_other_crates_make_no_circle() {
    let texts = [
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use a::A; #[cfg(test)] mod tests { use crate::a::A; }"),
        ("c.rs", "mod a { pub fn f() {} } fn g() { a::f() }"),
    ];
    assert_eq!(found(&texts), Vec::<String>::new());
}
