//! What the process ends with: the program's own exit codes, or those that another program expects of a plugin.

use std::process::ExitCode;

use clap::ValueEnum;

use super::say;
use super::shared::fail;
use crate::event::Exit;
use crate::report::plugin::{self, State};

/// Whose exit codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ExitCodes {
    /// As the help says
    #[default]
    Own,
    /// 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, with a line for Nagios first and nothing else on the way
    Nagios,
}

impl ExitCodes {
    /// The flag that says so, as it may stand on a command line that is wrong elsewhere.
    #[must_use]
    pub fn of_command_line() -> Self {
        let arguments: Vec<String> = std::env::args_os().map(|one| one.to_string_lossy().into_owned()).collect();
        let named = |pair: &[String]| pair.concat() == "--exit-codesnagios";
        let joined = arguments.iter().any(|one| one == "--exit-codes=nagios");
        if joined || arguments.windows(2).any(named) { Self::Nagios } else { Self::Own }
    }

    /// Says that nothing could be done, and why.
    pub fn refuse(self, exit: Exit, why: &str) -> Ended {
        match self {
            Self::Own => fail(exit, why).into(),
            Self::Nagios => {
                say::text(format_args!("{}", plugin::unknown(why)));
                Ended::Plugin(State::Unknown)
            }
        }
    }
}

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// A code of its own.
    Own(Exit),
    /// A plugin's.
    Plugin(State),
}

impl From<Exit> for Ended {
    fn from(exit: Exit) -> Self {
        Self::Own(exit)
    }
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Own(exit) => exit.into(),
            Ended::Plugin(state) => state.into(),
        }
    }
}
