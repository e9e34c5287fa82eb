//! Recipes: the TOML spelling of what goes into an image, checked strictly.
//!
//! Every mistake is answered with file, line, column and what to do. A recipe says the same things as the
//! command line, in the same words: `binaries`, `packs`, `include`, `[files]`, `[symlinks]`, `[limits]`,
//! `[budget]`, `[allow]`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::image_path::ImagePath;
use crate::pattern::Pattern;
use crate::quantity::{self, Kind};

/// Largest recipe in bytes; a person writes some kilobytes.
const LARGEST: u64 = 1 << 20;

/// What a recipe (or the command line) asks for.
#[derive(Debug, Default, Clone)]
pub struct Recipe {
    /// Programs: absolute paths, or bare names that are looked up on PATH inside the sysroot.
    pub binaries: Vec<Asked<String>>,
    /// Named sets of files that come with capsule.
    pub packs: Vec<Asked<String>>,
    /// Files, directories and globs of the build host, kept at their paths.
    pub include: Vec<Asked<Pattern>>,
    /// Files that the recipe brings itself.
    pub files: BTreeMap<ImagePath, Asked<OwnFile>>,
    /// Symbolic links that the recipe asks for: the link's path, and its text.
    pub symlinks: BTreeMap<ImagePath, Asked<String>>,
    /// Defaults for init's options of the same names (`cpu-time` is `--cpu-time`).
    pub limits: BTreeMap<&'static str, String>,
    /// What the image may cost.
    pub budget: Budget,
    /// Guards against the build host that are lifted, and for which paths.
    pub allow: Vec<Asked<Allowance>>,
}

/// A value and who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<T> {
    /// What was asked for.
    pub value: T,
    /// Where it was asked for.
    pub at: Place,
}

/// A place in a recipe, or the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Given as an argument.
    CommandLine,
    /// Written in a file, at a line and column counted from 1; the column counts characters.
    File {
        /// The recipe as it was named.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
}

/// A file that the recipe brings itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFile {
    /// Where its bytes come from.
    pub content: OwnContent,
    /// Permission bits; 0644 when the recipe does not say.
    pub mode: u32,
}

/// Where the bytes of an [`OwnFile`] come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnContent {
    /// Written in the recipe.
    Inline(String),
    /// Read from a file of the build host; relative paths start at the recipe's directory.
    From(PathBuf),
}

/// What the image may cost; a build that exceeds it fails.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Most regular files.
    pub max_files: Option<u64>,
    /// Most bytes in regular files.
    pub max_bytes: Option<u64>,
    /// No command interpreter may be in the image.
    pub no_shell: bool,
}

/// One lifted guard.
#[derive(Debug, Clone)]
pub struct Allowance {
    /// Which guard.
    pub guard: Guard,
    /// For which paths.
    pub pattern: Pattern,
}

/// The guards against the build host, by the name that lifts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// A file that no package owns.
    Unowned,
    /// A file that differs from its package's checksum.
    Modified,
    /// A version manager's stand-in for the program of its name.
    Shim,
    /// Set-user-id or set-group-id.
    Setuid,
    /// File capabilities (capabilities(7)).
    Capabilities,
    /// A file that everybody may write.
    WorldWritable,
}

impl Guard {
    /// All guards, in the order in which they are reported.
    pub const ALL: [Guard; 6] = [
        Guard::Unowned,
        Guard::Modified,
        Guard::Shim,
        Guard::Setuid,
        Guard::Capabilities,
        Guard::WorldWritable,
    ];

    /// The key under `[allow]`, and the word before `=` in `--allow`.
    pub fn key(self) -> &'static str {
        match self {
            Guard::Unowned => "unowned",
            Guard::Modified => "modified",
            Guard::Shim => "shim",
            Guard::Setuid => "setuid",
            Guard::Capabilities => "capabilities",
            Guard::WorldWritable => "world_writable",
        }
    }

    /// The guard with that key.
    pub fn from_key(key: &str) -> Option<Guard> {
        Guard::ALL.into_iter().find(|guard| guard.key() == key)
    }
}

