//! dpkg's database in the sysroot: `status`, a list, `diversions` and `md5sums`, with a line `%%` between them.

use std::collections::HashMap;
use std::fmt::Write;

// By its path: the crate `image` has many dependencies, and the parser needs none of them.
#[path = "../../crates/image/src/gather/dpkg/parse.rs"]
mod parse;

use parse::{Names, Stanza};

/// Returns whether the bytes are valid.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(4, "\n%%\n");
    let mut part = || parts.next().unwrap_or_default();
    let (status, list, diversions, md5sums) = (part(), part(), part(), part());

    let stanzas = parse::status(status);
    assert_eq!(facts(&parse::status(&render(&stanzas))), facts(&stanzas));
    for stanza in &stanzas {
        let control = parse::control(stanza);
        assert!(control.len() <= stanza.text.len() + 1 && !control.contains("\nStatus:"));
    }

    let diversions = parse::diversions(diversions);
    let mut rendered = String::new();
    for (from, diversion) in &diversions {
        write!(rendered, "{from}\n{}\n{}\n", diversion.to, diversion.by).expect("memory");
    }
    assert_eq!(parse::diversions(&rendered), diversions);

    let conffiles = stanzas.first().map_or(&[][..], |stanza| &stanza.conffiles);
    let digests = parse::digests(md5sums, conffiles);
    assert!(digests.len() <= md5sums.lines().count() + conffiles.len());

    let is_complete = !stanzas.is_empty() && !digests.is_empty() && !diversions.is_empty();
    let as_shipped = Names { diversions: HashMap::new(), aliases: Vec::new() };
    let names = Names { diversions, aliases: vec![("/bin/".to_owned(), "/usr/bin/".to_owned())] };
    for name in parse::list(list) {
        assert_eq!(as_shipped.real_path(name, "bash"), name);
        assert!(!names.real_path(name, "bash").starts_with("/bin/"));
    }
    is_complete && parse::list(list).count() > 0
}

/// What a stanza says, without the text that says it.
type Facts<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, &'a [(&'a str, &'a str)]);

fn facts<'a>(stanzas: &'a [Stanza<'a>]) -> Vec<Facts<'a>> {
    let facts = |stanza: &'a Stanza<'a>| {
        let Stanza { name, version, architecture, source, conffiles, text: _ } = stanza;
        (*name, *version, *architecture, *source, conffiles.as_slice())
    };
    stanzas.iter().map(facts).collect()
}

fn render(stanzas: &[Stanza<'_>]) -> String {
    let mut text = String::new();
    for Stanza { name, version, architecture, source, conffiles, text: _ } in stanzas {
        let source = source.map(|source| format!("Source: {source}\n")).unwrap_or_default();
        let fields = format!("{source}Version: {version}\nArchitecture: {architecture}\nConffiles:\n");
        write!(text, "Package: {name}\nStatus: install ok installed\n{fields}").expect("memory");
        for (path, md5) in conffiles {
            writeln!(text, " {path} {md5}").expect("memory");
        }
        text.push('\n');
    }
    text
}
