//! What a recipe says about data and about the choice of libraries.

use std::path::PathBuf;

use closure::arch::Level;
use closure::dlopen::DlopenLevel;
use closure::resolve::{Hwcaps, Options};

use crate::name_pattern::NamePattern;
use crate::span::{Span, Spanned};

/// Data that programs read by convention (see [`image::gather::data`]). Lists of several recipes add up.
#[derive(Debug, Default, Clone)]
pub struct Data {
    /// Terminal descriptions; the usual ones by default, none for an empty list.
    pub terminfo: Option<Vec<Spanned<NamePattern>>>,
    /// Locales; C.UTF-8 by default, none for an empty list.
    pub locales: Option<Vec<Spanned<NamePattern>>>,
    /// Zones of the time zone database.
    pub timezones: Vec<Spanned<NamePattern>>,
    /// Character sets of iconv(3).
    pub charsets: Vec<Spanned<NamePattern>>,
    /// Where the certificates of public authorities were asked for.
    pub certificates: Option<Span>,
    /// Where the files by which scanners find packages were asked for.
    pub scan: Option<Span>,
}

/// How libraries are chosen. What is said later wins, but directories add up.
#[derive(Debug, Default, Clone)]
pub struct LoaderPrefs {
    /// The most capable CPU that the image is for.
    pub cpu: Option<Level>,
    /// How many of the libraries that programs open at run time are included.
    pub dlopen: Option<DlopenLevel>,
    /// Directories inside the sysroot that are searched first.
    pub library_path: Vec<PathBuf>,
}

impl Data {
    /// Adds what `other` asks for.
    pub fn merge(&mut self, other: Data) {
        // Taken apart, so that the compiler asks for a line when a field is added.
        let Data { terminfo, locales, timezones, charsets, certificates, scan } = other;
        add(&mut self.terminfo, terminfo);
        add(&mut self.locales, locales);
        self.timezones.extend(timezones);
        self.charsets.extend(charsets);
        self.certificates = certificates.or(self.certificates.take());
        self.scan = scan.or(self.scan.take());
    }
}

impl LoaderPrefs {
    /// Adds what `other` says.
    pub fn merge(&mut self, other: LoaderPrefs) {
        let LoaderPrefs { cpu, dlopen, library_path } = other;
        self.cpu = cpu.or(self.cpu);
        self.dlopen = dlopen.or(self.dlopen);
        self.library_path.extend(library_path);
    }
}

impl LoaderPrefs {
    /// For the resolver.
    pub fn options(&self, sysroot: PathBuf) -> Options {
        Options {
            sysroot,
            library_path: self.library_path.clone(),
            dlopen: self.dlopen.unwrap_or_default(),
            hwcaps: Hwcaps::UpTo(self.cpu.unwrap_or_default()),
            ..Options::default()
        }
    }
}

/// No list and an empty list are two things.
fn add<T>(into: &mut Option<Vec<T>>, more: Option<Vec<T>>) {
    if let Some(more) = more {
        into.get_or_insert_default().extend(more);
    }
}