/// A mistake in a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub at: Place,
    /// What is wrong, without a final dot.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Recipe {
    /// Reads the recipe at `path`.
    pub fn load(path: &Path) -> Result<Recipe, Mistake> {
        let whole = |what: String| Mistake { at: Place::file(path, 1, 1), what, hint: None };
        let size = std::fs::metadata(path)
            .map_err(|e| whole(format!("cannot be read: {}", crate::error::cause(&e))))?
            .len();
        if size > LARGEST {
            return Err(whole(format!("is {size} bytes long; a recipe has at most {LARGEST}")));
        }
        let bytes =
            std::fs::read(path).map_err(|e| whole(format!("cannot be read: {}", crate::error::cause(&e))))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let valid = e.utf8_error().valid_up_to();
            let line = 1 + e.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count();
            Mistake { at: Place::file(path, line, 1), what: "is not UTF-8 text".to_owned(), hint: None }
        })?;
        Recipe::parse(&text, path)
    }

    /// Parses a recipe's text; `file` is only named in mistakes, and is where relative `from` paths start.
    pub fn parse(text: &str, file: &Path) -> Result<Recipe, Mistake> {
        let reader = Reader { text, file };
        let table = DeTable::parse(text).map_err(|e| reader.syntax(&e))?;
        reader.recipe(table.get_ref())
    }

    /// Adds what `other` asks for. Two different answers for one path are a mistake, told at the later one.
    pub fn merge(&mut self, other: Recipe) -> Result<(), Mistake> {
        self.binaries.extend(other.binaries);
        self.packs.extend(other.packs);
        self.include.extend(other.include);
        self.allow.extend(other.allow);
        for (path, file) in other.files {
            unique(&mut self.files, path, file)?;
        }
        for (path, link) in other.symlinks {
            unique(&mut self.symlinks, path, link)?;
        }
        self.limits.extend(other.limits);
        self.budget.max_files = other.budget.max_files.or(self.budget.max_files);
        self.budget.max_bytes = other.budget.max_bytes.or(self.budget.max_bytes);
        self.budget.no_shell |= other.budget.no_shell;
        Ok(())
    }
}

impl Place {
    fn file(path: &Path, line: usize, column: usize) -> Place {
        Place::File { file: path.to_path_buf(), line, column }
    }
}

fn unique<T: PartialEq>(
    into: &mut BTreeMap<ImagePath, Asked<T>>,
    path: ImagePath,
    new: Asked<T>,
) -> Result<(), Mistake> {
    match into.get(&path) {
        Some(old) if old.value != new.value => Err(Mistake {
            what: format!("`{path}` is given a second time; the first is at {}", old.at),
            hint: Some("keep one of the two".to_owned()),
            at: new.at,
        }),
        Some(_) => Ok(()),
        None => {
            into.insert(path, new);
            Ok(())
        }
    }
}

const KEYS: [&str; 8] = ["binaries", "packs", "include", "files", "symlinks", "limits", "budget", "allow"];
const BUDGET_KEYS: [&str; 3] = ["max_files", "max_bytes", "no_shell"];
const FILE_KEYS: [&str; 3] = ["content", "from", "mode"];

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// Walks the parsed document; knows the text, so that every answer has a line and a column.
struct Reader<'a> {
    text: &'a str,
    file: &'a Path,
}

