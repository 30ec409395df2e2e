//! What the program says, whoever listens or no longer does: a clean-up, for
//! one, goes on where nobody reads what it prints. `println!` would panic.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{LazyLock, OnceLock};

use crate::report::bars::{Bars, columns};
use crate::report::fold::fold;

/// Why something could not be said on the standard output.
static UNSAID: OnceLock<io::Error> = OnceLock::new();

/// The bars on the standard error, hidden but for a run at a terminal.
static BARS: LazyLock<Bars> = LazyLock::new(Bars::default);

/// Shows bars on the standard error from now on.
pub fn show_bars() -> Bars {
    BARS.show(io::stderr());
    BARS.clone()
}

/// Says a text for people, folded where the standard output is a window.
pub fn prose(words: Arguments<'_>) {
    text(format_args!("{}", folded(words, io::stdout())));
}

/// Says a text on the standard output as it is, such as one that goes into a file.
pub fn text(text: Arguments<'_>) {
    let _ = StandardOutput.write_all(text.to_string().as_bytes());
}

/// The standard output; the first error is kept for [`unsaid`].
pub struct StandardOutput;

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map(|()| bytes.len()).inspect_err(|error| {
            // A second error tells no more than the first.
            let _ = UNSAID.set(io::Error::new(error.kind(), error.to_string()));
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says a text for people on the standard error, folded where that is a window.
pub fn complaint(words: Arguments<'_>) {
    problem(format_args!("{}", folded(words, io::stderr())));
}

/// Says a text on the standard error as it is, after which there is nowhere to complain.
pub fn problem(text: Arguments<'_>) {
    // In one piece, so that nothing comes in between.
    let _ = StandardError.write_all(text.to_string().as_bytes());
}

fn folded(words: Arguments<'_>, terminal: impl AsFd) -> String {
    fold(&words.to_string(), columns(terminal))
}

/// The standard error, without the bars while something is written there.
pub struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.aside(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// Why not all was said on the standard output, but for a reader who had read enough.
pub fn unsaid() -> Option<&'static io::Error> {
    UNSAID.get().filter(|error| error.kind() != ErrorKind::BrokenPipe)
}

/// Says a line on the standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::say::prose(format_args!("{}\n", format_args!($($text)*))) };
}

/// Says a line on the standard error.
macro_rules! complain {
    ($($text:tt)*) => { $crate::cli::say::complaint(format_args!("{}\n", format_args!($($text)*))) };
}

pub(super) use {complain, say};
