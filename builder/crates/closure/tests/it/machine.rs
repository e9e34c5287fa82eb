//! The whole machine against its own loaders.

use builder::audit::{Options, audit};

/// A Debian with a compiler has more than this; fewer means that the walk is broken.
const FEWEST_FILES: usize = 500;

#[test]
fn every_dynamic_file_of_this_machine_loads_as_its_loader_says() {
    let directories =
        ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/libexec", "/usr/local", "/opt"];
    let options = Options { directories: directories.map(Into::into).to_vec(), ..Options::default() };
    let report = audit(&options).unwrap();
    let mismatches: Vec<String> = report.mismatches.iter().map(ToString::to_string).collect();
    println!("{} files compared, {} mismatches", report.files, mismatches.len());
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    assert!(report.files > FEWEST_FILES, "only {} files were found", report.files);
}
