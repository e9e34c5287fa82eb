//! What a file of Java declares, as far as the names of files and of the main class follow from it (The Java Language
//! Specification, chapters 3 and 7).
//!
//! ```text
//!   text ──Tokens──► words and symbols, without comments and strings ──Scanner──► Declared
//! ```

use std::iter::Peekable;
use std::str::CharIndices;

/// What a file declares.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The type whose name the file must have: the public one, else that with the main method, else the first.
    pub(crate) file: Option<String>,
    /// The class with the main method, as `java` wants it: `package.Outer$Inner`.
    pub(crate) main: Option<String>,
}

/// Reads a file. A file that javac would refuse gives some answer, and javac says what is wrong with it.
pub(crate) fn scan(text: &str) -> Declared {
    let text = without_unicode_escapes(text);
    let mut scanner = Scanner::default();
    for token in Tokens(text.char_indices().peekable(), &text) {
        scanner.take(token);
    }
    let file = scanner.public.or(scanner.main_top).or(scanner.first);
    Declared { file, main: scanner.main }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Symbol(char),
}

/// Words, numbers included, and single symbols.
struct Tokens<'t>(Peekable<CharIndices<'t>>, &'t str);

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        loop {
            let (at, letter) = self.0.next()?;
            let rest = &self.1[at..];
            let skipped = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if let Some(comment) = rest.strip_prefix("/*") {
                comment.find("*/").map_or(rest.len(), |end| end + 4)
            } else if rest.starts_with("\"\"\"") {
                quoted(rest, "\"\"\"")
            } else if rest.starts_with(['"', '\'']) {
                quoted(rest, &rest[..1])
            } else if is_word(letter) {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                self.skip_to(at + length);
                return Some(Token::Word(&rest[..length]));
            } else if letter.is_whitespace() {
                continue;
            } else {
                return Some(Token::Symbol(letter));
            };
            self.skip_to(at + skipped);
        }
    }
}

impl Tokens<'_> {
    fn skip_to(&mut self, end: usize) {
        while self.0.next_if(|(at, _)| *at < end).is_some() {}
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// The length of a literal between two of `quote`.
fn quoted(text: &str, quote: &str) -> usize {
    let mut at = quote.len();
    while let Some(rest) = text.get(at..) {
        match rest.chars().next() {
            None => break,
            _ if rest.starts_with(quote) => return at + quote.len(),
            // What is escaped ends nothing.
            Some('\\') => at += 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            // Only a text block has several lines. A quote that is not closed ends with its own.
            Some('\n') if quote.len() == 1 => return at,
            Some(letter) => at += letter.len_utf8(),
        }
    }
    text.len()
}

/// `\u0041` stands for `A` everywhere, unless another backslash comes first (JLS 3.3).
fn without_unicode_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain += &rest[..at];
        let escape = rest[at + 1..].trim_start_matches('u');
        let has_u = escape.len() < rest.len() - at - 1;
        let decoded =
            escape.get(..4).filter(|_| has_u).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match decoded.and_then(char::from_u32) {
            Some(letter) => {
                plain.push(letter);
                rest = &escape[4..];
            }
            None => {
                let pair = 1 + rest[at + 1..].chars().next().map_or(0, char::len_utf8);
                plain += &rest[at..at + pair];
                rest = &rest[at + pair..];
            }
        }
    }
    plain + rest
}

/// What braces hold.
#[derive(Debug)]
enum Scope {
    /// The members of a type that has this name; an interface's members are public.
    Type { name: String, is_interface: bool },
    /// Statements, or the members of a type that has no name of its own.
    Other,
}

/// Follows the declarations.
#[derive(Debug, Default)]
struct Scanner {
    package: Option<String>,
    scopes: Vec<Scope>,
    parentheses: usize,
    /// The words since the last declaration or statement ended, outside of parentheses.
    words: Vec<String>,
    /// The type whose braces come next.
    declared: Option<Scope>,
    /// The parameters of what may be the main method.
    parameters: Option<Vec<String>>,
    last_is_dot: bool,
    public: Option<String>,
    first: Option<String>,
    main: Option<String>,
    main_top: Option<String>,
}

