//! The demo as a table on a terminal.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::view::{age, grouped};
use super::{DemoJob, DemoPolicy, DemoRow, DemoView};

/// What a frame needs besides the view.
#[derive(Clone, Debug, Default)]
pub(super) struct Screen {
    /// Where the simulated cluster listens.
    pub(super) url: String,
    /// Since the demo began.
    pub(super) elapsed: Duration,
    /// How long it lasts, if it ends by itself.
    pub(super) lasts: Option<Duration>,
    /// Lines of jobs that are scrolled out at the top.
    pub(super) scroll: u16,
}

/// Draws `view` on the whole of `frame`.
pub(super) fn draw(frame: &mut Frame<'_>, view: &DemoView, screen: &Screen) {
    let header = header(view, screen);
    let height = u16::try_from(header.len()).unwrap_or_default();
    let rows = Layout::vertical([Constraint::Length(height), Constraint::Min(1), Constraint::Length(1)]);
    let [head, body, foot] = rows.areas(frame.area());
    frame.render_widget(Paragraph::new(header), head);
    let lines: Vec<Line<'_>> = view.jobs.iter().flat_map(|job| lines_of(job, view)).collect();
    frame.render_widget(Paragraph::new(lines).scroll((screen.scroll.min(highest_scroll(view, body.height)), 0)), body);
    frame.render_widget(Paragraph::new(footer(screen)), foot);
}

/// How far the jobs can be scrolled when `height` lines of them are visible.
pub(super) fn highest_scroll(view: &DemoView, height: u16) -> u16 {
    let lines: usize = view.jobs.iter().map(|job| 1 + job.rows.len()).sum();
    u16::try_from(lines).unwrap_or(u16::MAX).saturating_sub(height)
}

/// How many lines the jobs do not have.
pub(super) fn taken(view: &DemoView) -> u16 {
    if view.policy.is_some() { 4 } else { 3 }
}

const VERTEX_WIDTH: usize = 24;
const BAR_WIDTH: usize = 10;
const LAG_WIDTH: usize = 11;

fn header(view: &DemoView, screen: &Screen) -> Vec<Line<'static>> {
    let title = Line::from(vec![
        "tidegate demo".bold(),
        " - ".into(),
        "simulated cluster".fg(Color::Yellow).bold(),
        format!(", Flink's REST API at {}", screen.url).into(),
    ]);
    let (load_width, arrow) = (BAR_WIDTH + 6, "now > wanted");
    let columns =
        format!("  {:VERTEX_WIDTH$} {:load_width$} {:>LAG_WIDTH$}  subtasks: {arrow}", "job / vertex", "load", "lag");
    let columns = Line::from(columns).style(Style::new().fg(Color::DarkGray));
    std::iter::once(title).chain(view.policy.as_ref().map(deciding)).chain([columns]).collect()
}

fn deciding(policy: &DemoPolicy) -> Line<'static> {
    let DemoPolicy { source, version, refused } = policy;
    let version = version.as_deref().unwrap_or("-");
    let mut spans = vec![format!("policy {source}, version ").into(), version.to_owned().fg(Color::Cyan).bold()];
    if let Some((version, why)) = refused {
        spans.push(format!("  {version} is refused: {why}").fg(Color::Red));
    }
    spans.into()
}

fn footer(screen: &Screen) -> Line<'static> {
    let seconds = screen.elapsed.as_secs();
    let time = match screen.lasts {
        Some(lasts) => format!("{seconds} of {} s", lasts.as_secs()),
        None => format!("{seconds} s"),
    };
    let key = |name: &'static str| Span::styled(name, Style::new().add_modifier(Modifier::REVERSED));
    vec![key(" q "), " quit  ".into(), key(" up/down "), " scroll  ".into(), time.into()].into()
}

fn lines_of<'a>(job: &'a DemoJob, view: &DemoView) -> Vec<Line<'a>> {
    let mut lines = vec![heading(job, view)];
    lines.extend(job.rows.iter().map(row));
    lines
}

fn heading<'a>(job: &'a DemoJob, view: &DemoView) -> Line<'a> {
    let mut spans = vec![job.name.as_str().bold(), "  ".into()];
    if !job.is_running() {
        spans.extend([job.state.as_str().fg(Color::Magenta), "  ".into()]);
    }
    match &job.decision {
        None => spans.push("nothing decided yet".fg(Color::DarkGray)),
        Some(decision) => {
            let style = if decision.acted { Style::new().fg(Color::Cyan) } else { Style::new().fg(Color::DarkGray) };
            spans.push(Span::styled(format!("{}: {}", age(view.now, decision.at), decision.what), style));
            if !decision.why.is_empty() {
                spans.push(format!(" ({})", decision.why).fg(Color::DarkGray));
            }
        }
    }
    spans.into()
}

