//! Arguments that describe an image: `build`, `script` and `trace`.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use closure::arch::Level;
use closure::dlopen::DlopenLevel;
use image::ImageRequest;
use image::build::{BuildRequest, Formats};
use image::write::formats::Format;
use image::write::staging::Existing;
use recipe::byte_text;
use recipe::image_path::ImagePath;
use recipe::name_pattern::{Case, NamePattern};
use recipe::packs;
use recipe::pattern::Pattern;
use recipe::{Allowance, Binary, Data, Guard, LoaderPrefs, Recipe, RecipeError, Span, Spanned};

use super::image_time::image_time;
use super::one_of::one_of;
use super::path::{absolute, is_bare};
use super::request::Request;
use crate::error::Error;
use crate::tool::trace::TraceRequest;

#[derive(Debug, Args)]
pub(super) struct ImageArgs {
    /// Programs: paths, or names that are looked up on PATH inside the sysroot; with another place in the image as in
    /// `/tmp/prog:/usr/local/bin/prog`
    binaries: Vec<PathBuf>,
    /// A recipe (TOML) with more of what the image holds
    #[arg(short, long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// Packs by name (`capsule pack list`), or your own as a file, `./my.toml`
    #[arg(long, value_delimiter = ',', value_name = "PACK")]
    pack: Vec<String>,
    /// Files, directories and globs of the build host, kept at their paths
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::new)]
    include: Vec<Pattern>,
    /// Take everything from this tree; no link leads out of it
    #[arg(long, value_name = "DIR", default_value = "/")]
    sysroot: PathBuf,
    #[command(flatten)]
    loading: LoadingArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Lift a guard against the build host for some paths, as in `unowned=/opt/**`. Guards: unowned, modified, shim,
    /// setuid, capabilities, world_writable, private
    #[arg(long, value_name = "GUARD=PATTERN", value_parser = allowance)]
    allow: Vec<Allowance>,
}

/// How libraries are chosen.
#[derive(Debug, Args)]
pub(super) struct LoadingArgs {
    /// Directories to search for libraries first, as with LD_LIBRARY_PATH
    #[arg(long, value_name = "DIR")]
    library_path: Vec<PathBuf>,
    /// How many of the libraries that programs open at run time are included [default: recommended]
    #[arg(long, value_parser = one_of(&DlopenLevel::ALL, DlopenLevel::word), value_name = "LEVEL")]
    dlopen: Option<DlopenLevel>,
    /// The most capable CPU that the image is for; libraries for every CPU are always included [default: x86-64]
    #[arg(long, value_parser = one_of(&Level::ALL, Level::word), value_name = "LEVEL")]
    cpu: Option<Level>,
}

/// Data that programs read by convention.
#[derive(Debug, Args)]
struct DataArgs {
    /// Terminal descriptions, or `none` [default: xterm*,linux,screen*,tmux*,vt100 if a program reads them]
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    terminfo: Vec<String>,
    /// Locales, or `none` [default: C.UTF-8 if a program reads it]
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    locale: Vec<String>,
    /// Time zones, such as `Europe/Berlin`; `*` for all
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    timezone: Vec<String>,
    /// Character sets that iconv(3) converts, such as `ISO-8859-1`; `*` for all
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    charset: Vec<String>,
    /// Include the certificates of public authorities
    #[arg(long)]
    certificates: bool,
    /// Include os-release and the control file of each package, by which vulnerability scanners find packages
    #[arg(long)]
    scan: bool,
}

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    #[command(flatten)]
    image: ImageArgs,
    /// The bundle to write
    #[arg(short, long, value_name = "BUNDLE")]
    output: PathBuf,
    /// Replace a bundle that is already there, once the new one is finished
    #[arg(long)]
    replace: bool,
    /// Start each program in the finished sandbox with `--version`; if one fails, list what it missed, and exit 1
    #[arg(long)]
    check: bool,
    /// Have programs of the image make the files that start others sooner, such as archives of javac's classes
    #[arg(long)]
    prepare: bool,
    /// Formats of the image [default: dir,cpio; without cpio for a machine that capsule has no runner for]
    #[arg(long, value_parser = one_of(&Format::ALL, Format::word), value_delimiter = ',')]
    format: Vec<Format>,
    /// The runner to put in, built for the image's machine [default: capsule's own]
    #[arg(long, value_name = "FILE")]
    init: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    #[command(flatten)]
    image: ImageArgs,
    /// Write the list to this file, and leave stdout to the command
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl TraceArgs {
    pub(super) fn into_request(mut self, command: Vec<OsString>) -> Result<TraceRequest, Error> {
        self.image.binaries.push(PathBuf::from(&command[0]));
        Ok(TraceRequest { image: self.image.into_image()?, command, output: self.output })
    }
}

impl BuildArgs {
    pub(super) fn into_request(self) -> Result<Request, Error> {
        let existing = if self.replace { Existing::Replace } else { Existing::Keep };
        let formats = match self.format.as_slice() {
            [] => Formats::Usual,
            chosen => Formats::Chosen(chosen.iter().copied().collect()),
        };
        let check = self.check;
        if check && !formats.have_directory() {
            let what =
                "`--check` starts programs in the image as a directory, which is not among the formats";
            return Err(Error::Usage { what: what.to_owned(), hint: "add `dir` to `--format`" });
        }
        let prepare = self.prepare;
        let (output, init) = (self.output, self.init);
        let build = BuildRequest { image: self.image.into_image()?, output, existing, formats, init };
        Ok(Request::Build { build, check, prepare })
    }
}

impl ImageArgs {
    fn asks_for_nothing(&self) -> bool {
        self.binaries.is_empty() && self.pack.is_empty() && self.include.is_empty()
    }

