//! Shows the demo until it is over.

use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use super::table::{self, Screen};
use super::{DemoError, DemoView, Tally, plain};

/// How the demo is shown.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Where the simulated cluster listens.
    pub url: String,
    /// How long it lasts; absent: until it is ended.
    pub lasts: Option<Duration>,
    /// Whether lines are written even where standard output is a terminal.
    pub plain: bool,
}

/// Shows what `view` returns, a few times a second, until the time is over, `q` or Ctrl-C is pressed or `shutdown` is
/// ready. The terminal is then as it was before, and a summary is written to standard output.
///
/// # Errors
/// When there is no way to show anything.
pub async fn run(
    options: DemoOptions,
    mut view: impl FnMut() -> DemoView,
    shutdown: impl Future<Output = ()>,
) -> Result<Tally, DemoError> {
    const PERIOD: Duration = Duration::from_millis(100);
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut output = Output::open(&options)?;
    let mut period = tokio::time::interval(PERIOD);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            _ = period.tick() => {}
            () = &mut shutdown => break,
        }
        let elapsed = start.elapsed();
        let now = view();
        tally.observe(&now);
        let ended = output.show(now, elapsed)?;
        if ended || options.lasts.is_some_and(|lasts| lasts <= elapsed) {
            break;
        }
    }
    drop(output);
    write_lines([tally.to_string()])?;
    Ok(tally)
}

/// Where the demo is shown.
enum Output {
    Table(Table),
    Plain(Plain),
}

impl Output {
    fn open(options: &DemoOptions) -> Result<Self, DemoError> {
        if options.plain || !io::stdout().is_terminal() {
            write_lines([format!("the cluster is simulated; it speaks Flink's REST API at {}", options.url)])?;
            return Ok(Self::Plain(Plain { shown: DemoView::default(), summarized: Duration::ZERO }));
        }
        let terminal = ratatui::try_init().map_err(|error| {
            // It may have failed halfway.
            ratatui::restore();
            DemoError::Terminal(error)
        })?;
        let screen = Screen { url: options.url.clone(), lasts: options.lasts, ..Screen::default() };
        Ok(Self::Table(Table { terminal, screen }))
    }

    /// Shows `view`, and says whether the person has had enough.
    fn show(&mut self, view: DemoView, elapsed: Duration) -> Result<bool, DemoError> {
        match self {
            Self::Table(table) => table.show(&view, elapsed).map_err(DemoError::Terminal),
            Self::Plain(plain) => plain.show(view, elapsed).map(|()| false),
        }
    }
}

/// The terminal while the table has it. Gives it back when dropped; a panic gives it back, too.
struct Table {
    terminal: DefaultTerminal,
    screen: Screen,
}

impl Table {
    fn show(&mut self, view: &DemoView, elapsed: Duration) -> io::Result<bool> {
        self.screen.elapsed = elapsed;
        self.terminal.draw(|frame| table::draw(frame, view, &self.screen))?;
        let height = self.terminal.size()?.height.saturating_sub(table::taken(view));
        while event::poll(Duration::ZERO)? {
            let Event::Key(key) = event::read()? else { continue };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            let highest = table::highest_scroll(view, height);
            match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(true),
                KeyCode::Char('c') if control => return Ok(true),
                KeyCode::Down => self.screen.scroll = self.screen.scroll.saturating_add(1).min(highest),
                KeyCode::Up => self.screen.scroll = self.screen.scroll.saturating_sub(1),
                _ => {}
            }
        }
        Ok(false)
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What has been written so far.
struct Plain {
    shown: DemoView,
    summarized: Duration,
}

impl Plain {
    fn show(&mut self, view: DemoView, elapsed: Duration) -> Result<(), DemoError> {
        const BETWEEN_SUMMARIES: Duration = Duration::from_secs(10);
        write_lines(plain::changes(&self.shown, &view, elapsed))?;
        if self.summarized + BETWEEN_SUMMARIES <= elapsed {
            write_lines([plain::summary(&view, elapsed)])?;
            self.summarized = elapsed;
        }
        self.shown = view;
        Ok(())
    }
}

fn write_lines(lines: impl IntoIterator<Item = String>) -> Result<(), DemoError> {
    let mut out = io::stdout().lock();
    lines.into_iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush()).map_err(DemoError::Output)
}
