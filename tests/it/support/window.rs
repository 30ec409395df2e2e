//! A pseudo-terminal, and what its window shows.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::AsFd as _;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Pts, Pty, open};
use rustix::process::{Pid, Signal, kill_process};
use vt100::Parser;

/// How long anything in a window may take.
pub const LIMIT: Duration = Duration::from_secs(30);

/// What came through the terminal, and what it makes of it.
struct Shown {
    bytes: Vec<u8>,
    parser: Parser,
}

/// A window with so many rows and columns.
pub struct Window {
    pty: Arc<Pty>,
    shown: Arc<Mutex<Shown>>,
    reader: Option<JoinHandle<()>>,
}

fn size(rows: u16, columns: u16) -> (NonZeroU16, NonZeroU16) {
    (NonZeroU16::new(rows).unwrap(), NonZeroU16::new(columns).unwrap())
}

impl Window {
    /// A window that a test writes to by itself.
    pub fn new(rows: u16, columns: u16) -> (Self, File) {
        let (window, pts) = Self::open(rows, columns);
        let file = File::from(pts.as_fd().try_clone_to_owned().unwrap());
        (window, file)
    }

    /// A window in which a command runs, as its terminal's foreground.
    pub fn with(rows: u16, columns: u16, command: Command) -> (Self, Running) {
        let (window, pts) = Self::open(rows, columns);
        let child = pty_process::blocking::Command::from(command).spawn(pts).unwrap();
        (window, Running(child))
    }

    /// The same, with the standard output somewhere else.
    pub fn beside(rows: u16, columns: u16, command: Command, stdout: File) -> (Self, Running) {
        let (window, pts) = Self::open(rows, columns);
        let child = pty_process::blocking::Command::from(command).stdout(stdout).spawn(pts).unwrap();
        (window, Running(child))
    }

    fn open(rows: u16, columns: u16) -> (Self, Pts) {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let (height, width) = size(rows, columns);
        let shown = Shown { bytes: Vec::new(), parser: Parser::new(height, width, 10_000) };
        let (pty, shown) = (Arc::new(pty), Arc::new(Mutex::new(shown)));
        let (from, to) = (pty.clone(), shown.clone());
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux says EIO when nobody has the other side any more.
            while let Ok(count @ 1..) = (&*from).read(&mut buffer) {
                let mut shown = to.lock().unwrap_or_else(PoisonError::into_inner);
                shown.bytes.extend(&buffer[..count]);
                shown.parser.process(&buffer[..count]);
            }
        });
        (Self { pty, shown, reader: Some(reader) }, pts)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Types, such as `\u{3}` for Ctrl-C.
    pub fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Gives the window another size, as a user who drags its edge.
    pub fn resize(&self, rows: u16, columns: u16) {
        let mut shown = self.shown();
        self.pty.resize(Size::new(rows, columns)).unwrap();
        let (rows, columns) = size(rows, columns);
        shown.parser.screen_mut().set_size(rows, columns);
    }

    /// Everything that was written, escape sequences included.
    pub fn bytes(&self) -> String {
        String::from_utf8_lossy(&self.shown().bytes).into_owned()
    }

    /// The rows that a user sees, and those above to which they scroll; without
    /// the empty ones at the end.
    pub fn rows(&self) -> Vec<String> {
        let mut shown = self.shown();
        let screen = shown.parser.screen_mut();
        let (_, columns) = screen.size();
        let mut rows = Vec::new();
        for back in (1..=screen.scrollback_len()).rev() {
            screen.set_scrollback(back);
            rows.extend(screen.rows(0, columns.get()).next());
        }
        screen.set_scrollback(0);
        rows.extend(screen.rows(0, columns.get()));
        let used = rows.iter().rposition(|row| !row.trim_end().is_empty()).map_or(0, |last| last + 1);
        rows[..used].iter().map(|row| row.trim_end().to_owned()).collect()
    }

    /// The rows as one text.
    pub fn text(&self) -> String {
        self.rows().join("\n")
    }

    /// Waits until the window shows something.
    pub fn until(&self, what: &str, shows: impl Fn(&str) -> bool) {
        let started = Instant::now();
        loop {
            let over = self.reader.as_ref().is_none_or(JoinHandle::is_finished);
            if shows(&self.text()) {
                return;
            }
            assert!(!over, "it ended before {what}; the window shows\n{}", self.text());
            assert!(started.elapsed() < LIMIT, "not within {LIMIT:?}: {what}; the window shows\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until nobody writes to it any more, and gives what it shows.
    pub fn closed(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.text()
    }
}

/// What runs in a window. Where a test fails, nothing goes on behind it.
pub struct Running(Child);

impl Running {
    /// Sends a signal, such as SIGHUP, which the system sends when a window is closed.
    pub fn tell(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Waits for its end and gives its exit code.
    pub fn end(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < 3 * LIMIT, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
