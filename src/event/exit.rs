//! The exit codes of the program: what a script or a CI may rely on.

use std::process::ExitCode;

/// How the process ends. Other codes come only from the system, such as 137 of SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was observed is as it should be.
    Passed = 0,
    /// Something that was observed is not.
    Failed = 1,
    /// The command line, or what it names, cannot be used; nothing was done.
    Usage = 2,
    /// No verdict: something that it needs failed, or nothing was observed.
    Inconclusive = 3,
    /// SIGINT, after the clean-up.
    Interrupted = 130,
    /// SIGTERM or SIGHUP, after the clean-up.
    Terminated = 143,
}

impl Exit {
    /// Every one of them.
    pub const ALL: [Self; 6] =
        [Self::Passed, Self::Failed, Self::Usage, Self::Inconclusive, Self::Interrupted, Self::Terminated];

    /// The number that the system is given.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, as the help says it.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Passed => "everything as documented (known deviations included, unless denied)",
            Self::Failed => "something is not",
            Self::Usage => "wrong use",
            Self::Inconclusive => "no verdict",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
