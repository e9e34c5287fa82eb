//! What a recipe says about data and about the choice of libraries.

use std::path::PathBuf;

use super::{Asked, Place};
use crate::arch::Level;
use crate::dlopen::DlopenLevel;
use crate::name_pattern::NamePattern;
use crate::resolve::{Hwcaps, Options};

/// Data that programs read by convention (see [`crate::data`]). Lists of several recipes add up.
#[derive(Debug, Default, Clone)]
pub struct Data {
    /// Terminal descriptions; the usual ones when nothing is said, none for an empty list.
    pub terminfo: Option<Vec<Asked<NamePattern>>>,
    /// Locales; C.UTF-8 when nothing is said, none for an empty list.
    pub locales: Option<Vec<Asked<NamePattern>>>,
    /// Zones of the time zone database.
    pub timezones: Vec<Asked<NamePattern>>,
    /// Character sets of iconv(3).
    pub charsets: Vec<Asked<NamePattern>>,
    /// Where the certificates of public authorities were asked for.
    pub certificates: Option<Place>,
}

/// How libraries are chosen. What is said later wins, but directories add up.
#[derive(Debug, Default, Clone)]
pub struct Loading {
    /// The most capable CPU that the image is for.
    pub cpu: Option<Level>,
    /// How much of what programs open at run time comes along.
    pub dlopen: Option<DlopenLevel>,
    /// Directories inside the sysroot that are searched first.
    pub library_path: Vec<PathBuf>,
}

impl Data {
    /// Adds what `other` asks for.
    pub fn merge(&mut self, other: Data) {
        add(&mut self.terminfo, other.terminfo);
        add(&mut self.locales, other.locales);
        self.timezones.extend(other.timezones);
        self.charsets.extend(other.charsets);
        self.certificates = other.certificates.or(self.certificates.take());
    }
}

impl Loading {
    /// Adds what `other` says.
    pub fn merge(&mut self, other: Loading) {
        self.cpu = other.cpu.or(self.cpu);
        self.dlopen = other.dlopen.or(self.dlopen);
        self.library_path.extend(other.library_path);
    }
}

impl Loading {
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

/// Nothing said, and an empty list, are two things.
fn add<T>(into: &mut Option<Vec<T>>, more: Option<Vec<T>>) {
    if let Some(more) = more {
        into.get_or_insert_default().extend(more);
    }
}
