//! What a bundle is: its layout, its manifest, its bill of materials, its init.
//!
//! # Theory of operation
//!
//! A bundle is a directory that a judge host can run without any other file. `image` writes it, `run` starts commands in
//! it, the query commands read it. This crate has what these three must agree on, and nothing else:
//!
//! ```text
//!   BUNDLE/manifest.json  every path of the image: digest, package, provenance     manifest, digest, package, provenance
//!          sbom.cdx.json  the same files as a bill of materials                    sbom
//!          init           the runner, the same bytes in every bundle               init
//!          rootfs/        the image as a directory, or archives of it              layout, tree
//!          box/           the empty mount point for the files of a submission      layout
//!          *.sh           scripts that use the bundle without capsule
//!          SHA256SUMS     digests of all files                                     sums
//!          MODES          types and modes of all paths                             modes
//! ```
//!
//! The manifest is the only part that the code here reads. A run reads only its [`manifest::Head`],
//! because there can be many entries after it.

#![warn(unreachable_pub)]

pub mod bounded;
pub mod digest;
mod error;
mod file_error;
mod human_bytes;
pub mod init;
pub mod layout;
pub mod manifest;
pub mod modes;
pub mod package;
pub mod provenance;
#[cfg(feature = "make")]
pub mod sbom;
pub mod sums;
#[cfg(feature = "make")]
pub mod time;
pub mod tree;

pub use error::Error;
pub use file_error::{Access, FileError};
pub use human_bytes::human_bytes;
