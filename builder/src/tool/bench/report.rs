//! `capsule bench report`: a page with the figures of a machine, and its plots next to it.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use run::timing::Machine;
use time::OffsetDateTime;

use super::curve::{Curve, curve};
use super::floor::{Figures, Floor, IN_FLIGHT, distance};
use super::guards::{Guards, costs};
use super::millis;
use super::plot::{self, Bar, Line};
use super::stage::Stage;
use crate::error::Error;

/// A bar of a slow peer is cut here, at so many times the slowest of capsule's own.
const CUT: f64 = 4.0;

/// Measures with these rounds of each measurement, and writes the page; gives what was measured as text, too.
pub(super) fn write(stage: &Stage, rounds: [usize; 3], output: &Path) -> Result<String, Error> {
    fs::create_dir_all(output).map_err(|error| Error::write(output, error))?;
    let [of_floor, of_curve, of_guards] = rounds;
    // The floor is last: it leaves this process without a network.
    let (curve, guards) = (curve(stage, of_curve)?, costs(stage, of_guards)?);
    let floor = distance(stage, of_floor)?;
    let plots = [
        ("latency.svg", latency(&floor)),
        ("in-flight.svg", in_flight(&floor)),
        ("curve.svg", over_time(&curve)),
        ("guards.svg", saved(&guards)),
    ];
    let page = ("README.md", Ok(page(&floor, &curve, &guards)));
    for (name, text) in plots.into_iter().chain([page]) {
        let file = output.join(name);
        let text = text.map_err(|error| Error::write(&file, io::Error::other(error)))?;
        fs::write(&file, text).map_err(|error| Error::write(&file, error))?;
    }
    Ok([floor.text(), curve.text(), guards.text()].join("\n"))
}

type Plotted = Result<String, Box<dyn std::error::Error + Send + Sync>>;

fn latency(floor: &Floor) -> Plotted {
    let own = floor.all.iter().filter(|row| row.name.starts_with("init")).map(|row| millis(row.median));
    let end = own.fold(0.0, f64::max) * CUT;
    let bars: Vec<Bar<'_>> = floor
        .all
        .iter()
        .map(|Figures { name, median, p99, .. }| Bar {
            name,
            length: millis(*median),
            reach: [*median, *p99].map(millis),
        })
        .collect();
    Ok(plot::bars("One run at a time: median, and a line to p99", "milliseconds", &bars, end)?)
}

fn in_flight(floor: &Floor) -> Plotted {
    let line = |row: &Figures| {
        let doublings = IN_FLIGHT.iter().map(|number| (*number as f64).log2());
        let points = doublings.zip(&row.in_flight).map(|(x, (throughput, _))| (x, *throughput));
        Line { name: row.name.clone(), points: points.collect() }
    };
    // The bare process is far above all others, which would lie on one line.
    let shown = |row: &&Figures| !row.name.starts_with("vfork") && !row.in_flight.is_empty();
    let rows = floor.all.iter().filter(shown);
    let all: Vec<Line> = rows.map(line).collect();
    let tick = |doublings: &f64| {
        if doublings.fract() == 0.0 { format!("{:.0}", doublings.exp2()) } else { String::new() }
    };
    Ok(plot::lines("Several runs in flight", ["runs in flight", "runs in a second"], &tick, &all)?)
}

fn over_time(curve: &Curve) -> Plotted {
    let mut all = Vec::new();
    for line in &curve.all {
        let per_part = curve.rounds as f64 / line.parts.len().max(1) as f64;
        for (which, word) in ["median", "p99"].into_iter().enumerate() {
            let points = line.parts.iter().enumerate();
            let points =
                points.map(|(at, part)| ((at as f64 + 1.0) * per_part, part[which].as_micros() as f64));
            all.push(Line { name: format!("{}, {word}", line.name), points: points.collect() });
        }
    }
    let tick = |runs: &f64| format!("{runs:.0}");
    Ok(plot::lines("One pool over time", ["runs so far", "microseconds"], &tick, &all)?)
}

