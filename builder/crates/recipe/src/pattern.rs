//! Path patterns of recipes: `*` and `?` stay within one name, `**` crosses directories, `{a,b}` is either.
//!
//! For a walk, alternatives are written out and cut into names, so that only directories that can lead to a
//! match are entered.

use globset::{GlobBuilder, GlobMatcher};

use crate::image_path::ImagePath;

/// More alternatives than this are a mistake, not intended.
const MOST_ALTERNATIVES: usize = 1024;

/// An absolute path, or a glob that matches absolute paths.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As it was written.
    pub text: String,
    /// Compiled when it has a wildcard in it.
    glob: Option<Glob>,
}

#[derive(Debug, Clone)]
struct Glob {
    whole: GlobMatcher,
    /// Each alternative as names from the root down.
    walks: Vec<Vec<Name>>,
}

/// What one name of a path must be.
#[derive(Debug, Clone)]
pub enum Name {
    /// This.
    Literal(String),
    /// Matched by this.
    Wild(GlobMatcher),
    /// Any number of any names: `**`.
    AnyDepth,
}

impl Pattern {
    /// Compiles `text`; the message says what is wrong with it.
    pub fn new(text: &str) -> Result<Pattern, String> {
        if !text.starts_with('/') {
            return Err(format!("`{text}` is not an absolute path"));
        }
        let trimmed = text.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(text);
        if !has_wildcard(trimmed) {
            let path = ImagePath::parse(trimmed).map_err(|e| format!("`{text}` {e}"))?;
            return Ok(Pattern { text: path.as_str().to_owned(), glob: None });
        }
        let glob = Glob::new(trimmed).map_err(|why| format!("`{text}` is not a glob: {why}"))?;
        Ok(Pattern { text: trimmed.to_owned(), glob: Some(glob) })
    }

    /// Whether `path` is the plain path or matches the glob.
    pub fn matches(&self, path: &ImagePath) -> bool {
        match &self.glob {
            Some(glob) => glob.whole.is_match(path.as_str()),
            None => path.as_str() == self.text,
        }
    }

    /// For a walk: each alternative as names from the root down. `None` for a plain path.
    pub fn walks(&self) -> Option<&[Vec<Name>]> {
        self.glob.as_ref().map(|glob| glob.walks.as_slice())
    }
}

impl Glob {
    fn new(text: &str) -> Result<Glob, String> {
        let whole = matcher(text)?;
        let alternatives = alternatives(text);
        if alternatives.len() > MOST_ALTERNATIVES {
            return Err(format!("it has {} alternatives, more than {MOST_ALTERNATIVES}", alternatives.len()));
        }
        let walks = alternatives.iter().map(|one| names(one)).collect::<Result<_, _>>()?;
        Ok(Glob { whole, walks })
    }
}

impl Name {
    /// Whether one name fits.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Name::Literal(literal) => literal == name,
            Name::Wild(glob) => glob.is_match(name),
            Name::AnyDepth => true,
        }
    }
}

fn matcher(text: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|e| e.kind().to_string())
}

fn names(alternative: &str) -> Result<Vec<Name>, String> {
    let names = alternative.split('/').filter(|name| !name.is_empty());
    names
        .map(|name| match name {
            "**" => Ok(Name::AnyDepth),
            ".." | "." => Err(format!("`{name}` cannot be matched")),
            name if has_wildcard(name) => matcher(name).map(Name::Wild),
            name => Ok(Name::Literal(name.to_owned())),
        })
        .collect()
}

/// The pattern that means the path `text`, wildcards in its name included.
pub fn literally(text: &str) -> String {
    if !has_wildcard(text) {
        return text.to_owned();
    }
    text.chars()
        .map(|letter| match letter {
            '*' | '?' | '[' => format!("[{letter}]"),
            // A class cannot hold these: `?` stands for them, and may match another letter, too.
            '{' | '}' | '\\' => "?".to_owned(),
            letter => letter.to_string(),
        })
        .collect()
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Writes out the first `{…}` and, in what that gives, the next ones. Braces inside `[…]` are not looked for:
/// names with braces are rarer than mistakes with them.
fn alternatives(text: &str) -> Vec<String> {
    let Some((open, commas, close)) = first_braces(text) else { return vec![text.to_owned()] };
    let bounds: Vec<usize> = std::iter::once(open).chain(commas).chain(std::iter::once(close)).collect();
    let inner = bounds.windows(2).map(|pair| &text[pair[0] + 1..pair[1]]);
    let written = inner.map(|one| format!("{}{one}{}", &text[..open], &text[close + 1..]));
    written.flat_map(|one| alternatives(&one)).take(MOST_ALTERNATIVES + 1).collect()
}

/// Where the first outermost braces open and close, and their own commas.
fn first_braces(text: &str) -> Option<(usize, Vec<usize>, usize)> {
    let open = text.find('{')?;
    let (mut depth, mut commas) = (0, Vec::new());
    for (at, letter) in text.bytes().enumerate().skip(open) {
        match letter {
            b'{' => depth += 1,
            b',' if depth == 1 => commas.push(at),
            b'}' if depth == 1 => return Some((open, commas, at)),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_written_out() {
        assert_eq!(alternatives("/{a,b{c,d}}/x"), ["/a/x", "/bc/x", "/bd/x"]);
        assert_eq!(alternatives("/plain"), ["/plain"]);
    }

    #[test]
    fn a_star_stays_within_one_name() {
        let path = |text| ImagePath::parse(text).expect("normal");
        let star = Pattern::new("/opt/*").expect("a glob");
        assert!(star.matches(&path("/opt/a")) && !star.matches(&path("/opt/a/b")));
        let deep = Pattern::new("/opt/**").expect("a glob");
        assert!(deep.matches(&path("/opt/a/b")));
    }

    #[test]
    fn a_path_with_wildcards_in_its_name_can_be_meant() {
        for text in ["/usr/bin/[", "/a/[x]/b*?", "/a/{b,c}\\[", "/plain"] {
            let pattern = Pattern::new(&literally(text)).expect(text);
            assert!(pattern.matches(&ImagePath::parse(text).expect("normal")), "{text}");
        }
        assert!(
            !Pattern::new(&literally("/b/["))
                .expect("good")
                .matches(&ImagePath::parse("/b/w").expect("normal"))
        );
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (text, why) in [
            ("opt", "is not an absolute path"),
            ("/a/../b", "has `.`, `..` or an empty name"),
            ("/a/[", "is not a glob: unclosed character class"),
            ("/*/../b", "`..` cannot be matched"),
        ] {
            let message = Pattern::new(text).expect_err(text);
            assert!(message.contains(why), "{message}");
        }
    }

    #[test]
    fn an_explosion_of_alternatives_is_refused() {
        let bomb = "/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}";
        assert!(Pattern::new(bomb).expect_err("too many").contains("alternatives"));
    }
}