    pub(super) fn into_image(self) -> Result<ImageRequest, Error> {
        let mut recipe = match &self.recipe {
            Some(file) => Recipe::load(file)?,
            None if self.asks_for_nothing() => return Err(image::Error::NothingAsked.into()),
            None => Recipe { packs: vec![from_command_line(packs::HELLO.to_owned())], ..Recipe::default() },
        };
        for binary in &self.binaries {
            recipe.binaries.push(from_command_line(self::binary(binary, &self.sysroot)?));
        }
        recipe.packs.extend(self.pack.into_iter().map(from_command_line));
        recipe.include.extend(self.include.into_iter().map(|pattern| from_command_line(pattern.into())));
        recipe.allow.extend(self.allow.into_iter().map(from_command_line));
        packs::expand_packs(&mut recipe)?;
        recipe.data.merge(self.data.into_data()?);
        recipe.loading.merge(self.loading.into());
        let sysroot = absolute(&self.sysroot)?;
        let options = recipe.loading.options(sysroot);
        let time = image_time(env::var("SOURCE_DATE_EPOCH").ok().as_deref())?;
        Ok(ImageRequest { recipe, options, time })
    }
}

impl From<LoadingArgs> for LoaderPrefs {
    fn from(args: LoadingArgs) -> LoaderPrefs {
        LoaderPrefs { cpu: args.cpu, dlopen: args.dlopen, library_path: args.library_path }
    }
}

impl DataArgs {
    fn into_data(self) -> Result<Data, Error> {
        let said = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let some = |list: Option<Vec<String>>| list.map(|list| names(list, Case::Told)).transpose();
        Ok(Data {
            terminfo: some(said(self.terminfo))?,
            locales: some(said(self.locale))?,
            timezones: names(self.timezone, Case::Told)?,
            charsets: names(self.charset, Case::Ignored)?,
            certificates: self.certificates.then_some(Span::CommandLine),
            scan: self.scan.then_some(Span::CommandLine),
        })
    }
}

/// The word for an empty list, which a recipe writes as `[]`.
const NONE: &str = "none";

fn names(list: Vec<String>, case: Case) -> Result<Vec<Spanned<NamePattern>>, Error> {
    let name = |text: String| match NamePattern::new(&text, case) {
        Ok(name) => Ok(from_command_line(name)),
        Err(what) => Err(Error::Recipe(RecipeError { span: Span::CommandLine, what, hint: None })),
    };
    list.into_iter().filter(|text| text != NONE).map(name).collect()
}

/// A program, or `FROM:TO` with the last `:/` between them. A file whose name has that in it wins.
fn binary(argument: &Path, sysroot: &Path) -> Result<Binary, Error> {
    let inside = absolute(argument)?;
    let exists = sysroot.join(inside.strip_prefix("/").unwrap_or(&inside)).symlink_metadata().is_ok();
    let text = byte_text::from_os(argument.as_os_str());
    let placed = text.rsplit_once(":/").filter(|_| !exists);
    let Some((from, to)) = placed.filter(|(from, _)| !from.is_empty()) else {
        return Ok(binary_name(argument)?.into());
    };
    let to = PathBuf::from(byte_text::to_os(&format!("/{to}")));
    let place = ImagePath::new(&to).map_err(|unfit| image::Error::Unfit { path: to, unfit })?;
    Ok(Binary { name: binary_name(&absolute(Path::new(&byte_text::to_os(from)))?)?, to: Some(place) })
}

/// A bare name stays one; a path becomes absolute, as a shell's user means it.
fn binary_name(binary: &Path) -> Result<String, Error> {
    let path = if is_bare(binary) { binary.to_path_buf() } else { absolute(binary)? };
    Ok(byte_text::from_os(path.as_os_str()).into_owned())
}

fn from_command_line<T>(value: T) -> Spanned<T> {
    Spanned { value, span: Span::CommandLine }
}

fn allowance(text: &str) -> Result<Allowance, String> {
    let known = || Guard::ALL.map(Guard::key).join(", ");
    let (key, pattern) =
        text.split_once('=').ok_or_else(|| format!("write GUARD=PATTERN; guards are {}", known()))?;
    let guard =
        Guard::from_key(key).ok_or_else(|| format!("unknown guard `{key}`; known are {}", known()))?;
    Ok(Allowance { guard, pattern: Pattern::new(pattern)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_in_the_image_follows_the_last_colon_and_slash() {
        let binary = |text: &str| binary(Path::new(text), Path::new("/")).expect("text");
        let placed = |from: &str, to: &str| Binary {
            name: from.to_owned(),
            to: Some(ImagePath::parse(to).expect("normal")),
        };
        assert_eq!(binary("/tmp/p:/usr/bin/p"), placed("/tmp/p", "/usr/bin/p"));
        assert_eq!(binary("/tmp/a:/b:/usr/bin/p"), placed("/tmp/a:/b", "/usr/bin/p"));
        assert_eq!(binary("/bin/sh:x"), Binary::from("/bin/sh:x".to_owned()));
        let directory = tempfile::tempdir().expect("a directory");
        let odd = directory.path().join("p:/q");
        std::fs::create_dir(directory.path().join("p:")).expect("made");
        std::fs::write(&odd, "").expect("made");
        let odd = odd.to_str().expect("text");
        assert_eq!(binary(odd), Binary::from(odd.to_owned()));
    }

    #[test]
    fn names_stay_names_and_paths_become_absolute() {
        assert_eq!(binary_name(Path::new("bash")).expect("text"), "bash");
        assert_eq!(binary_name(Path::new("/bin/bash")).expect("text"), "/bin/bash");
        assert!(binary_name(Path::new("./a.out")).expect("text").starts_with('/'));
    }
}
