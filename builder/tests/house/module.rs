//! Modules by their names.

/// The names from the root of a crate down to a module. The root has none.
pub(crate) type Module = Vec<String>;

/// A module inside of another one.
pub(crate) fn child(module: &[String], name: impl ToString) -> Module {
    [module, &[name.to_string()]].concat()
}

/// The module that a file below `src` holds. `lib.rs`, `main.rs` and every program in `bin` are a root.
pub(crate) fn of_file(below: &str) -> Module {
    let names: Vec<&str> = below.trim_end_matches(".rs").split('/').collect();
    let names = match names.as_slice() {
        ["lib" | "main"] | ["bin", ..] => &[],
        [names @ .., "mod"] => names,
        names => names,
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_file_is_the_module_that_cargo_and_rustc_take_it_for() {
    for root in ["lib.rs", "main.rs", "bin/soak.rs", "bin/soak/main.rs"] {
        assert_eq!(of_file(root), Module::new(), "{root}");
    }
    assert_eq!(of_file("elf.rs"), ["elf"]);
    assert_eq!(of_file("elf/mod.rs"), ["elf"]);
    assert_eq!(of_file("elf/read.rs"), ["elf", "read"]);
}
