//! The whole machine compared with its own loaders.

use closure::audit::{Options, audit};

/// A Debian with a compiler has more than this; fewer means that the walk is broken.
const FEWEST_FILES: usize = 500;

#[test]
fn every_dynamic_file_of_this_machine_loads_as_its_loader_prints() {
    let directories =
        ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/libexec", "/usr/local", "/opt"];
    let options = Options { directories: directories.map(Into::into).to_vec(), ..Options::default() };
    let report = audit(&options).unwrap();
    let mismatches: Vec<String> = report.mismatches.iter().map(ToString::to_string).collect();
    let (files, skipped) = (report.files, report.skipped.len());
    println!("{files} files compared, {} mismatches, {skipped} skipped", mismatches.len());
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    // Only compared files count: a machine may have many files for other processors, and none that can be compared.
    assert!(files > FEWEST_FILES, "only {files} files were compared, {skipped} were skipped");
}
