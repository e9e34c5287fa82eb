//! What an image is asked to hold, and how: recipes, packs and languages, parsed once into types.
//!
//! # Theory of operation
//!
//! ```text
//!   TOML text ──document──► values with their places ──read──► Recipe ──packs──► Recipe with all that it names
//! ```
//!
//! * [`Recipe`] holds what a file or the command line asks for. Both use the same words, and nothing after this crate
//!   sees TOML or a flag.
//! * Each requested thing keeps the [`Span`] that asked for it, so that a later error can point there.
//! * A pack ([`packs`]) is a recipe that others name; one for a language also says how to compile and run ([`language`]).
//!
//! Reading is strict: every mistake is reported with file, line, column and what to do ([`RecipeError`]).
#![warn(unreachable_pub)]

mod allowance;
pub mod amount;
pub mod byte_text;
mod document;
mod error;
mod extension;
pub mod image_path;
mod java_source;
mod keys;
pub mod language;
pub mod lock;
pub mod name_pattern;
pub mod packs;
mod parse;
pub mod pattern;
pub mod placeholder;
mod preferences;
mod read;
mod read_language;
mod read_placed;
mod read_prepare;
mod read_slice;
mod read_step;
mod read_toolchain;
mod recipe;
pub mod slice;
pub mod source_name;
mod span;
pub mod toolchain;

pub use allowance::{Allowance, Guard};
pub use error::RecipeError;
pub use preferences::{Data, LoaderPrefs};
pub use recipe::{Binary, Budget, Include, OwnContent, OwnFile, Recipe, RequestId};
pub use span::{Span, Spanned};
