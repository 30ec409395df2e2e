//! Programs and processes: whether a file can be started, and the end of what this process starts and of itself.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tokio::process::Child;

/// Whether a file is there and can be started.
#[must_use]
pub fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// A process group that is killed unless it is over.
pub struct Group(Option<u32>);

impl Group {
    /// The group of a child that leads one.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        Self(child.id())
    }

    /// Nothing of it is left.
    pub fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // It may have ended by itself at this moment.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Whether whoever started this process had SIGHUP ignored, as `nohup` does: then a
/// closed terminal does not end it.
#[must_use]
pub fn ignores_hangup() -> bool {
    // The first bit of that mask is the first signal, SIGHUP (proc_pid_status(5)).
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        })
        .is_some_and(|mask| mask & 1 == 1)
}
