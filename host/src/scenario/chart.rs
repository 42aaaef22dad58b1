//! A report as a picture: what was offered, how many subtasks ran, and how much waited, over time.

use std::fmt::Write;

use super::table::{about, amount, columns};
use super::{Moment, Report};

/// Of the picture, in its own units.
const WIDTH: f64 = 960.0;
const PANEL: f64 = 150.0;
const GAP: f64 = 48.0;
const LEFT: f64 = 72.0;
const TOP: f64 = 64.0;

/// Points of one line at most: more would not be seen.
const POINTS: usize = 1200;

/// One for each policy; told apart by people who do not tell red from green.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// One line of a panel: its colour, and how high it stands at each moment.
type Line<'a> = (&'a str, Box<dyn Fn(&Moment) -> f64>, &'a [Moment]);

/// A picture of one report, as SVG that needs nothing else.
pub fn chart(report: &Report) -> String {
    let height = TOP + 3.0 * (PANEL + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut svg, (LEFT, 22.0), "font-weight=\"bold\" font-size=\"15\"", &report.title);
    let mut x = LEFT;
    for (side, colour) in report.sides.iter().zip(COLOURS.iter().cycle()) {
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"34\" width=\"14\" height=\"4\" fill=\"{colour}\"/>");
        text(&mut svg, (x + 20.0, 40.0), "", &side.policy);
        x += 44.0 + 7.0 * side.policy.chars().count() as f64;
    }
    let end = report.sides.iter().map(|side| side.run.seconds).max().unwrap_or(1).max(1);
    let courses = || report.sides.iter().map(|side| side.run.course.as_slice()).zip(COLOURS.iter().cycle());
    let first = courses().take(1).map(|(course, _)| -> Line<'_> { ("#444444", Box::new(|it| it.offered), course) });
    panel(&mut svg, 0, "records per second offered", end, &first.collect::<Vec<_>>());
    let subtasks =
        courses().map(|(course, colour)| -> Line<'_> { (colour, Box::new(|it| f64::from(it.subtasks)), course) });
    panel(&mut svg, 1, "subtasks of the scaled vertices", end, &subtasks.collect::<Vec<_>>());
    let backlog = courses().map(|(course, colour)| -> Line<'_> { (colour, Box::new(|it| it.backlog), course) });
    panel(&mut svg, 2, "records that wait", end, &backlog.collect::<Vec<_>>());
    svg.push_str("</svg>\n");
    svg
}

/// A page of several reports, pictures and tables, that needs nothing else.
pub fn page(reports: &[Report]) -> String {
    let mut html =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>tidegate simulate</title>\n\
         <style>body{font-family:sans-serif;margin:2em}table{border-collapse:collapse;margin:1em 0}\
         td,th{padding:.2em .8em;text-align:right;white-space:nowrap;border-bottom:1px solid #ddd}\
         td:first-child,th:first-child{text-align:left}</style></head><body>\n"
            .to_owned();
    for report in reports {
        let _ = writeln!(html, "<h2>{}</h2>\n<table>", escaped(&report.scenario));
        for (number, row) in columns(report).iter().enumerate() {
            let tag = if number == 0 { "th" } else { "td" };
            let cells: Vec<String> = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
            let _ = writeln!(html, "<tr>{}</tr>", cells.concat());
        }
        html.push_str("</table>\n");
        for line in about(report) {
            let _ = writeln!(html, "<p>{}</p>", escaped(&line));
        }
        html.push_str(&chart(report));
    }
    html.push_str("</body></html>\n");
    html
}

fn panel(svg: &mut String, number: u8, title: &str, end: u64, lines: &[Line<'_>]) {
    let top = TOP + f64::from(number) * (PANEL + GAP);
    let (right, bottom) = (WIDTH - 24.0, top + PANEL);
    let heights = lines.iter().flat_map(|(_, height, course)| course.iter().map(height));
    let highest = heights.fold(0.0, f64::max).max(1.0);
    text(svg, (LEFT, top - 6.0), "fill=\"#444444\"", title);
    for share in [0.0, 0.5, 1.0] {
        let y = bottom - PANEL * share;
        let _ = writeln!(svg, "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>");
        text(svg, (LEFT - 6.0, y + 4.0), "text-anchor=\"end\" fill=\"#444444\"", &amount(highest * share));
    }
    for part in 0..=6 {
        let x = LEFT + (right - LEFT) * f64::from(part) / 6.0;
        let at = end as f64 * f64::from(part) / 6.0;
        text(svg, (x, bottom + 16.0), "text-anchor=\"middle\" fill=\"#444444\"", &moment(at, end));
    }
    for (colour, height, course) in lines {
        let place = |at: u64| LEFT + (right - LEFT) * at as f64 / end as f64;
        let level = |height: f64| bottom - PANEL * height / highest;
        let mut points = String::new();
        let mut last: Option<f64> = None;
        for some in course.chunks(course.len().div_ceil(POINTS).max(1)) {
            // Of moments that fall together, the highest: peaks must not be lost.
            let (Some(begin), high) = (some.first(), some.iter().map(height).fold(0.0, f64::max)) else { continue };
            if let Some(before) = last.filter(|before| *before != high) {
                let _ = write!(points, "{:.1},{:.1} ", place(begin.at), level(before));
            }
            let _ = write!(points, "{:.1},{:.1} ", place(begin.at), level(high));
            last = Some(high);
        }
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.4\" points=\"{}\"/>",
            points.trim_end()
        );
    }
}

fn text(svg: &mut String, (x, y): (f64, f64), how: &str, what: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {how}>{}</text>", escaped(what));
}

/// A time since the beginning, in the unit that suits all `end` seconds: `40 s`, `12 min`, `3.5 h`.
fn moment(seconds: f64, end: u64) -> String {
    match end {
        _ if end < 300 => format!("{seconds:.0} s"),
        _ if end < 3 * 3600 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::scenario::{Run, Side};

    fn report() -> Report {
        let course = (0..5000).map(|number| Moment {
            at: number * 10,
            offered: 100.0,
            backlog: if number == 2500 { 777_000.0 } else { 0.0 },
            subtasks: 3,
        });
        let run = Run { seconds: 50_000, course: course.collect(), ..Run::default() };
        let side = Side {
            policy: "a<b".to_owned(),
            rescales_per_change: None,
            settled_after_mean: None,
            settled_after_max: None,
            never_settled: 0,
            backlog_mean: 0.0,
            outside_bounds: 0.0,
            run,
        };
        let (scenario, title) = ("x".to_owned(), "X & Y".to_owned());
        Report { scenario, title, seed: 1, sides: vec![side], published: BTreeMap::new() }
    }

    #[test]
    fn a_picture_is_escaped_small_and_keeps_its_peaks() {
        let svg = chart(&report());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("X &amp; Y") && svg.contains("a&lt;b") && !svg.contains("a<b"));
        assert!(svg.contains(">777.0k<"), "the peak is on the axis");
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.len() < 100_000, "{}", svg.len());
        let html = page(&[report(), report()]);
        assert_eq!((html.matches("<svg").count(), html.matches("<table>").count()), (2, 2));
    }
}