impl Scanner {
    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Word(word) => self.word(word),
            Token::Symbol(symbol) => self.symbol(symbol),
        }
        self.last_is_dot = token == Token::Symbol('.');
    }

    fn word(&mut self, word: &str) {
        if self.parentheses > 0 {
            self.parameters.iter_mut().for_each(|parameters| parameters.push(word.to_owned()));
            return;
        }
        let joined = self.last_is_dot && !self.words.is_empty();
        if joined {
            if let Some(last) = self.words.last_mut() {
                *last += &format!(".{word}");
            }
            return;
        }
        let before = self.words.last().map(String::as_str);
        if matches!(before, Some("class" | "interface" | "enum" | "record")) && self.declared.is_none() {
            self.declare(word, before == Some("interface"));
        }
        self.words.push(word.to_owned());
    }

    fn symbol(&mut self, symbol: char) {
        match symbol {
            '(' => self.open_parenthesis(),
            ')' => self.close_parenthesis(),
            _ if self.parentheses > 0 => match symbol {
                // An annotation's array, or a lambda's body: nothing in it is a member.
                '{' => self.scopes.push(Scope::Other),
                '}' => drop(self.scopes.pop()),
                _ => {}
            },
            '{' => {
                let scope = self.declared.take().unwrap_or(Scope::Other);
                self.scopes.push(scope);
                self.words.clear();
            }
            '}' => {
                self.scopes.pop();
                self.end();
            }
            ';' => {
                if self.scopes.is_empty() && self.words.first().is_some_and(|word| word == "package") {
                    self.package = self.words.get(1).cloned();
                }
                self.end();
            }
            '=' => self.words.push(symbol.to_string()),
            _ => {}
        }
    }

    fn end(&mut self) {
        self.words.clear();
        self.declared = None;
        self.parameters = None;
    }

    fn declare(&mut self, name: &str, is_interface: bool) {
        if self.scopes.is_empty() {
            self.first.get_or_insert_with(|| name.to_owned());
            if self.has("public") {
                self.public.get_or_insert_with(|| name.to_owned());
            }
        }
        let is_member = self.scopes.iter().all(|scope| matches!(scope, Scope::Type { .. }));
        self.declared = Some(match is_member {
            true => Scope::Type { name: name.to_owned(), is_interface },
            false => Scope::Other,
        });
    }

    /// `public static void main(` begins what may be the main method.
    fn open_parenthesis(&mut self) {
        if self.parentheses == 0 {
            let in_interface = match self.scopes.last() {
                Some(Scope::Type { is_interface, .. }) => *is_interface,
                _ => false,
            };
            let is_main = self.words.ends_with(&["void".to_owned(), "main".to_owned()]);
            let is_visible = self.has("public") || in_interface;
            self.parameters = (is_main && is_visible && self.has("static")).then(Vec::new);
        }
        self.parentheses += 1;
    }

    /// Its only parameter is an array of strings, with whatever modifiers and name.
    fn close_parenthesis(&mut self) {
        self.parentheses = self.parentheses.saturating_sub(1);
        if self.parentheses > 0 {
            return;
        }
        let Some(parameters) = self.parameters.take() else { return };
        let types: Option<Vec<&str>> = self.scopes.iter().map(Scope::name).collect();
        if let (Some(types), true) = (types, parameters.iter().any(|word| word == "String")) {
            let class = types.join("$");
            if !class.is_empty() && self.main.is_none() {
                self.main_top = types.first().map(|top| (*top).to_owned());
                self.main = Some(
                    self.package.iter().map(|package| format!("{package}.")).collect::<String>() + &class,
                );
            }
        }
    }

    fn has(&self, modifier: &str) -> bool {
        self.words.iter().any(|word| word == modifier)
    }
}