impl Reader<'_> {
    fn recipe(&self, table: &DeTable<'_>) -> Result<Recipe, Mistake> {
        let mut recipe = Recipe::default();
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "binaries" => {
                    recipe.binaries =
                        self.strings(key, value)?.map(|name| self.binary(name)).collect::<Result<_, _>>()?
                }
                "packs" => {
                    recipe.packs =
                        self.strings(key, value)?.map(|name| self.asked(name)).collect::<Result<_, _>>()?
                }
                "include" => {
                    recipe.include =
                        self.strings(key, value)?.map(|text| self.pattern(text)).collect::<Result<_, _>>()?
                }
                "files" => recipe.files = self.files(key, value)?,
                "symlinks" => recipe.symlinks = self.symlinks(key, value)?,
                "limits" => recipe.limits = self.limits(key, value)?,
                "budget" => recipe.budget = self.budget(key, value)?,
                "allow" => recipe.allow = self.allow(key, value)?,
                unknown => return Err(self.unknown(key.span(), "key", unknown, &KEYS)),
            }
        }
        self.no_double_source(&recipe)?;
        Ok(recipe)
    }

    fn binary(&self, name: &Value<'_>) -> Result<Asked<String>, Mistake> {
        let asked = self.asked(name)?;
        let text = &asked.value;
        if text.is_empty() {
            return Err(self.mistake(
                name.span(),
                "an empty name cannot be looked up",
                "write a name such as \"bash\", or an absolute path",
            ));
        }
        if text.contains('/') && !text.starts_with('/') {
            return Err(self.mistake(
                name.span(),
                &format!("`{text}` is neither a bare name nor an absolute path"),
                "a bare name is looked up on PATH inside the sysroot; a path starts with `/`",
            ));
        }
        if text.contains(char::is_whitespace) {
            return Err(self.mistake(
                name.span(),
                &format!("`{text}` has white space in it"),
                "one binary for each string: [\"bash\", \"ls\"]; arguments are given when it is run",
            ));
        }
        Ok(asked)
    }

    fn pattern(&self, value: &Value<'_>) -> Result<Asked<Pattern>, Mistake> {
        let text = self.asked(value)?;
        match Pattern::new(&text.value) {
            Ok(pattern) => Ok(Asked { value: pattern, at: text.at }),
            Err(what) => Err(self.mistake(value.span(), &what, "write the path as it is on the build host, with `*`, `?`, `[…]`, `{a,b}` or `**` where wanted")),
        }
    }

    fn files(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<BTreeMap<ImagePath, Asked<OwnFile>>, Mistake> {
        let mut files = BTreeMap::new();
        for (path, content) in in_order(self.table(key, value)?) {
            let file = self.own_file(path, content)?;
            files.insert(self.image_path(path)?, Asked { value: file, at: self.place(path.span()) });
        }
        Ok(files)
    }

    fn own_file(&self, path: &Key<'_>, value: &Value<'_>) -> Result<OwnFile, Mistake> {
        match value.get_ref() {
            DeValue::String(text) => Ok(OwnFile { content: self.inline(value, text)?, mode: 0o644 }),
            DeValue::Table(table) => self.own_file_table(path, table),
            other => Err(self.mistake(
                value.span(),
                &format!("a file's content is a string, not {}", a_kind(other)),
                "write \"/path\" = \"content\\n\", or a table with `content` or `from`, and `mode`",
            )),
        }
    }

    fn own_file_table(&self, path: &Key<'_>, table: &DeTable<'_>) -> Result<OwnFile, Mistake> {
        let (mut content, mut mode) = (None, 0o644);
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "content" | "from" if content.is_some() => {
                    return Err(self.mistake(
                        key.span(),
                        "a file has either `content` or `from`",
                        "keep one of the two",
                    ));
                }
                "content" => content = Some(self.inline(value, &self.string(key, value)?)?),
                "from" => content = Some(OwnContent::From(self.beside(&self.string(key, value)?))),
                "mode" => mode = self.mode(key, value)?,
                unknown => return Err(self.unknown(key.span(), "key", unknown, &FILE_KEYS)),
            }
        }
        match content {
            Some(content) => Ok(OwnFile { content, mode }),
            None => Err(self.mistake(
                path.span(),
                &format!("`{}` has no content", path.get_ref()),
                "add `content = \"…\"` or `from = \"FILE\"`",
            )),
        }
    }

    fn inline(&self, value: &Value<'_>, text: &str) -> Result<OwnContent, Mistake> {
        if text.contains('\0') {
            return Err(self.mistake(
                value.span(),
                "inline content cannot hold a NUL byte",
                "put it in a file of its own and name that with `from`",
            ));
        }
        Ok(OwnContent::Inline(text.to_owned()))
    }

    fn beside(&self, from: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(from)
    }

    fn mode(&self, key: &Key<'_>, value: &Value<'_>) -> Result<u32, Mistake> {
        let hint = "write it in quotes and octal, such as mode = \"0755\"";
        let DeValue::String(text) = value.get_ref() else {
            return Err(self.mistake(
                value.span(),
                &format!("`mode` is a string, not {}", a_kind(value.get_ref())),
                hint,
            ));
        };
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode & !0o777 == 0 => Ok(mode),
            Ok(_) => Err(self.mistake(
                value.span(),
                &format!("mode `{text}` is more than permission bits"),
                "a file of an image has at most 0777; set-user-id has no effect in the sandbox",
            )),
            Err(_) => {
                Err(self.mistake(value.span(), &format!("`{}` `{text}` is not octal", key.get_ref()), hint))
            }
        }
    }

    fn symlinks(
        &self,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<BTreeMap<ImagePath, Asked<String>>, Mistake> {
        let mut links = BTreeMap::new();
        for (path, target) in in_order(self.table(key, value)?) {
            let target_text = self.string(path, target)?;
            if target_text.is_empty() || target_text.contains(char::is_control) {
                return Err(self.mistake(
                    target.span(),
                    "a link needs a target",
                    "write what the link shall lead to, such as \"/usr/bin/sh\" = \"dash\"",
                ));
            }
            links.insert(self.image_path(path)?, Asked { value: target_text, at: self.place(path.span()) });
        }
        Ok(links)
    }

    fn limits(&self, key: &Key<'_>, value: &Value<'_>) -> Result<BTreeMap<&'static str, String>, Mistake> {
        let mut limits = BTreeMap::new();
        let names: Vec<&str> = quantity::LIMITS.iter().map(|limit| limit.name).collect();
        for (name, amount) in in_order(self.table(key, value)?) {
            let Some(limit) = quantity::LIMITS.iter().find(|limit| limit.name == name.get_ref()) else {
                return Err(self.unknown(name.span(), "limit", name.get_ref(), &names));
            };
            limits.insert(limit.name, self.amount(name, amount, limit.kind)?);
        }
        Ok(limits)
    }

    fn amount(&self, name: &Key<'_>, value: &Value<'_>, kind: Kind) -> Result<String, Mistake> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if kind != Kind::Time => number.to_string(),
            other => {
                return Err(self.mistake(
                    value.span(),
                    &format!("`{}` is {}, not {}", name.get_ref(), kind.noun(), a_kind(other)),
                    kind.example(),
                ));
            }
        };
        match kind.read(&text) {
            Some(_) => Ok(text),
            None => Err(self.mistake(
                value.span(),
                &format!("`{}` is {}, and `{text}` is none", name.get_ref(), kind.noun()),
                kind.example(),
            )),
        }
    }

    fn budget(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Budget, Mistake> {
        let mut budget = Budget::default();
        for (name, value) in in_order(self.table(key, value)?) {
            match name.get_ref().as_ref() {
                "max_files" => budget.max_files = Kind::Count.read(&self.amount(name, value, Kind::Count)?),
                "max_bytes" => budget.max_bytes = Kind::Size.read(&self.amount(name, value, Kind::Size)?),
                "no_shell" => match value.get_ref() {
                    DeValue::Boolean(yes) => budget.no_shell = *yes,
                    other => {
                        return Err(self.mistake(
                            value.span(),
                            &format!("`no_shell` is true or false, not {}", a_kind(other)),
                            "write it without quotes",
                        ));
                    }
                },
                unknown => return Err(self.unknown(name.span(), "key", unknown, &BUDGET_KEYS)),
            }
        }
        Ok(budget)
    }

    fn allow(&self, key: &Key<'_>, value: &Value<'_>) -> Result<Vec<Asked<Allowance>>, Mistake> {
        let names = Guard::ALL.map(Guard::key);
        let mut allowed = Vec::new();
        for (name, patterns) in in_order(self.table(key, value)?) {
            let Some(guard) = Guard::from_key(name.get_ref()) else {
                return Err(self.unknown(name.span(), "guard", name.get_ref(), &names));
            };
            for pattern in self.strings(name, patterns)? {
                let Asked { value: pattern, at } = self.pattern(pattern)?;
                allowed.push(Asked { value: Allowance { guard, pattern }, at });
            }
        }
        Ok(allowed)
    }

    fn no_double_source(&self, recipe: &Recipe) -> Result<(), Mistake> {
        for (path, link) in &recipe.symlinks {
            if let Some(file) = recipe.files.get(path) {
                let what = format!("`{path}` is a link here and a file at {}", file.at);
                return Err(Mistake {
                    at: link.at.clone(),
                    what,
                    hint: Some("keep one of the two".to_owned()),
                });
            }
        }
        Ok(())
    }

    fn image_path(&self, key: &Key<'_>) -> Result<ImagePath, Mistake> {
        let text = key.get_ref();
        match ImagePath::parse(text) {
            Ok(path) if path.is_root() => {
                Err(self.mistake(key.span(), "`/` is the image's root", "name a path below it"))
            }
            Ok(path) => Ok(path),
            Err(e) => Err(self.mistake(
                key.span(),
                &format!("`{text}` {e}"),
                "write the absolute path inside the image, such as \"/home/hello.txt\"",
            )),
        }
    }

    fn strings<'v, 'i>(
        &self,
        key: &Key<'_>,
        value: &'v Value<'i>,
    ) -> Result<std::slice::Iter<'v, Value<'i>>, Mistake> {
        match value.get_ref() {
            DeValue::Array(items) => Ok(items.iter()),
            other => Err(self.mistake(
                value.span(),
                &format!("`{}` is a list of strings, not {}", key.get_ref(), a_kind(other)),
                &format!("write {} = [\"…\"]", key.get_ref()),
            )),
        }
    }

    fn asked(&self, value: &Value<'_>) -> Result<Asked<String>, Mistake> {
        match value.get_ref() {
            DeValue::String(text) => Ok(Asked { value: text.to_string(), at: self.place(value.span()) }),
            other => Err(self.mistake(
                value.span(),
                &format!("a string is wanted here, not {}", a_kind(other)),
                "put it in quotes",
            )),
        }
    }

    fn string(&self, key: &Key<'_>, value: &Value<'_>) -> Result<String, Mistake> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            other => Err(self.mistake(
                value.span(),
                &format!("`{}` is a string, not {}", key.get_ref(), a_kind(other)),
                "put it in quotes",
            )),
        }
    }

    fn table<'v, 'i>(&self, key: &Key<'_>, value: &'v Value<'i>) -> Result<&'v DeTable<'i>, Mistake> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            other => Err(self.mistake(
                value.span(),
                &format!("`{0}` is a table, not {1}", key.get_ref(), a_kind(other)),
                &format!("write [{}] and its entries below it", key.get_ref()),
            )),
        }
    }

    fn unknown(&self, span: Range<usize>, what: &str, name: &str, known: &[&str]) -> Mistake {
        let nearest =
            known.iter().map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate)).min();
        let hint = match nearest {
            Some((distance, candidate)) if distance <= 1 + candidate.len() / 4 => {
                format!("did you mean `{candidate}`?")
            }
            _ => format!("known are {}", known.join(", ")),
        };
        self.mistake(span, &format!("unknown {what} `{name}`"), &hint)
    }

    fn syntax(&self, error: &toml::de::Error) -> Mistake {
        let at = self.place(error.span().unwrap_or(0..0));
        Mistake { at, what: error.message().replace('\n', ", "), hint: None }
    }

    fn mistake(&self, span: Range<usize>, what: &str, hint: &str) -> Mistake {
        Mistake { at: self.place(span), what: what.to_owned(), hint: Some(hint.to_owned()) }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let before = &self.text[..self.text.floor_char_boundary(span.start)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        Place::file(self.file, line, 1 + before[line_start..].chars().count())
    }
}

