//! Plots, as SVG.

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{IntoSegmentedCoord, SegmentValue};
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::{RGBColor, SVGBackend, WHITE};
use plotters::series::LineSeries;
use plotters::style::{Color, ShapeStyle};

/// Pixels.
const WIDTH: u32 = 900;
const FONT: &str = "sans-serif";
/// Safe for colour-blind readers (Paul Tol, "Colour Schemes", muted).
const COLORS: [RGBColor; 10] = [
    RGBColor(51, 34, 136),
    RGBColor(204, 102, 119),
    RGBColor(17, 119, 51),
    RGBColor(136, 204, 238),
    RGBColor(170, 68, 153),
    RGBColor(153, 153, 51),
    RGBColor(68, 170, 153),
    RGBColor(136, 34, 85),
    RGBColor(221, 204, 119),
    RGBColor(60, 60, 60),
];
/// Of the bars, and of the lines through them.
const BAR: RGBColor = RGBColor(0, 114, 178);
const REACH: RGBColor = RGBColor(230, 159, 0);
/// Pixels to the right of lines, for their names.
const LEGEND: u32 = 250;

/// One bar: its length, and where a thin line ends that goes through it.
pub(super) struct Bar<'a> {
    pub(super) name: &'a str,
    pub(super) length: f64,
    pub(super) reach: [f64; 2],
}

/// One line.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

type Failure = DrawingAreaErrorKind<std::io::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Bars from the top down. Those that reach beyond `end` are cut there.
pub(super) fn bars(title: &str, unit: &str, bars: &[Bar<'_>], end: f64) -> Result<String, Failure> {
    drawn(90 + 30 * bars.len() as u32, |area| {
        if bars.is_empty() {
            return area.titled(title, (FONT, 17)).map(drop);
        }
        let count = bars.len() as i32;
        let start = bars.iter().map(|bar| bar.reach[0]).fold(0.0, f64::min);
        let mut chart = ChartBuilder::on(area)
            .caption(title, (FONT, 17))
            .margin(14)
            .x_label_area_size(40)
            .y_label_area_size(240)
            .build_cartesian_2d(start..end, (0..count - 1).into_segmented())?;
        // The coordinate grows upwards.
        let name = |place: &SegmentValue<i32>| match place {
            SegmentValue::CenterOf(at) => bars[(count - 1 - at) as usize].name.to_owned(),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .light_line_style(WHITE)
            .x_desc(unit)
            .label_style((FONT, 13))
            .y_labels(bars.len())
            .y_label_formatter(&name)
            .draw()?;
        for (bar, at) in bars.iter().zip((0..count).rev()) {
            let center = || SegmentValue::CenterOf(at);
            let length = bar.length.min(end);
            let corners = [(0.0, SegmentValue::Exact(at)), (length, SegmentValue::Exact(at + 1))];
            let mut rectangle = Rectangle::new(corners, BAR.filled());
            rectangle.set_margin(5, 5, 0, 0);
            chart.draw_series([rectangle])?;
            let [from, to] = bar.reach.map(|reach| reach.min(end));
            chart
                .draw_series([PathElement::new([(from, center()), (to, center())], REACH.stroke_width(2))])?;
            // Of a bar that is cut, too, its length has room.
            let label = (to.max(length).min(end * 0.94), center());
            let text = format!(" {:.2}", bar.length);
            chart.draw_series([Text::new(text, label, (FONT, 12))])?;
        }
        Ok(())
    })
}

/// Lines; `tick` says what is written below a place of the first coordinate.
pub(super) fn lines(
    title: &str,
    [across, up]: [&str; 2],
    tick: &dyn Fn(&f64) -> String,
    all: &[Line],
) -> Result<String, Failure> {
    let points = || all.iter().flat_map(|line| &line.points);
    let last = points().map(|(x, _)| *x).fold(0.0, f64::max);
    let highest = points().map(|(_, y)| *y).fold(0.0, f64::max) * 1.05;
    drawn(440, |area| {
        let mut chart = ChartBuilder::on(area)
            .caption(title, (FONT, 17))
            .margin(14)
            .x_label_area_size(40)
            .margin_right(LEGEND)
            .y_label_area_size(70)
            .build_cartesian_2d(0.0..last, 0.0..highest)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(across)
            .y_desc(up)
            .label_style((FONT, 13))
            .x_labels(10)
            .x_label_formatter(tick)
            .y_label_formatter(&|value| format!("{value:.0}"))
            .draw()?;
        for (number, line) in all.iter().enumerate() {
            let color = COLORS[number % COLORS.len()];
            let style = ShapeStyle { color: color.to_rgba(), filled: true, stroke_width: 2 };
            chart.draw_series(LineSeries::new(line.points.iter().copied(), style).point_size(3))?;
            let (left, top) = ((WIDTH - LEGEND) as i32, 50 + 22 * number as i32);
            area.draw(&PathElement::new([(left + 10, top), (left + 30, top)], style))?;
            area.draw(&Text::new(line.name.clone(), (left + 38, top - 6), (FONT, 13)))?;
        }
        Ok(())
    })
}

/// On white: a page in dark mode shows it as a picture.
fn drawn(height: u32, draw: impl FnOnce(&Area<'_>) -> Result<(), Failure>) -> Result<String, Failure> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_their_names_and_lengths_from_the_top_down() {
        let bar = |name, length| Bar { name, length, reach: [length, length * 2.0] };
        let svg = bars("What", "ms", &[bar("first", 1.5), bar("last", 99.0)], 10.0).unwrap();
        let place = |text: &str| svg.find(text).unwrap_or_else(|| panic!("{text}: {svg}"));
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        place("What");
        place("1.50");
        // Cut in the plot, and told.
        place("99.00");
        let height = |text: &str| -> i32 {
            let element = &svg[..place(text)];
            let from = &element[element.rfind(" y=\"").unwrap() + 4..];
            from[..from.find('"').unwrap()].parse().unwrap()
        };
        assert!(height("first\n") < height("last\n"), "{svg}");
        assert!(bars("Nothing", "ms", &[], 10.0).unwrap().contains("Nothing"));
    }

    #[test]
    fn lines_have_a_legend_and_ticks() {
        let line = Line { name: "grows".to_owned(), points: vec![(0.0, 1.0), (1.0, 2.0)] };
        let svg = lines("What", ["in flight", "runs"], &|x| format!("at {x:.0}"), &[line]).unwrap();
        assert!(svg.contains("grows") && svg.contains("at 1") && svg.contains("in flight"), "{svg}");
    }
}
