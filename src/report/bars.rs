//! The bars of a run, and the screen that they are on.
//!
//! A bar is a row at the bottom that is drawn again and again. Whatever else
//! wants to be on that screen goes through [`Bars::aside`], which takes the bars
//! away and puts them back; otherwise it would stand behind or between them.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

/// How often a second bars are drawn at most.
const RATE: u8 = 20;

/// The rows and columns of a window that does not know its size.
const UNKNOWN: (u16, u16) = (24, 80);

/// The bars of this process, hidden until they are given a screen. Clones are the same bars.
#[derive(Debug, Clone)]
pub struct Bars(MultiProgress);

impl Default for Bars {
    fn default() -> Self {
        Self(MultiProgress::with_draw_target(ProgressDrawTarget::hidden()))
    }
}

impl Bars {
    /// Shows them on this terminal.
    pub fn show(&self, terminal: impl AsFd + Write + Send + 'static) {
        let rows = Rows { drawing: Mutex::new(Drawing { terminal, text: String::new(), at_end: false }) };
        self.0.set_draw_target(ProgressDrawTarget::term_like_with_hz(Box::new(rows), RATE));
    }

    /// Writes something else while the bars are away. What writes must not come here again.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }
}

/// How many columns a terminal has; none where it is no terminal or does not say.
#[must_use]
pub fn columns(terminal: impl AsFd) -> Option<usize> {
    size(terminal).map(|(_, columns)| usize::from(columns))
}

fn size(terminal: impl AsFd) -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// A terminal on which every bar has a row of its own.
///
/// The library fills each row up with spaces and lets the terminal break the
/// line, and so the cursor waits behind the last column. There, the `^C` that a
/// terminal shows goes to the next row, and a window that becomes narrower folds
/// every bar: in both cases rows stay behind that nobody takes away. Here rows
/// end where their text does, and the cursor waits at the beginning of the last.
struct Rows<W> {
    drawing: Mutex<Drawing<W>>,
}

struct Drawing<W> {
    terminal: W,
    text: String,
    /// The next text is for the next row.
    at_end: bool,
}

impl<W> Rows<W> {
    fn drawing(&self) -> MutexGuard<'_, Drawing<W>> {
        self.drawing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, text: fmt::Arguments<'_>) -> io::Result<()> {
        let mut drawing = self.drawing();
        drawing.text.push_str(&text.to_string());
        Ok(())
    }

    fn moved(&self, rows: usize, letter: char) -> io::Result<()> {
        self.drawing().at_end = false;
        // No rows would be one for a terminal.
        if rows == 0 { Ok(()) } else { self.add(format_args!("\u{1b}[{rows}{letter}")) }
    }
}

impl<W> fmt::Debug for Rows<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl<W: AsFd + Write + Send> TermLike for Rows<W> {
    fn width(&self) -> u16 {
        size(&self.drawing().terminal).unwrap_or(UNKNOWN).1
    }

    fn height(&self) -> u16 {
        size(&self.drawing().terminal).unwrap_or(UNKNOWN).0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        self.drawing().at_end = true;
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let filling = text.trim_matches(' ').is_empty();
        let at_end = std::mem::replace(&mut self.drawing().at_end, filling);
        match (filling, at_end) {
            (true, _) => Ok(()),
            (false, true) => self.add(format_args!("\r\n{text}")),
            (false, false) => self.add(format_args!("{text}")),
        }
    }

    fn clear_line(&self) -> io::Result<()> {
        self.drawing().at_end = false;
        self.add(format_args!("\r\u{1b}[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let mut drawing = self.drawing();
        drawing.at_end = false;
        let text = std::mem::take(&mut drawing.text);
        if !text.is_empty() {
            // A terminal that is gone must not end a run that has things to clean
            // up, and the library takes an error for the end of everything.
            let _ = drawing.terminal.write_all(format!("{text}\r").as_bytes());
            let _ = drawing.terminal.flush();
        }
        Ok(())
    }
}

/// What goes on, as bars: one for each step, and one for all scenarios. They go with it.
///
/// All are narrower than forty columns, so that a window can become that
/// narrow without folding one.
#[derive(Debug)]
pub(super) struct Progress {
    bars: Bars,
    steps: HashMap<String, ProgressBar>,
    planned: u64,
    scenarios: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(bars: Bars) -> Self {
        Self { bars, steps: HashMap::new(), planned: 0, scenarios: None }
    }

    /// Writes something while the bars are away.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.bars.aside(write);
    }

    /// How many scenarios there will be.
    pub(super) fn plan(&mut self, scenarios: usize) {
        self.planned = scenarios as u64;
    }

    /// A step starts.
    pub(super) fn start(&mut self, step: &str) {
        let bar = self.bars.0.add(ProgressBar::new_spinner());
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        bar.set_message(step.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        self.steps.insert(step.to_owned(), bar);
    }

    /// A step is over.
    pub(super) fn finish(&mut self, step: &str) {
        if let Some(bar) = self.steps.remove(step) {
            bar.finish_and_clear();
        }
    }

    /// Shown from the first scenario on: the time left would be wrong with the testbed's start in it.
    pub(super) fn scenarios_run(&mut self) {
        if self.scenarios.is_none() {
            let bar = self.bars.0.add(ProgressBar::new(self.planned));
            bar.set_style(style("{bar:10} {pos}/{len} done, {elapsed}{left}").with_key("left", left));
            bar.enable_steady_tick(Duration::from_millis(200));
            self.scenarios = Some(bar);
        }
    }

    /// A scenario has its verdict.
    pub(super) fn scenario_done(&mut self) {
        let Some(bar) = &self.scenarios else { return };
        bar.inc(1);
        if bar.position() >= self.planned {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        for bar in self.steps.values().chain(&self.scenarios) {
            bar.finish_and_clear();
        }
    }
}

/// The time left, once something is done that it can be told from.
fn left(state: &ProgressState, text: &mut dyn fmt::Write) {
    if state.pos() > 0 {
        let _ = write!(text, ", {:#} left", indicatif::HumanDuration(state.eta()));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
