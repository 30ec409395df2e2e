//! What the program says, whoever listens or no longer does: a clean-up, for
//! one, goes on where nobody reads what it prints. `println!` would panic.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// Why something could not be said on the standard output.
static UNSAID: OnceLock<io::Error> = OnceLock::new();

/// Says a text on the standard output.
pub fn text(text: Arguments<'_>) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) {
        // A second error tells no more than the first.
        let _ = UNSAID.set(error);
    }
}

/// Says a text on the standard error, after which there is nowhere to complain.
pub fn problem(text: Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}

/// Why not all was said on the standard output, but for a reader who had read enough.
pub fn unsaid() -> Option<&'static io::Error> {
    UNSAID.get().filter(|error| error.kind() != ErrorKind::BrokenPipe)
}

/// Says a line on the standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::say::text(format_args!("{}\n", format_args!($($text)*))) };
}

/// Says a line on the standard error.
macro_rules! complain {
    ($($text:tt)*) => { $crate::cli::say::problem(format_args!("{}\n", format_args!($($text)*))) };
}

pub(super) use {complain, say};
