//! `capsule explain BUNDLE --report FILE.html`: one page with a treemap of the image's files.
//!
//! The page is self-contained: it loads no script, font or other file.

use askama::Template;
use bundle::human_bytes;
use bundle::manifest::Manifest;

use crate::error::Error;
use crate::query::sizes::{Share, Sizes, percent, sizes};
use crate::query::treemap::{Rectangle, squarify};

/// The size of the treemap, in units of its SVG: on a wide screen, and on a phone. One unit is about one pixel there.
const WIDE: Rectangle = Rectangle { x: 0.0, y: 0.0, width: 1200.0, height: 675.0 };
const NARROW: Rectangle = Rectangle { x: 0.0, y: 0.0, width: 400.0, height: 640.0 };
/// Smaller rectangles, in square units, cannot be seen. They stay out of the page, which holds two treemaps.
const MIN_AREA: f64 = 1.0;
/// The width of a letter and the height of a line of a label, in the same units.
const LETTER: f64 = 6.8;
const LINE: f64 = 15.0;
/// A label is not shortened to fewer letters than this.
const MIN_LETTERS: usize = 6;

/// The HTML text.
pub(super) fn page(manifest: &Manifest, bundle: &str) -> Result<String, Error> {
    let sizes = sizes(manifest);
    let maps = vec![map("wide", WIDE, &sizes), map("narrow", NARROW, &sizes)];
    let page = Page { bundle, total: human_bytes(sizes.bytes), maps, rows: rows(&sizes) };
    page.render().map_err(|e| Error::Render { template: "report.html", what: e.to_string() })
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    bundle: &'a str,
    total: String,
    maps: Vec<Map>,
    rows: Vec<PackageRow<'a>>,
}

/// One treemap.
struct Map {
    class: &'static str,
    width: f64,
    height: f64,
    packages: Vec<Tile>,
    files: Vec<Tile>,
}

/// One rectangle: a package or a file.
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
struct PackageRow<'a> {
    origin: &'a str,
    files: usize,
    bytes: String,
    share: String,
    hue: u32,
}

fn rows<'a>(sizes: &Sizes<'a>) -> Vec<PackageRow<'a>> {
    let row = |(at, share): (usize, &Share<'a>)| PackageRow {
        origin: share.origin,
        files: share.files.len(),
        bytes: human_bytes(share.bytes),
        share: format!("{:.1}", percent(share.bytes, sizes.bytes)),
        hue: hue(at),
    };
    sizes.shares.iter().enumerate().map(row).collect()
}

/// Divides the treemap into packages, and each package into its files.
fn map(class: &'static str, space: Rectangle, sizes: &Sizes<'_>) -> Map {
    let weights: Vec<u64> = sizes.shares.iter().map(|share| share.bytes).collect();
    let mut map =
        Map { class, width: space.width, height: space.height, packages: Vec::new(), files: Vec::new() };
    for (at, (share, space)) in sizes.shares.iter().zip(squarify(&weights, space)).enumerate() {
        let title = format!("{}: {}", share.origin, human_bytes(share.bytes));
        let (heading, inside) = below_heading(space);
        map.packages.push(Tile {
            label: heading.then(|| label(&title, space)).flatten(),
            ..tile(title, space, hue(at))
        });
        let weights: Vec<u64> = share.files.iter().map(|file| file.size()).collect();
        let placed = share.files.iter().zip(squarify(&weights, inside));
        map.files.extend(placed.filter(|(_, place)| place.width * place.height > MIN_AREA).map(
            |(file, place)| {
                let path = file.path.to_string();
                let name = path.rsplit('/').next().unwrap_or(&path);
                let title = format!("{path}: {}, {}", human_bytes(file.size()), share.origin);
                Tile { label: label(name, place), ..tile(title, place, hue(at)) }
            },
        ));
    }
    map
}

/// Whether a package's rectangle has room for a heading, and what is left of it for the files.
fn below_heading(space: Rectangle) -> (bool, Rectangle) {
    if space.width < 12.0 * LETTER || space.height < 4.0 * LINE {
        return (false, space);
    }
    (true, Rectangle { y: space.y + LINE + 2.0, height: space.height - LINE - 2.0, ..space })
}

fn tile(title: String, at: Rectangle, hue: u32) -> Tile {
    Tile {
        x: units(at.x),
        y: units(at.y),
        width: units(at.width),
        height: units(at.height),
        hue,
        title,
        label: None,
        label_x: units(at.x + 3.0),
        label_y: units(at.y + 12.0),
    }
}

/// As much of a name as fits into its rectangle; `None` if too little does.
fn label(name: &str, at: Rectangle) -> Option<String> {
    let room = ((at.width - 6.0) / LETTER).max(0.0) as usize;
    let letters = name.chars().count();
    if at.height <= LINE || room < letters.min(MIN_LETTERS) {
        return None;
    }
    let start = |count| name.chars().take(count).chain(['…']).collect();
    Some(if letters <= room { name.to_owned() } else { start(room - 1) })
}

/// With fixed digits, so that every machine makes the same page.
fn units(value: f64) -> String {
    format!("{value:.2}")
}

/// Steps of the golden angle give neighbours in the order of size hues that are far apart.
fn hue(at: usize) -> u32 {
    (at as u32 * 137 + 210) % 360
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_shortened_to_its_rectangle_and_left_out_if_too_little_fits() {
        let label = |width, height| label("libisl.so.23.2.0", Rectangle { width, height, ..WIDE });
        assert_eq!(label(200.0, 20.0).as_deref(), Some("libisl.so.23.2.0"));
        assert_eq!(label(75.0, 20.0).as_deref(), Some("libisl.so…"));
        assert_eq!((label(40.0, 20.0), label(200.0, 10.0), label(3.0, 20.0)), (None, None, None));
    }

    #[test]
    fn a_package_has_a_heading_above_its_files_where_there_is_room() {
        let (has_heading, files) = below_heading(NARROW);
        assert!(has_heading && files.y > NARROW.y && files.y + files.height == NARROW.height);
        let low = Rectangle { height: 30.0, ..NARROW };
        assert_eq!(below_heading(low), (false, low));
    }
}
