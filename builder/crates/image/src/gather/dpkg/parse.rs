//! Parses the text files of dpkg's database: `status`, `*.list`, `*.md5sums` and `diversions`.
//!
//! Every answer borrows from the text and takes memory in proportion to it. A line that has another form is skipped:
//! dpkg wrote these files, and one that it cannot read itself stops dpkg, not this program. Only std is used here: the
//! fuzz target includes this file without the rest of the crate.

use std::collections::HashMap;

/// A paragraph of `status` about a package that has files on the system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stanza<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) architecture: &'a str,
    /// The source package, where it has another name or version: `name` or `name (version)`.
    pub(crate) source: Option<&'a str>,
    /// All of the paragraph.
    pub(crate) text: &'a str,
    /// Configuration files and the MD5 with which the package shipped them; `*.md5sums` leaves them out.
    pub(crate) conffiles: Vec<(&'a str, &'a str)>,
}

/// Where a diverted file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Diversion<'a> {
    /// The new name.
    pub(crate) to: &'a str,
    /// The package that keeps the original name; `:` when an administrator made the diversion.
    pub(crate) by: &'a str,
}

/// How a listed name becomes the file's real path.
pub(crate) struct Names<'a> {
    /// By the original name.
    pub(crate) diversions: HashMap<&'a str, Diversion<'a>>,
    /// Links of the root into /usr: `/bin/` and `/usr/bin/`.
    pub(crate) aliases: Vec<(String, String)>,
}

impl Names<'_> {
    /// The real path of the file that `package` lists as `listed`.
    pub(crate) fn real_path(&self, listed: &str, package: &str) -> String {
        let name = match self.diversions.get(listed) {
            Some(Diversion { by, to }) if *by != package => to,
            _ => listed,
        };
        match self.aliases.iter().find(|(from, _)| name.starts_with(from.as_str())) {
            Some((from, to)) => format!("{to}{}", &name[from.len()..]),
            None => name.to_owned(),
        }
    }
}

/// The stanzas of installed packages (dpkg-query(1); the format is that of deb-control(5)).
pub(crate) fn status(text: &str) -> Vec<Stanza<'_>> {
    text.split("\n\n").filter_map(stanza).collect()
}

fn stanza(text: &str) -> Option<Stanza<'_>> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // `Status:` has three words: what to do, an error flag, the state. A half-installed package owns files, too.
    if matches!(field("Status:")?.split(' ').nth(2)?, "not-installed" | "config-files") {
        return None;
    }
    let conffiles = text.lines().skip_while(|line| !line.starts_with("Conffiles:")).skip(1);
    let conffiles = conffiles.take_while(|line| line.starts_with(' ')).filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?))
    });
    Some(Stanza {
        name: field("Package:")?,
        version: field("Version:")?,
        architecture: field("Architecture:")?,
        source: field("Source:"),
        text,
        conffiles: conffiles.collect(),
    })
}

/// A paragraph without what is about this system: the state of the package and its configuration files. Google's
/// distroless images have such files in `/var/lib/dpkg/status.d`, and scanners read them there.
pub(crate) fn control(stanza: &Stanza<'_>) -> String {
    const OF_THIS_SYSTEM: [&str; 5] =
        ["Status:", "Conffiles:", "Config-Version:", "Triggers-Pending:", "Triggers-Awaited:"];
    let mut control = String::new();
    let mut is_kept = true;
    for line in stanza.text.lines() {
        if !line.starts_with([' ', '\t']) {
            is_kept = !OF_THIS_SYSTEM.iter().any(|field| line.starts_with(field));
        }
        if is_kept {
            control.push_str(line);
            control.push('\n');
        }
    }
    control
}

/// The names that a package's `*.list` has, as the package shipped them.
pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    // Not `lines`: a name may end in a carriage return.
    text.split_terminator('\n')
}

/// The diversions, by the original name. `diversions` has three lines for each: the original name, the new one, the
/// package that diverts.
pub(crate) fn diversions(text: &str) -> HashMap<&str, Diversion<'_>> {
    let lines: Vec<&str> = text.split_terminator('\n').collect();
    let (diversions, _incomplete) = lines.as_chunks();
    diversions.iter().map(|[from, to, by]| (*from, Diversion { to, by })).collect()
}

/// The MD5 of each file as the package shipped it, by its name in `*.list`. `*.md5sums` has names without the slash at
/// the start, `Conffiles` with it.
pub(crate) fn digests<'a>(md5sums: &'a str, conffiles: &[(&'a str, &'a str)]) -> HashMap<String, &'a str> {
    let listed =
        md5sums.lines().filter_map(|line| line.split_once("  ")).map(|(md5, name)| (format!("/{name}"), md5));
    listed.chain(conffiles.iter().map(|(name, md5)| ((*name).to_owned(), *md5))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_package_has_no_stanza() {
        let text = "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n\
            Package: b\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n";
        let names: Vec<&str> = status(text).iter().map(|stanza| stanza.name).collect();
        assert_eq!(names, ["a"]);
    }

    #[test]
    fn the_control_file_of_a_package_has_no_state() {
        let text = "Package: a\nStatus: install ok installed\nSource: s (2)\nArchitecture: amd64\nVersion: 1\nConffiles:\n /etc/a 89\n\
            Description: x\n long\n";
        let stanza = &status(text)[0];
        assert_eq!(stanza.source, Some("s (2)"));
        let expected = "Package: a\nSource: s (2)\nArchitecture: amd64\nVersion: 1\nDescription: x\n long\n";
        assert_eq!(control(stanza), expected);
    }

    #[test]
    fn an_incomplete_diversion_is_skipped() {
        let found = diversions("/bin/sh\n/bin/sh.distrib\ndash\n/a\n/b\n");
        assert_eq!(found, HashMap::from([("/bin/sh", Diversion { to: "/bin/sh.distrib", by: "dash" })]));
    }
}