fn row<'a>(row: &DemoRow) -> Line<'a> {
    let name: String = row.vertex.chars().take(VERTEX_WIDTH).collect();
    let lag = row.lag.map(grouped).unwrap_or_default();
    let mut spans = vec![format!("  {name:VERTEX_WIDTH$} ").into()];
    spans.extend(load(row.load));
    spans.push(format!(" {lag:>LAG_WIDTH$}  {:>4}", row.parallelism).into());
    if let Some(wanted) = row.wanted.filter(|wanted| *wanted != row.parallelism) {
        let color = if wanted > row.parallelism { Color::Green } else { Color::Yellow };
        spans.push(format!(" > {wanted}").fg(color).bold());
    }
    spans.into()
}

fn load(load: Option<f64>) -> [Span<'static>; 2] {
    let Some(load) = load else { return ["".into(), format!("{:width$}", "-", width = BAR_WIDTH + 6).into()] };
    let full = ((load * BAR_WIDTH as f64).round().max(0.0) as usize).min(BAR_WIDTH);
    let color = match load {
        _ if load < 0.8 => Color::Green,
        _ if load < 0.95 => Color::Yellow,
        _ => Color::Red,
    };
    let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR_WIDTH - full));
    [bar.fg(color), format!(" {:>3.0} %", load * 100.0).into()]
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::DemoDecision;
    use super::super::view::tests::{at, job};
    use super::*;

    fn drawn(view: &DemoView, screen: &Screen, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, view, screen)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(line).collect()
    }

    fn view() -> DemoView {
        let mut growing = job("growing", 12_345.0, 1, 4);
        growing.decision = Some(DemoDecision {
            at: at(93),
            acted: true,
            what: "enrich 1 -> 4".to_owned(),
            why: "too slow by 80 %".to_owned(),
        });
        let mut waiting = job("waiting", 0.0, 2, 2);
        waiting.state = "RESTARTING".to_owned();
        waiting.rows.iter_mut().for_each(|row| row.load = None);
        DemoView { now: at(100), jobs: vec![growing, waiting], policy: None }
    }

    fn screen() -> Screen {
        let seconds = Duration::from_secs;
        let url = "http://127.0.0.1:8081".to_owned();
        Screen { url, elapsed: seconds(12), lasts: Some(seconds(60)), scroll: 0 }
    }

    #[test]
    fn a_person_sees_what_is_going_on() {
        let expected = [
            "tidegate demo - simulated cluster, Flink's REST API at http://127.0.0.1:8081",
            "  job / vertex             load                     lag  subtasks: now > wanted",
            "growing  7 s ago: enrich 1 -> 4 (too slow by 80 %)",
            "  Source: log              ██░░░░░░░░  20 %      12,345     1",
            "  enrich                   ██████████  97 %                 1 > 4",
            "waiting  RESTARTING  nothing decided yet",
            "  Source: log              -                          0     1",
            "  enrich                   -                                2",
            " q  quit   up/down  scroll  12 of 60 s",
        ];
        assert_eq!(drawn(&view(), &screen(), 80, 9), expected.map(str::to_owned));
    }

    #[test]
    fn ones_own_policy_is_shown_with_its_version() {
        let policy = |refused: Option<(&str, &str)>| DemoPolicy {
            source: "my-policy.wasm".to_owned(),
            version: Some("0a1b2c3d4e5f".to_owned()),
            refused: refused.map(|(version, why)| (version.to_owned(), why.to_owned())),
        };
        let shown = |refused| drawn(&DemoView { policy: Some(policy(refused)), ..view() }, &screen(), 80, 10);
        let all = shown(None);
        assert_eq!(all[1], "policy my-policy.wasm, version 0a1b2c3d4e5f");
        assert!(all[2].starts_with("  job / vertex") && all[8].starts_with("  enrich"), "{all:?}");
        let refused = shown(Some(("6f7e8d9c0b1a", "it traps")));
        assert_eq!(refused[1], "policy my-policy.wasm, version 0a1b2c3d4e5f  6f7e8d9c0b1a is refused: it traps");
    }

    #[test]
    fn no_size_is_too_small() {
        for (width, height) in [(1, 1), (20, 2), (200, 3), (80, 24)] {
            assert_eq!(drawn(&view(), &screen(), width, height).len(), usize::from(height));
        }
    }

    #[test]
    fn scrolling_ends_with_the_last_line() {
        let far = Screen { scroll: 99, ..screen() };
        let found = drawn(&view(), &far, 80, 5);
        assert!(found[3].starts_with("  enrich "), "{found:?}");
        assert_eq!((highest_scroll(&view(), 2), highest_scroll(&view(), 50)), (4, 0));
    }
}
