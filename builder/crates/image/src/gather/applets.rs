//! The applets of busybox, read from its file: nothing is run to find them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No busybox is larger.
const LARGEST: u64 = 64 << 20;
/// Longer than the name of any applet.
const LONGEST: usize = 32;

/// The names of the applets in the program at `path`, sorted; empty if it has no table of them.
pub(crate) fn of_file(path: &Path) -> io::Result<Vec<String>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(table(&bytes))
}

/// busybox has the names one after the other, each with a NUL at its end, in the order of strcmp(3), in which it searches
/// them (busybox, libbb/appletlib.c and applets/applet_tables.c). Its own name is among them.
fn table(bytes: &[u8]) -> Vec<String> {
    let mut run: Vec<&[u8]> = Vec::new();
    for word in bytes.split(|byte| *byte == 0) {
        let follows = is_name(word) && run.last().is_none_or(|last| *last < word);
        if follows {
            run.push(word);
            continue;
        }
        if is_table(&run) {
            break;
        }
        run.clear();
        run.extend(is_name(word).then_some(word));
    }
    let names = if is_table(&run) { run } else { Vec::new() };
    names.into_iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

fn is_name(word: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"[_-.".contains(byte);
    !word.is_empty() && word.len() <= LONGEST && word.iter().all(fits)
}

fn is_table(run: &[&[u8]]) -> bool {
    run.contains(&&b"busybox"[..]) && (run.contains(&&b"sh"[..]) || run.contains(&&b"ash"[..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_sorted_run_of_names_with_busybox_and_a_shell_in_it() {
        let bytes = b"\x7fELF\0busybox\0sh\0zz\0\0Usage\0[\0[[\0ash\0busybox\0cat\0sh\0\0/bin/sh\0a\0b\0";
        assert_eq!(table(bytes)[..3], ["busybox", "sh", "zz"]);
        assert_eq!(table(&bytes[18..]), ["[", "[[", "ash", "busybox", "cat", "sh"]);
        assert_eq!(table(b"\0ls\0cat\0"), [""; 0]);
    }
}