impl Scope {
    fn name(&self) -> Option<&str> {
        match self {
            Scope::Type { name, .. } => Some(name),
            Scope::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "public static void main(String[] a) { System.out.println(\"}{\"); }";

    fn names(text: &str) -> (String, String) {
        let Declared { file, main } = scan(&text.replace("MAIN", MAIN));
        (file.unwrap_or_default(), main.unwrap_or_default())
    }

    #[test]
    fn the_file_has_the_name_of_its_public_type() {
        for (text, file, main) in [
            ("import java.util.*; public class Zed { MAIN }", "Zed", "Zed"),
            ("final public class Fp { MAIN }", "Fp", "Fp"),
            ("@SuppressWarnings(\"all\") public class Anno { MAIN }", "Anno", "Anno"),
            ("@A({\"x\", \"}\"}) @b.C public strictfp final class Anno { MAIN }", "Anno", "Anno"),
            ("/*\npublic class Old {}\n*/\npublic class New { MAIN }", "New", "New"),
            ("// public class Old {\npublic class New { MAIN }", "New", "New"),
            (
                "class A { String s = \"public class B {\"; char c = '\"'; }\npublic class C { MAIN }",
                "C",
                "C",
            ),
            (
                "class A { String s = \"\"\"\n public class B { \" \\\"\"\" \"\"\"; } public class C { MAIN }",
                "C",
                "C",
            ),
            ("package contest.round1;\npublic class Main { MAIN }", "Main", "contest.round1.Main"),
            ("class A { } class B { MAIN }", "B", "B"),
            ("class Helper { } class Main { void main() { } MAIN }", "Main", "Main"),
            ("public enum E { A { void f() { } }, B; MAIN }", "E", "E"),
            ("public record P(int x, int y) { MAIN }", "P", "P"),
            (
                "public sealed interface I permits J { static void main(String... a) { } } final class J implements I { }",
                "I",
                "I",
            ),
            ("public class Outer { static class Inner { MAIN } int x = 1; }", "Outer", "Outer$Inner"),
            (
                "public class Gen<T extends Comparable<T>> extends Base<T> implements Runnable { MAIN }",
                "Gen",
                "Gen",
            ),
            ("public class Täst { MAIN }", "Täst", "Täst"),
            ("\\u0070ublic class U\\u0056 { MAIN }", "UV", "UV"),
            ("public @interface Only { }", "Only", ""),
            ("class Plain { }", "Plain", ""),
            ("", "", ""),
        ] {
            assert_eq!(names(text), (file.to_owned(), main.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_main_method_is_not_one() {
        for body in [
            "static void main(String[] a) { }",
            "public void main(String[] a) { }",
            "public static int main(String[] a) { return 0; }",
            "public static void main(int a) { }",
            "public static void main() { }",
            "void f() { class Local { public static void main(String[] a) { } } }",
            "Object o = new Object() { public static void main(String[] a) { } };",
            "Class<?> c = X.class; void f() { main(String.class); }",
        ] {
            let text = format!("class X {{ {body} }} class Y {{ {MAIN} }}");
            assert_eq!(names(&text), ("Y".to_owned(), "Y".to_owned()), "{body}");
        }
    }

    #[test]
    fn a_method_may_be_written_in_many_ways() {
        for main in [
            "static public final void main(final String args[]) throws Exception { }",
            "public static synchronized void main(java.lang.String... args) { }",
            "@Deprecated public static void main(@A(\"x\") String[] a) { }",
            "public static <T> void main(String[] a) { }",
            "int[] x = {1, 2}; static { f(() -> { }); } public static void main(String[] a) { }",
            "enum K { A, B } public static void main(String[] a) { }",
        ] {
            assert_eq!(names(&format!("class X {{ {main} }}")).1, "X", "{main}");
        }
    }

    #[test]
    fn any_text_has_an_answer() {
        for text in
            ["\"", "'", "/*", "\"\"\"", "}}}}", "class", "\\", "\\u", "\\u12", "((((", "class X {", "\"\\"]
        {
            scan(text);
        }
    }
}