/// A table's entries as they stand in the text, so that the first mistake of a file is told first.
fn in_order<'v, 'i>(table: &'v DeTable<'i>) -> Vec<(&'v Key<'i>, &'v Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn a_kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::CommandLine => f.write_str("command line"),
            Place::File { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Mistake {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Recipe, Mistake> {
        Recipe::parse(text, Path::new("r.toml"))
    }

    #[test]
    fn a_recipe_says_what_the_command_line_says() {
        let recipe = parse(
            "binaries = ['bash', '/usr/bin/ls']\ninclude = ['/usr/share/terminfo/x/xterm*']\n\
             [files]\n'/home/hello.txt' = \"Hello, World!\\n\"\n'/x' = { from = 'x.sh', mode = '0755' }\n\
             [symlinks]\n'/bin/sh' = 'bash'\n[limits]\ncpu-time = '1s'\npids = 64\n\
             [budget]\nmax_bytes = '2M'\nno_shell = true\n[allow]\nunowned = ['/opt/**']\n",
        )
        .expect("a good recipe");
        let names: Vec<&str> = recipe.binaries.iter().map(|binary| binary.value.as_str()).collect();
        assert_eq!(names, ["bash", "/usr/bin/ls"]);
        assert!(
            recipe.include[0]
                .value
                .matches(&ImagePath::parse("/usr/share/terminfo/x/xterm-256color").expect("path"))
        );
        assert!(
            !recipe.include[0]
                .value
                .matches(&ImagePath::parse("/usr/share/terminfo/x/xterm/y").expect("path"))
        );
        let file = &recipe.files[&ImagePath::parse("/x").expect("path")].value;
        assert_eq!(file, &OwnFile { content: OwnContent::From("x.sh".into()), mode: 0o755 });
        assert_eq!(recipe.limits[&"pids"], "64");
        assert_eq!(recipe.budget, Budget { max_files: None, max_bytes: Some(2 << 20), no_shell: true });
        assert_eq!(recipe.allow[0].value.guard, Guard::Unowned);
    }

    #[test]
    fn a_mistake_has_line_and_column_in_characters() {
        let mistake = parse("# ü\n  binarys = []\n").expect_err("misspelt");
        assert_eq!(
            mistake.to_string(),
            "r.toml:2:3: unknown key `binarys`\n  hint: did you mean `binaries`?"
        );
    }

    #[test]
    fn two_recipes_may_agree_but_not_contradict() {
        let mut one = parse("[files]\n'/a' = 'x'\n").expect("good");
        one.merge(parse("[files]\n'/a' = 'x'\n").expect("good")).expect("the same twice");
        let mistake = one.merge(parse("[files]\n'/a' = 'y'\n").expect("good")).expect_err("another content");
        assert!(mistake.what.contains("`/a` is given a second time"), "{mistake}");
    }
}
