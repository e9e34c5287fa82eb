//! How long the functions and constants of a file are.

use proc_macro2::{Ident, Span};
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, Item, ItemConst, ItemFn, ItemStatic, TraitItemFn};

/// A function, a constant or a static.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) length: Length,
}

/// In lines.
pub(crate) enum Length {
    /// Between the braces.
    Function(usize),
    /// From its keyword to its semicolon.
    Constant(usize),
}

pub(crate) fn parts(items: &[Item]) -> Vec<Part> {
    let mut measure = Measure(Vec::new());
    items.iter().for_each(|item| measure.visit_item(item));
    measure.0
}

/// Measures the functions and constants that it visits.
struct Measure(Vec<Part>);

impl Measure {
    fn add_function(&mut self, name: &Ident, body: &Block) {
        let lines = lines_between(body.brace_token.span.open(), body.brace_token.span.close());
        self.add(name, Length::Function(lines.saturating_sub(1)));
    }

    fn add_constant(&mut self, name: &Ident, start: Span, end: Span) {
        self.add(name, Length::Constant(lines_between(start, end) + 1));
    }

    fn add(&mut self, name: &Ident, length: Length) {
        self.0.push(Part { name: name.to_string(), line: name.span().start().line, length });
    }
}

fn lines_between(start: Span, end: Span) -> usize {
    end.end().line - start.start().line
}

impl<'ast> Visit<'ast> for Measure {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add_function(&function.sig.ident, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add_function(&function.sig.ident, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.add_function(&function.sig.ident, body);
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.add_constant(&item.ident, item.const_token.span, item.semi_token.span);
        visit::visit_item_const(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        self.add_constant(&item.ident, item.static_token.span, item.semi_token.span);
        visit::visit_item_static(self, item);
    }
}
