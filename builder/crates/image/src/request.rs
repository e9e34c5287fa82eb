//! The request for an image, without output and formats.

use std::path::PathBuf;

use closure::resolve;
use recipe::Recipe;

/// The request for an image, without output and formats.
#[derive(Debug, Clone)]
pub struct ImageRequest {
    /// The recipe, with its packs and the command line merged in.
    pub recipe: Recipe,
    /// How the resolver searches libraries, and the sysroot in which it does.
    pub options: resolve::Options,
    /// The modification time of every entry, in seconds since 1970.
    pub time: u32,
}

impl ImageRequest {
    /// The image of `recipe`, with this machine as the sysroot and time 0.
    pub fn of(recipe: Recipe) -> ImageRequest {
        let options = recipe.loading.options(PathBuf::from("/"));
        ImageRequest { recipe, options, time: 0 }
    }
}
