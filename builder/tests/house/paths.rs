//! The paths that a file names: in imports, in code, in attributes and in what it hands to macros.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemExternCrate, ItemMod, ItemUse, Macro, Meta, Path, UseTree, Visibility};

use crate::module::{Module, child};

/// A path as it is written.
pub(crate) struct Mention {
    pub(crate) path: Vec<String>,
    /// Whether it starts with `::`, and so with the name of another crate.
    pub(crate) global: bool,
    pub(crate) kind: Kind,
    /// The module around it, which is deeper than the file's own one inside of `mod name { … }`.
    pub(crate) module: Module,
    pub(crate) line: usize,
}

#[derive(PartialEq)]
pub(crate) enum Kind {
    Inline,
    /// An import, and the name that it can be used by.
    Import(String),
    /// An import of all names of a module.
    Glob,
}

/// All mentions in the items of a module.
pub(crate) fn mentions(module: &Module, items: &[Item]) -> Vec<Mention> {
    let mut collector = Collector { module: module.clone(), mentions: Vec::new() };
    items.iter().for_each(|item| collector.visit_item(item));
    collector.mentions
}

struct Collector {
    module: Module,
    mentions: Vec<Mention>,
}

impl Collector {
    fn add(&mut self, path: &[&Ident], global: bool, kind: Kind) {
        let Some(last) = path.last() else { return };
        self.mentions.push(Mention {
            path: path.iter().map(|name| plain(name)).collect(),
            global,
            kind,
            module: self.module.clone(),
            line: last.span().start().line,
        });
    }

    fn add_imports<'a>(&mut self, tree: &'a UseTree, prefix: &[&'a Ident], global: bool) {
        let with = |name: &'a Ident| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_imports(&path.tree, &with(&path.ident), global),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_imports(tree, prefix, global));
            }
            UseTree::Glob(_) => self.add(prefix, global, Kind::Glob),
            UseTree::Name(name) => self.add_import(&with(&name.ident), None, global),
            UseTree::Rename(name) => self.add_import(&with(&name.ident), Some(&name.rename), global),
        }
    }

    fn add_import(&mut self, path: &[&Ident], rename: Option<&Ident>, global: bool) {
        // `use a::b::{self}` imports `a::b`.
        let path = match path {
            [module @ .., last] if *last == "self" && !module.is_empty() => module,
            path => path,
        };
        let name = rename.or(path.last().copied()).map(plain).unwrap_or_default();
        self.add(path, global, Kind::Import(name));
    }

    /// The arguments of a macro have no grammar: each `name::name` in them is taken for a path.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let (mut previous, mut rest) = (None, tokens.as_slice());
        while let [token, after @ ..] = rest {
            rest = after;
            if let TokenTree::Group(group) = token {
                self.add_tokens(group.stream());
            }
            if let TokenTree::Ident(name) = token {
                let (path, after) = leading_path(name, after);
                rest = after;
                // `$name::item` is of whichever module the macro is given; `$crate::item` is of this crate.
                let is_variable = name != "crate" && previous.is_some_and(|token| is_mark(token, '$'));
                if path.len() > 1 && !is_variable {
                    self.add(&path, false, Kind::Inline);
                }
            }
            previous = Some(token);
        }
    }
}

/// The path that starts with `first`, and the tokens after it.
fn leading_path<'a>(first: &'a Ident, mut after: &'a [TokenTree]) -> (Vec<&'a Ident>, &'a [TokenTree]) {
    let mut path = vec![first];
    while let [a, b, TokenTree::Ident(next), rest @ ..] = after
        && is_mark(a, ':')
        && is_mark(b, ':')
    {
        path.push(next);
        after = rest;
    }
    (path, after)
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_imports(&item.tree, &[], item.leading_colon.is_some());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast ItemExternCrate) {
        let rename = item.rename.as_ref().map(|(_, name)| name);
        self.add_import(&[&item.ident], rename, true);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let outer = self.module.clone();
        self.module = child(&outer, plain(&item.ident));
        visit::visit_item_mod(self, item);
        self.module = outer;
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let names: Vec<&Ident> = path.segments.iter().map(|segment| &segment.ident).collect();
        // A single name is a variable, or was imported.
        if names.len() > 1 {
            self.add(&names, path.leading_colon.is_some(), Kind::Inline);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.add_tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
        }
    }

    /// `pub(in crate::a)` says who may see an item; the item does not depend on it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

/// Without the `r#` of a raw name.
fn plain(name: &Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// The paths of a file.
fn written(text: &str) -> Vec<String> {
    let items = syn::parse_file(text).unwrap().items;
    mentions(&Module::new(), &items).iter().map(|mention| mention.path.join("::")).collect()
}

#[test]
fn every_leaf_of_an_import_is_a_path() {
    let text = "use crate::{b::{self, C}, d::*, e as f};";
    assert_eq!(written(text), ["crate::b", "crate::b::C", "crate::d", "crate::e"]);
}

#[test]
fn types_patterns_macros_and_attributes_name_paths_too() {
    assert_eq!(
        written("fn f(a: &[super::B]) { let crate::c::D = a else { return }; }"),
        ["super::B", "crate::c::D"]
    );
    assert_eq!(
        written("fn f() { g!(x, [crate::b::C], $crate::d::e, $x::y) }"),
        ["crate::b::C", "crate::d::e"]
    );
    assert_eq!(written("#[derive(crate::b::C)] struct D;"), ["crate::b::C"]);
}

#[test]
fn visibility_names_nothing() {
    assert_eq!(written("pub(in crate::a) struct A(pub(super) u8);"), Vec::<String>::new());
}
