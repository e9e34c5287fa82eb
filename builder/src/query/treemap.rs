//! A squarified treemap (Bruls, Huizing, van Wijk 2000): weights to rectangles that stay close to squares.

/// A rectangle; the unit is the caller's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rectangle {
    /// Left edge.
    pub(super) x: f64,
    /// Top edge.
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A rectangle for each weight, in order; together they fill `space`. Weights must be sorted, the largest first. A weight
/// of 0 gets an empty rectangle.
pub(super) fn squarify(weights: &[u64], space: Rectangle) -> Vec<Rectangle> {
    let total: u64 = weights.iter().sum();
    if total == 0 {
        return vec![Rectangle { width: 0.0, height: 0.0, ..space }; weights.len()];
    }
    let scale = space.width * space.height / total as f64;
    let areas: Vec<f64> = weights.iter().map(|weight| *weight as f64 * scale).collect();
    let mut placed = Vec::with_capacity(areas.len());
    let (mut left, mut rest) = (areas.as_slice(), space);
    while !left.is_empty() {
        let length = row_length(left, rest.width.min(rest.height));
        let (row, others) = left.split_at(length);
        rest = place_row(row, rest, &mut placed);
        left = others;
    }
    placed
}

/// Adds areas to a row as long as they do not make its worst rectangle worse.
fn row_length(areas: &[f64], side: f64) -> usize {
    let mut length = 1;
    while length < areas.len() && worst(&areas[..=length], side) <= worst(&areas[..length], side) {
        length += 1;
    }
    length
}

/// The largest ratio of the sides of any rectangle of a row along `side`.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let ratio = |area: f64| {
        let (along, across) = (area * side / sum, sum / side);
        if along > across { along / across } else { across / along }
    };
    row.iter().map(|area| ratio(*area)).fold(0.0, f64::max)
}

/// Puts a row along the shorter side of `space`, and gives the rest of `space`.
fn place_row(row: &[f64], space: Rectangle, placed: &mut Vec<Rectangle>) -> Rectangle {
    let sum: f64 = row.iter().sum();
    let is_column = space.width >= space.height;
    let side = if is_column { space.height } else { space.width };
    let depth = if side > 0.0 { sum / side } else { 0.0 };
    let mut at = 0.0;
    for area in row {
        let along = if sum > 0.0 { area * side / sum } else { 0.0 };
        placed.push(if is_column {
            Rectangle { x: space.x, y: space.y + at, width: depth, height: along }
        } else {
            Rectangle { x: space.x + at, y: space.y, width: along, height: depth }
        });
        at += along;
    }
    if is_column {
        Rectangle { x: space.x + depth, width: (space.width - depth).max(0.0), ..space }
    } else {
        Rectangle { y: space.y + depth, height: (space.height - depth).max(0.0), ..space }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPACE: Rectangle = Rectangle { x: 0.0, y: 0.0, width: 6.0, height: 4.0 };

    #[test]
    fn the_papers_example_comes_out_as_in_the_paper() {
        let placed = squarify(&[6, 6, 4, 3, 2, 2, 1], SPACE);
        let first = Rectangle { x: 0.0, y: 0.0, width: 3.0, height: 2.0 };
        assert_eq!(placed[0], first);
        assert_eq!(placed[1], Rectangle { y: 2.0, ..first });
    }

    proptest! {
        #[test]
        fn areas_are_in_proportion_and_inside(mut weights in prop::collection::vec(0_u64..1_000_000, 1..60)) {
            weights.sort_by(|a, b| b.cmp(a));
            let total: u64 = weights.iter().sum();
            let placed = squarify(&weights, SPACE);
            prop_assert_eq!(placed.len(), weights.len());
            for (weight, rectangle) in weights.iter().zip(placed) {
                let share = if total == 0 { 0.0 } else { *weight as f64 / total as f64 };
                prop_assert!((rectangle.width * rectangle.height - share * 24.0).abs() < 1e-6);
                prop_assert!(rectangle.x >= -1e-9 && rectangle.x + rectangle.width <= 6.0 + 1e-6);
                prop_assert!(rectangle.y >= -1e-9 && rectangle.y + rectangle.height <= 4.0 + 1e-6);
            }
        }
    }
}
