//! `capsule explain BUNDLE --report FILE.html`: one page with a picture of where the bytes are.
//!
//! The page needs nothing from anywhere: no script, no font, no network.

use askama::Template;

use crate::error::Error;
use crate::manifest::Manifest;
use crate::quantity::bytes_for_people;
use crate::sizes::{Share, Sizes, percent, sizes};
use crate::treemap::{Rectangle, squarify};

/// The picture's size in its own units.
const PICTURE: Rectangle = Rectangle { x: 0.0, y: 0.0, width: 1200.0, height: 675.0 };
/// A rectangle shows its name, or the start of it: this wide a letter, this high a line, no fewer letters.
const LETTER: f64 = 6.8;
const LINE: f64 = 15.0;
const FEWEST_LETTERS: usize = 6;

/// The whole page.
pub fn page(manifest: &Manifest, bundle: &str) -> Result<String, Error> {
    let sizes = sizes(manifest);
    let page =
        Page { bundle, total: bytes_for_people(sizes.bytes), tiles: tiles(&sizes), rows: rows(&sizes) };
    page.render().map_err(|e| Error::Render { template: "report.html", what: e.to_string() })
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    bundle: &'a str,
    total: String,
    tiles: Vec<Tile>,
    rows: Vec<Row<'a>>,
}

/// One file in the picture.
struct Tile {
    x: String,
    y: String,
    width: String,
    height: String,
    hue: u32,
    title: String,
    label: Option<String>,
    label_x: String,
    label_y: String,
}

/// One package in the table.
struct Row<'a> {
    origin: &'a str,
    files: usize,
    bytes: String,
    share: String,
    hue: u32,
}

fn rows<'a>(sizes: &Sizes<'a>) -> Vec<Row<'a>> {
    let row = |(at, share): (usize, &Share<'a>)| Row {
        origin: share.origin,
        files: share.files.len(),
        bytes: bytes_for_people(share.bytes),
        share: format!("{:.1}", percent(share.bytes, sizes.bytes)),
        hue: hue(at),
    };
    sizes.shares.iter().enumerate().map(row).collect()
}

/// Packages first, then the files inside each.
fn tiles(sizes: &Sizes<'_>) -> Vec<Tile> {
    let weights: Vec<u64> = sizes.shares.iter().map(|share| share.bytes).collect();
    let spaces = squarify(&weights, PICTURE);
    let inside = |(at, (share, space)): (usize, (&Share<'_>, Rectangle))| {
        let weights: Vec<u64> = share.files.iter().map(|file| file.size()).collect();
        let rectangles = squarify(&weights, space);
        let files = share
            .files
            .iter()
            .zip(rectangles)
            .filter(|(_, rectangle)| rectangle.width * rectangle.height > 0.0);
        files
            .map(|(file, rectangle)| tile(file.path.as_str(), file.size(), share.origin, rectangle, hue(at)))
            .collect::<Vec<_>>()
    };
    sizes.shares.iter().zip(spaces).enumerate().flat_map(inside).collect()
}

fn tile(path: &str, size: u64, origin: &str, at: Rectangle, hue: u32) -> Tile {
    let name = path.rsplit('/').next().unwrap_or(path);
    Tile {
        x: units(at.x),
        y: units(at.y),
        width: units(at.width),
        height: units(at.height),
        hue,
        title: format!("{path}: {}, {origin}", bytes_for_people(size)),
        label: label(name, at),
        label_x: units(at.x + 3.0),
        label_y: units(at.y + 12.0),
    }
}

/// As much of a name as there is room for.
fn label(name: &str, at: Rectangle) -> Option<String> {
    let room = ((at.width - 6.0) / LETTER).max(0.0) as usize;
    let letters = name.chars().count();
    if at.height <= LINE || room < letters.min(FEWEST_LETTERS) {
        return None;
    }
    let start = |count| name.chars().take(count).chain(['…']).collect();
    Some(if letters <= room { name.to_owned() } else { start(room - 1) })
}

/// Fixed digits: the page is the same bytes wherever it is made.
fn units(value: f64) -> String {
    format!("{value:.2}")
}

/// Neighbours in the order of size get hues far apart: the golden angle.
fn hue(at: usize) -> u32 {
    (at as u32 * 137 + 210) % 360
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shortened_to_its_room_and_left_out_where_there_is_none() {
        let label = |width, height| label("libisl.so.23.2.0", Rectangle { width, height, ..PICTURE });
        assert_eq!(label(200.0, 20.0).as_deref(), Some("libisl.so.23.2.0"));
        assert_eq!(label(75.0, 20.0).as_deref(), Some("libisl.so…"));
        assert_eq!((label(40.0, 20.0), label(200.0, 10.0), label(3.0, 20.0)), (None, None, None));
    }
}
