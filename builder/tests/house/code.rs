//! The code of a file: all that is not there for tests only.

use syn::{Attribute, Ident, ImplItem, Item, ItemMod};

pub(crate) struct Code {
    pub(crate) items: Vec<Item>,
    /// Lines, without the test modules at the end.
    pub(crate) length: usize,
    /// The names of modules that are declared here for tests only, and have files of their own.
    pub(crate) test_modules: Vec<String>,
}

pub(crate) fn parse(text: &str) -> syn::Result<Code> {
    let mut items = syn::parse_file(text)?.items;
    let length = length(text, &items);
    let test_modules = declared_tests(&items).map(Ident::to_string).collect();
    remove_tests(&mut items);
    Ok(Code { items, length, test_modules })
}

/// Test modules at the end do not count; elsewhere a reader has to pass them.
fn length(text: &str, items: &[Item]) -> usize {
    let is_test_module = |item: &&Item| matches!(item, Item::Mod(_)) && is_test(attributes(item));
    let tests = items.iter().rev().take_while(is_test_module).last();
    let count = tests.map_or(usize::MAX, |module| attributes(module)[0].pound_token.span.start().line - 1);
    let code: Vec<&str> = text.lines().take(count).collect();
    code.join("\n").trim_end().lines().count()
}

fn declared_tests(items: &[Item]) -> impl Iterator<Item = &Ident> {
    items.iter().filter_map(|item| match item {
        Item::Mod(ItemMod { attrs, ident, content: None, .. }) if is_test(attrs) => Some(ident),
        _ => None,
    })
}

fn remove_tests(items: &mut Vec<Item>) {
    items.retain(|item| !is_test(attributes(item)));
    for item in items {
        match item {
            Item::Mod(ItemMod { content: Some((_, items)), .. }) => remove_tests(items),
            Item::Impl(block) => block.items.retain(|item| !is_test(member_attributes(item))),
            _ => {}
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    let is_cfg_test = |attribute: &Attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<Ident>().is_ok_and(|word| word == "test")
    };
    attributes.iter().any(|attribute| attribute.path().is_ident("test") || is_cfg_test(attribute))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn member_attributes(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

#[test]
fn test_modules_count_only_in_the_middle_of_a_file() {
    let length = |text| parse(text).unwrap().length;
    assert_eq!(length("fn a() {}\n\n/// Why.\n#[cfg(test)]\nmod tests {}\n#[cfg(test)]\nmod more {}\n"), 1);
    assert_eq!(length("#[cfg(test)]\nmod tests {}\nfn a() {}\n"), 3);
}

#[test]
fn what_is_for_tests_only_is_left_out() {
    let code = parse("#[cfg(test)] use a::B; #[cfg(test)] mod tests {} #[test] fn c() {}").unwrap();
    assert!(code.items.is_empty());
    let code = parse("impl A { #[cfg(test)] fn a() {} fn b() {} }").unwrap();
    assert!(matches!(&code.items[..], [Item::Impl(block)] if block.items.len() == 1));
}