fn saved(guards: &Guards) -> Plotted {
    let percent = |thousandths: i64| thousandths as f64 / 10.0;
    let rows = guards.costs.iter();
    let bars: Vec<Bar<'_>> = rows
        .map(|row| Bar { name: &row.name, length: percent(row.saves), reach: row.interval.map(percent) })
        .collect();
    let end = bars.iter().map(|bar| bar.reach[1]).fold(1.0, f64::max) * 1.15;
    let title = "How much shorter a run is without one guard, and the interval of the median (95 %)";
    Ok(plot::bars(title, "percent of a run with all guards", &bars, end)?)
}

fn page(floor: &Floor, curve: &Curve, guards: &Guards) -> String {
    let Machine { processor, allowed, .. } = Machine::this();
    let kernel = rustix::system::uname();
    let date = OffsetDateTime::now_utc().date();
    let mut page = format!(
        "# What a run costs\n\n\
         `capsule bench report` has written this page: on {date}, on {allowed} CPUs of `{processor}`, Linux {}. Times are \
         of that machine; a ratio is of turns next to each other, and the median of all turns.\n\n\
         ## One run at a time, and several in flight\n\n\
         {} runs each of a program that only exits. The bare calls make the same namespaces, mounts, cgroups and filter, \
         in one process, and watch no limit of time: no runner with this isolation can do without them. The other sandboxes have \
         fewer guards. `init-serve, ready` has had 5 ms to prepare a sandbox before each request; with requests in flight it \
         has none.\n\n\
         ![medians](latency.svg)\n\n![throughput](in-flight.svg)\n\n",
        kernel.release().to_string_lossy(),
        floor.rounds,
    );
    page += "| | median, ms | p99, ms | ratio |\n|---|--:|--:|--:|\n";
    for Figures { name, median, p99, ratio, .. } in &floor.all {
        let [median, p99] = [*median, *p99].map(millis);
        let _infallible = writeln!(page, "| {name} | {median:.2} | {p99:.2} | {ratio:.2} |");
    }
    page += "\nRuns in a second, and the ratio, with so many in flight:\n\n|";
    IN_FLIGHT.iter().for_each(|number| page += &format!(" | {number}"));
    let _infallible = writeln!(page, " |\n|---{}|", "|--:".repeat(IN_FLIGHT.len()));
    for Figures { name, in_flight, .. } in floor.all.iter().filter(|row| !row.in_flight.is_empty()) {
        let cells: String =
            in_flight.iter().map(|(throughput, ratio)| format!(" {throughput:.0} ({ratio:.2}) |")).collect();
        let _infallible = writeln!(page, "| {name} |{cells}");
    }
    listed(&mut page, &floor.missing);
    let _infallible = write!(
        page,
        "\n## One pool over time\n\n{} runs one after the other. Each tenth is followed by as many of a bare process, which \
         shows what is the machine's doing.\n\n![median and p99 of each tenth](curve.svg)\n\n\
         | | median, µs | p99, µs | p99 to median | last tenth to first |\n|---|--:|--:|--:|--:|\n",
        curve.rounds
    );
    for line in &curve.all {
        let [median, p99] = line.whole.map(|time| time.as_micros());
        let (name, spread, growth) = (&line.name, line.spread(), line.growth());
        let _infallible = writeln!(page, "| {name} | {median} | {p99} | {spread:.2} | {growth:.2} |");
    }
    let _infallible = write!(
        page,
        "\n## What each guard costs\n\n{} runs each with all guards and without one, in turn. An interval with 0 in it means \
         that no cost could be shown.\n\n![each guard](guards.svg)\n",
        guards.rounds
    );
    listed(&mut page, &guards.missing);
    page
}

/// Lists the contenders that failed on this machine.
fn listed(page: &mut String, missing: &[String]) {
    if !missing.is_empty() {
        page.push('\n');
    }
    missing.iter().for_each(|line| *page += &format!("* {line}\n"));
}
